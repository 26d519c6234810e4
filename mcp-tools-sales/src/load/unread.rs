//! Parquet files whose columns are read one by one, when they are asked for.

use std::{io, sync::Arc, time::SystemTime};

use super::{
    Content, Input,
    format::{Check, OnBadRows, SalesFormat},
    parquet::Opened,
    part::{Joining, Loading, Wanted, rows_of},
};
use crate::{
    DataColumn, Dimension, LoadError, Names,
    store::{self, ByDate, Columns, Dates},
};

/// Files that have been opened: their schemas fit, their values have not been looked at.
pub(crate) struct Unread {
    name: String,
    format: SalesFormat,
    files: Vec<Unchanged>,
    /// How many rows each file has.
    lengths: Vec<usize>,
}

/// The days of all rows, and what the files are.
pub(crate) struct Days {
    /// In which order rows come.
    pub(crate) by_date: ByDate,
    /// In that order.
    pub(crate) days: Arc<store::Days>,
    /// How many files there are.
    pub(crate) files: u64,
    /// The columns of the first.
    pub(crate) columns: Vec<DataColumn>,
}

/// A file, and what tells whether it has been written to since it was opened.
struct Unchanged {
    input: Input,
    opened: Opened,
    stamp: Option<(u64, SystemTime)>,
}

impl Unread {
    /// Opens files, or gives them back if they have to be read as a whole: where lines are set aside, what
    /// counts depends on all of their columns.
    pub(crate) fn open(
        name: &str,
        format: &SalesFormat,
        inputs: Vec<Input>,
    ) -> Result<Result<Self, Vec<Input>>, LoadError> {
        let mut whole = inputs.is_empty()
            || format.check == Check::Start
            || format.on_bad_rows == OnBadRows::Report;
        for input in &inputs {
            whole = whole || !input.is_parquet()?;
        }
        if whole {
            return Ok(Err(inputs));
        }
        let mut files = Vec::new();
        let mut lengths = Vec::new();
        for input in inputs {
            let stamp = input.stamp()?;
            let opened = match &input.content {
                Content::File(file) => Opened::open(&input.name, format, file)?,
                #[cfg(feature = "s3")]
                Content::Bytes(bytes) => Opened::open(&input.name, format, bytes)?,
            };
            lengths.push(opened.rows()?);
            files.push(Unchanged { input, opened, stamp });
        }
        if rows_of(name, &lengths)? == 0 {
            let expected = "at least one order line".to_owned();
            return Err(LoadError::file(name, expected, "none".to_owned()));
        }
        Ok(Ok(Self { name: name.to_owned(), format: format.clone(), files, lengths }))
    }

    /// Reads what has to be known from the start: days, and what the files are.
    pub(crate) fn days(&self) -> Result<Days, LoadError> {
        let (loading, parts) = self.parts(Wanted::DATE)?;
        let mut dates = Dates::default();
        parts.into_iter().for_each(|part| dates.append(part.dates));
        let (days, by_date) = dates.sorted();
        let (files, columns) = loading.found();
        Ok(Days { by_date, days, files, columns })
    }

    /// Whether it is known which order a line belongs to.
    pub(crate) fn has_orders(&self) -> bool {
        let mut files = self.files.iter().zip(&self.lengths);
        files.all(|(file, &rows)| rows == 0 || file.opened.has_orders())
    }

    /// Reads columns, all of their values, and the names of their codes. Others are empty, and dates too.
    pub(crate) fn read(
        &self,
        wanted: Wanted,
        by_date: &ByDate,
    ) -> Result<(Columns, [Names; Dimension::ALL.len()]), LoadError> {
        let (loading, parts) = self.parts(wanted)?;
        let Self { name, format, lengths, .. } = self;
        let joining = Joining { name, format, lengths, by_date };
        joining.columns(wanted, loading.into_dictionaries(), parts)
    }

    fn parts(&self, wanted: Wanted) -> Result<(Loading, Vec<super::Part>), LoadError> {
        let mut loading = Loading::default();
        let mut parts = Vec::new();
        for Unchanged { input, opened, stamp } in &self.files {
            parts.push(match &input.content {
                Content::File(file) => opened.read(&self.format, file, wanted, &mut loading),
                #[cfg(feature = "s3")]
                Content::Bytes(bytes) => opened.read(&self.format, bytes, wanted, &mut loading),
            });
            // What was found wrong may be so because of it.
            if *stamp != input.stamp()? {
                let expected = "the file as it was when the server was started".to_owned();
                let found = "that it has been written to; start the server again".to_owned();
                return Err(LoadError::file(&input.name, expected, found));
            }
        }
        let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok((loading, parts))
    }
}

impl Input {
    /// A file's length, and when it was written to last.
    fn stamp(&self) -> Result<Option<(u64, SystemTime)>, LoadError> {
        let stamp = |file: &std::fs::File| -> io::Result<_> {
            let metadata = file.metadata()?;
            Ok((metadata.len(), metadata.modified()?))
        };
        match &self.content {
            Content::File(file) => {
                stamp(file).map(Some).map_err(|error| LoadError::io(&self.name, None, error))
            }
            #[cfg(feature = "s3")]
            Content::Bytes(_) => Ok(None),
        }
    }
}
