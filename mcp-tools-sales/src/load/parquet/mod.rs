//! Parquet, row group by row group on all processors.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io, mem,
    num::NonZero,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use parquet::{
    errors::ParquetError,
    file::metadata::{ParquetMetaData, ParquetMetaDataReader},
    schema::types::SchemaDescriptor,
};

use self::{
    chunk::{Chunk, Doubles},
    columns::Columns,
    value::{Kind, Value},
};
use super::{
    format::SalesFormat,
    part::{Dictionaries, Loading, Meeting, Part, Rows, Shared, Tally, Wanted, rows_of},
    values::{self, Dates, Mistake},
};
use crate::{Date, Dimension, LoadError, Money, store};

mod chunk;
mod columns;
mod pages;
mod ranges;
mod runs;
mod value;

pub(super) use self::ranges::Ranges;

/// A file whose columns have been found.
pub(crate) struct Opened {
    name: String,
    metadata: ParquetMetaData,
    columns: Columns,
    /// How many rows each row group has.
    lengths: Vec<usize>,
}

/// A file that is being read.
struct Source<'a, R> {
    name: &'a str,
    format: &'a SalesFormat,
    content: &'a R,
    metadata: &'a ParquetMetaData,
    columns: &'a Columns,
    wanted: Wanted,
}

/// What a thread reads row groups into: memory that is new costs as much as what is written to it.
struct Room<'a, 'd> {
    rows: Rows,
    /// Codes of the names of a column.
    codes: Vec<u32>,
    pages: pages::Room,
    names: Shared<'a, 'd>,
}

/// The rows of the file that cannot be read, and what is wrong with each.
type Faults = BTreeMap<usize, LoadError>;

/// What reading a row group came to: its columns, and which rows have to be taken out.
type Read = Result<(Part, Vec<usize>), LoadError>;

impl Opened {
    /// Finds the columns of a file. Their values are not looked at.
    pub(super) fn open<R: Ranges>(
        name: &str,
        format: &SalesFormat,
        content: &R,
    ) -> Result<Self, LoadError> {
        let metadata = damaged_or(name, || {
            let metadata = ParquetMetaDataReader::new().parse_and_finish(content);
            metadata.map_err(|error| broken(name, error))
        })?;
        let schema = metadata.file_metadata().schema_descr();
        let columns = Columns::find(name, format, schema)?;
        for (group, metadata) in metadata.row_groups().iter().enumerate() {
            let rows = metadata.num_rows();
            let odd = |place: &usize| {
                let column = metadata.column(*place);
                column.column_descr().max_rep_level() == 0 && column.num_values() != rows
            };
            if let Some(place) = columns.places().find(odd) {
                let found = metadata.column(place).num_values();
                return Err(lengths_differ(name, group, rows, found, &column_name(schema, place)));
            }
        }
        let lengths = metadata
            .row_groups()
            .iter()
            .map(|group| usize::try_from(group.num_rows()).unwrap_or(usize::MAX))
            .collect();
        Ok(Self { name: name.to_owned(), metadata, columns, lengths })
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> Result<usize, LoadError> {
        rows_of(&self.name, &self.lengths)
    }

    /// Whether it says which order a line belongs to.
    pub(super) fn has_orders(&self) -> bool {
        self.columns.order.is_some()
    }

    /// Reads columns of the file, all of whose content this is.
    pub(super) fn read<R: Ranges>(
        &self,
        format: &SalesFormat,
        content: &R,
        wanted: Wanted,
        loading: &mut Loading,
    ) -> Result<Part, LoadError> {
        let Self { name, metadata, columns, lengths } = self;
        self.rows()?;
        let dictionaries =
            loading.file(|| columns.describe(metadata.file_metadata().schema_descr()));
        Source { name, format, content, metadata, columns, wanted }.read(lengths, dictionaries)
    }
}

impl<R: Ranges> Source<'_, R> {
    /// Reads all row groups, on all processors.
    fn read(&self, lengths: &[usize], dictionaries: &mut Dictionaries) -> Result<Part, LoadError> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = threads.min(lengths.len()).max(1);
        let (next, stop) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let meeting = Mutex::new(Meeting::of(dictionaries));
        let starts: Vec<usize> = lengths
            .iter()
            .scan(0, |next, length| Some(mem::replace(next, *next + length)))
            .collect();
        let work = || {
            let mut room = Room::of(&meeting);
            let mut done = Vec::new();
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                if group >= lengths.len().min(stop.load(Ordering::Relaxed)) {
                    return done;
                }
                let read =
                    damaged_or(self.name, || self.row_group(group, starts[group], &mut room));
                if read.is_err() {
                    stop.fetch_min(group, Ordering::Relaxed);
                }
                done.push((group, read));
            }
        };
        let mut read: Vec<(usize, Read)> = thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
            }
            done
        });
        meeting.into_inner().unwrap_or_else(PoisonError::into_inner).end();
        read.sort_unstable_by_key(|(group, _)| *group);
        let (mut part, mut bad) = (Part::default(), Vec::new());
        for (_, read) in read {
            let (group, mut rows) = read?;
            part.append(self.name, group)?;
            bad.append(&mut rows);
        }
        Ok(part.without(&bad))
    }
}

impl<'a, 'd> Room<'a, 'd> {
    fn of(meeting: &'a Mutex<Meeting<'d>>) -> Self {
        Self {
            rows: Rows::default(),
            codes: Vec::new(),
            pages: pages::Room::default(),
            names: Shared::of(meeting),
        }
    }
}

fn column_name(schema: &SchemaDescriptor, place: usize) -> String {
    format!("{} ({})", place + 1, schema.column(place).path().string())
}

fn lengths_differ(
    name: &str,
    group: usize,
    rows: impl Display,
    found: impl Display,
    column: &str,
) -> LoadError {
    let expected = format!("{rows} rows in row group {group}");
    LoadError::file(name, expected, format!("{found} in column {column}"))
}

/// What reading comes to. The crate takes some of what cannot be in a file for its own mistake, and panics.
fn damaged_or<T>(name: &str, read: impl FnOnce() -> Result<T, LoadError>) -> Result<T, LoadError> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let damaged = io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        Err(LoadError::io(name, None, damaged))
    })
}

/// A file that is cut off or damaged, or a column that is.
fn broken(name: &str, error: ParquetError) -> LoadError {
    LoadError::io(name, None, error)
}

impl<R: Ranges> Source<'_, R> {
    /// Reads a row group, before which there are so many rows.
    fn row_group(&self, group: usize, before: usize, room: &mut Room<'_, '_>) -> Read {
        let mut faults = Faults::new();
        let Self { columns, wanted, .. } = self;
        let Room { rows, codes, pages, names } = room;
        names.begin(group);
        let mut part = Part::default();
        let mut column = Column { source: self, group, before, faults: &mut faults, pages };

        if wanted.date {
            let mut dates = Dates::new(self.format);
            let dates = column
                .read(columns.date, &mut rows.date, Date::EPOCH, |value| value.date(&mut dates))?;
            part.dates = store::Dates::of(dates);
        }
        let (mut sums, mut counted) = (&[][..], true);
        if wanted.sums {
            let (units, revenue) = column.sums(columns, rows)?;
            part.units.push(units);
            // While they are in the processor's cache.
            for amounts in revenue.chunks(store::Column::PART) {
                counted &= part.tally.count_all(amounts);
                part.revenue.push(amounts);
            }
            sums = revenue;
        }
        for dimension in Dimension::ALL {
            let place = columns.dimensions[dimension as usize];
            let Some(place) = place.filter(|_| wanted.names[dimension as usize]) else { continue };
            let instead = self.format.value(dimension);
            let codes = column.read(place, codes, 0, |value| {
                // Most are known as they are, without a closer look.
                if let Value::Text(name) = value
                    && let Some(code) = names.known(dimension, name)
                {
                    return Ok(code);
                }
                let mut code = |name: &str| {
                    let name = name.trim();
                    let name = if name.is_empty() { instead } else { Some(name) };
                    let name = name.ok_or(values::NAME)?;
                    let code = names.name(dimension, name);
                    code.ok_or_else(|| "at most 4294967296 distinct names".to_owned())
                };
                match value {
                    Value::Null if instead.is_some() => code(""),
                    value => value.text(code),
                }
            })?;
            part.names[dimension as usize].push(codes);
        }
        if let Some(place) = columns.order.filter(|_| wanted.order) {
            let mut last = Memory::default();
            let codes = column.read(place, codes, 0, |value| {
                let mut code = |order: &str| Ok(names.order(order).unwrap_or(u32::MAX));
                match value {
                    Value::Null => code(""),
                    value => last.of(value, code),
                }
            })?;
            part.order.push(codes);
        }
        if !column.faults.is_empty() || !counted {
            part.tally = Tally::default();
            for (row, amount) in sums.iter().enumerate() {
                let is_bad = column.faults.contains_key(&(before + row));
                if !is_bad && !part.tally.count(*amount) {
                    column.fault(columns.amount, row, values::TOTAL.to_owned(), amount.to_string());
                }
            }
        }
        let bad = faults.keys().copied().collect();
        for fault in faults.into_values() {
            part.tally.fault(self.format, fault)?;
        }
        Ok((part, bad))
    }

    fn schema(&self) -> &SchemaDescriptor {
        self.metadata.file_metadata().schema_descr()
    }

    fn column_name(&self, place: usize) -> String {
        column_name(self.schema(), place)
    }

    /// Notes the first fault of a row of the file.
    fn fault(
        &self,
        faults: &mut Faults,
        place: usize,
        row: usize,
        expected: Mistake,
        found: String,
    ) {
        faults.entry(row).or_insert_with(|| {
            LoadError::row(self.name, row as u64 + 1, self.column_name(place), expected, found)
        });
    }
}

/// What reads the columns of a row group.
struct Column<'a, R> {
    source: &'a Source<'a, R>,
    pages: &'a mut pages::Room,
    group: usize,
    /// How many rows are before it.
    before: usize,
    faults: &'a mut Faults,
}

impl<R: Ranges> Column<'_, R> {
    /// Reads units and revenue.
    // A method alone is for values of one lifetime; the closure is for all.
    #[allow(clippy::redundant_closure_for_method_calls)]
    fn sums<'r>(
        &mut self,
        columns: &Columns,
        rows: &'r mut Rows,
    ) -> Result<(&'r [i32], &'r [Money]), LoadError> {
        let format = self.source.format;
        let units = self.read(columns.units, &mut rows.units, 0, |value| value.units())?;
        let decimal = format.decimal;
        let revenue = self.read_with(
            columns.amount,
            &mut rows.revenue,
            Money::default(),
            Some(Money::from_f64s),
            |value| value.money(decimal),
        )?;
        if columns.is_price {
            for (row, (units, price)) in units.iter().zip(revenue.iter_mut()).enumerate() {
                let shown = *price;
                *price = values::amount(*units, shown).unwrap_or_else(|expected| {
                    self.fault(columns.amount, row, expected, shown.to_string());
                    Money::default()
                });
            }
        }
        if let (Some(place), Some(returns)) = (columns.returns, &format.returns) {
            let mut room = Vec::new();
            let returned = self.read(place, &mut room, false, |value| {
                value.text(|text| Ok(returns.values.iter().any(|value| value == text)))
            })?;
            for (row, _) in returned.iter().enumerate().filter(|(_, returned)| **returned) {
                units[row] = -units[row].saturating_abs();
                revenue[row] = Money::from_steps(-revenue[row].ten_thousandths().abs());
            }
        }
        Ok((units, revenue))
    }

    /// Reads a column into room that may have been used before: its values. Rows with a fault get `instead`.
    fn read<'r, T: Copy>(
        &mut self,
        place: usize,
        to: &'r mut Vec<T>,
        instead: T,
        convert: impl FnMut(Value<'_>) -> Result<T, Mistake>,
    ) -> Result<&'r mut [T], LoadError> {
        self.read_with(place, to, instead, None, convert)
    }

    /// The same, where there is a faster way for doubles.
    fn read_with<'r, T: Copy>(
        &mut self,
        place: usize,
        to: &'r mut Vec<T>,
        instead: T,
        doubles: Option<Doubles<T>>,
        convert: impl FnMut(Value<'_>) -> Result<T, Mistake>,
    ) -> Result<&'r mut [T], LoadError> {
        let source = self.source;
        let descriptor = source.schema().column(place);
        let kind = Kind::of(&descriptor).ok_or_else(|| {
            let found =
                format!("{} of type {:?}", source.column_name(place), descriptor.physical_type());
            LoadError::file(source.name, "a column of plain values".to_owned(), found)
        })?;
        let group = source.metadata.row_group(self.group);
        let rows = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
        let (before, faults) = (self.before, &mut *self.faults);
        let fault =
            |row, expected, found| source.fault(faults, place, before + row, expected, found);
        let mut chunk =
            Chunk { descriptor, kind, to, rows, done: 0, instead, convert, doubles, fault };
        let read = self.pages.open(source.content, group.column(place), rows);
        read.and_then(|pages| chunk.read(pages, self.pages))
            .map_err(|error| broken(source.name, error))?;
        let done = chunk.done;
        if done == rows {
            return Ok(&mut to[..rows]);
        }
        Err(lengths_differ(source.name, self.group, rows, done, &source.column_name(place)))
    }

    fn fault(&mut self, place: usize, row: usize, expected: Mistake, found: String) {
        self.source.fault(self.faults, place, self.before + row, expected, found);
    }
}

/// The code of the name that was read last: names often come in runs.
#[derive(Default)]
struct Memory {
    name: Vec<u8>,
    code: Option<u32>,
}

impl Memory {
    fn of(
        &mut self,
        value: Value<'_>,
        code: impl FnOnce(&str) -> Result<u32, Mistake>,
    ) -> Result<u32, Mistake> {
        if let (Value::Text(name), Some(code)) = (value, self.code)
            && name == self.name
        {
            return Ok(code);
        }
        let code = value.text(code)?;
        if let Value::Text(name) = value {
            self.name.clear();
            self.name.extend_from_slice(name);
            self.code = Some(code);
        }
        Ok(code)
    }
}
