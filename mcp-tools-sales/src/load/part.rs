//! Columns of a part of the data, and how parts become one.

use std::{mem, sync::Arc};

use super::{
    format::{OnBadRows, SalesFormat},
    recent::Recent,
};
use crate::{
    DataColumn, Date, Dimension, LoadError, Money, Names, SalesStore,
    store::{self, ByDate, Columns, Found},
};

/// So many faults are shown; more are counted.
const FAULTS_SHOWN: usize = 5;

/// What has been learnt from the files so far.
#[derive(Default)]
pub(super) struct Loading {
    dictionaries: Dictionaries,
    files: u64,
    /// The columns of the first file.
    columns: Vec<DataColumn>,
}

/// Names that have been met, and the codes that they were given.
#[derive(Default)]
pub(super) struct Dictionaries {
    names: [Names; Dimension::ALL.len()],
    recent: [Recent; Dimension::ALL.len()],
    orders: Names,
}

/// The place of orders among lists that have one for each dimension before it.
const ORDERS: usize = Dimension::ALL.len();

/// Which columns are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) date: bool,
    /// Units and revenue.
    pub(crate) sums: bool,
    /// Of each dimension, in the order of [`Dimension::ALL`].
    pub(crate) names: [bool; Dimension::ALL.len()],
    pub(crate) order: bool,
}

impl Wanted {
    pub(crate) const ALL: Self =
        Self { date: true, sums: true, names: [true; Dimension::ALL.len()], order: true };
    pub(crate) const DATE: Self =
        Self { date: true, sums: false, names: [false; Dimension::ALL.len()], order: false };
}

/// New names of each dimension, and new orders.
pub(super) type Met = [Vec<Arc<str>>; ORDERS + 1];

/// What the codes of other dictionaries are in these, for each dimension and for orders.
#[derive(Default)]
pub(super) struct Codes([Vec<u32>; ORDERS + 1]);

/// Rows that follow each other in a file. A column of what the file does not say is empty.
#[derive(Default)]
pub(super) struct Part {
    pub(super) date: Vec<Date>,
    pub(super) names: [Vec<u32>; Dimension::ALL.len()],
    pub(super) order: Vec<u32>,
    pub(super) units: Vec<i32>,
    pub(super) revenue: Vec<Money>,
    /// How much the revenue is, ignoring signs.
    pub(super) absolute: i64,
    pub(super) set_aside: u64,
    pub(super) faults: Vec<LoadError>,
    /// How many lines of the file it is made of.
    pub(super) lines: u64,
}

impl Loading {
    /// Begins with a file: the dictionaries that its codes are of.
    pub(super) fn file(&mut self, columns: impl FnOnce() -> Vec<DataColumn>) -> &mut Dictionaries {
        self.files += 1;
        if self.files == 1 {
            self.columns = columns();
        }
        &mut self.dictionaries
    }

    /// How many files were begun with, and the columns of the first.
    pub(super) fn found(self) -> (u64, Vec<DataColumn>) {
        (self.files, self.columns)
    }

    pub(super) fn into_dictionaries(self) -> Dictionaries {
        self.dictionaries
    }
}

impl Codes {
    /// Of a dimension, or of orders.
    pub(super) fn of(&self, dimension: Option<Dimension>) -> &[u32] {
        &self.0[dimension.map_or(ORDERS, |dimension| dimension as usize)]
    }
}

impl Dictionaries {
    pub(super) fn name(&mut self, dimension: Dimension, name: &str) -> Option<u32> {
        let names = &mut self.names[dimension as usize];
        self.recent[dimension as usize].code(name, |name| names.add(name, 0))
    }

    /// The code of a name that was met lately.
    pub(super) fn recent(&self, dimension: Dimension, name: &[u8]) -> Option<u32> {
        self.recent[dimension as usize].known(name)
    }

    pub(super) fn order(&mut self, order: &str) -> Option<u32> {
        self.orders.add(order, 0)
    }

    fn all(&self) -> impl Iterator<Item = &Names> {
        self.names.iter().chain([&self.orders])
    }

    /// How many names there are.
    pub(super) fn lengths(&self) -> [usize; ORDERS + 1] {
        let mut lengths = [0; ORDERS + 1];
        lengths.iter_mut().zip(self.all()).for_each(|(length, names)| *length = names.len());
        lengths
    }

    /// The names that came after there were so many.
    pub(super) fn after(&self, before: &[usize; ORDERS + 1]) -> Met {
        let mut met = Met::default();
        for ((met, names), before) in met.iter_mut().zip(self.all()).zip(before) {
            met.extend((*before..names.len()).filter_map(|code| names.get(code)).cloned());
        }
        met
    }

    /// Adds names that others met, and notes the codes of them here. None if there are too many.
    pub(super) fn add(&mut self, met: &Met, codes: &mut Codes) -> Option<()> {
        let ours = self.names.iter_mut().chain([&mut self.orders]);
        for ((names, met), codes) in ours.zip(met).zip(&mut codes.0) {
            for name in met {
                codes.push(names.add_shared(name)?);
            }
        }
        Some(())
    }
}

impl Part {
    /// With room for rows in the columns that a file has.
    pub(super) fn with_room(
        dimensions: [Option<usize>; Dimension::ALL.len()],
        order: Option<usize>,
        rows: usize,
    ) -> Self {
        let codes = |column: Option<usize>| Vec::with_capacity(column.map_or(0, |_| rows));
        Self {
            date: Vec::with_capacity(rows),
            names: dimensions.map(codes),
            order: codes(order),
            units: Vec::with_capacity(rows),
            revenue: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// Notes a row that cannot be read, or fails with it.
    pub(super) fn fault(
        &mut self,
        format: &SalesFormat,
        error: LoadError,
    ) -> Result<(), LoadError> {
        match format.on_bad_rows {
            OnBadRows::Stop => Err(error),
            OnBadRows::Report => {
                self.set_aside += 1;
                if self.faults.len() < FAULTS_SHOWN {
                    self.faults.push(error);
                }
                Ok(())
            }
        }
    }

    /// Adds the rows that follow, whose codes become those that `code` says.
    pub(super) fn append(
        &mut self,
        name: &str,
        mut next: Self,
        code: impl Fn(Option<Dimension>, u32) -> u32,
    ) -> Result<(), LoadError> {
        next.faults.iter_mut().for_each(|fault| fault.move_by(self.lines));
        self.lines += next.lines;
        self.date.append(&mut next.date);
        self.units.append(&mut next.units);
        self.revenue.append(&mut next.revenue);
        for dimension in Dimension::ALL {
            let codes = mem::take(&mut next.names[dimension as usize]).into_iter();
            self.names[dimension as usize].extend(codes.map(|known| code(Some(dimension), known)));
        }
        self.order.extend(mem::take(&mut next.order).into_iter().map(|known| code(None, known)));
        self.add(name, next)
    }

    /// Adds what is known of other rows of the file, not the rows.
    pub(super) fn add(&mut self, name: &str, mut other: Self) -> Result<(), LoadError> {
        self.absolute = self.absolute.checked_add(other.absolute).ok_or_else(|| {
            LoadError::file(name, super::values::TOTAL.to_owned(), "more".to_owned())
        })?;
        self.set_aside += other.set_aside;
        other.faults.truncate(FAULTS_SHOWN.saturating_sub(self.faults.len()));
        self.faults.append(&mut other.faults);
        Ok(())
    }

    /// Takes rows out, which are given in order.
    pub(super) fn remove(&mut self, rows: &[usize]) {
        fn retain<T>(column: &mut Vec<T>, rows: &[usize]) {
            let mut rows = rows.iter().peekable();
            let mut row = 0..;
            column.retain(|_| rows.next_if_eq(&&row.next().unwrap_or(usize::MAX)).is_none());
        }
        if rows.is_empty() {
            return;
        }
        retain(&mut self.date, rows);
        self.names.iter_mut().for_each(|codes| retain(codes, rows));
        retain(&mut self.order, rows);
        retain(&mut self.units, rows);
        retain(&mut self.revenue, rows);
    }

    /// Counts an amount; false if all amounts, ignoring signs, are more than can be summed.
    pub(super) fn count(&mut self, amount: Money) -> bool {
        // No amount is `i64::MIN`.
        match self.absolute.checked_add(amount.ten_thousandths().abs()) {
            Some(absolute) => {
                self.absolute = absolute;
                true
            }
            None => false,
        }
    }
}

/// Makes a store of the parts of all files. With several it needs the memory of the columns and of the
/// largest of them once more.
pub(super) fn join(
    name: String,
    format: &SalesFormat,
    loading: Loading,
    mut parts: Vec<Part>,
) -> Result<SalesStore, LoadError> {
    let lengths: Vec<usize> = parts.iter().map(|part| part.date.len()).collect();
    let set_aside = parts.iter().map(|part| part.set_aside).sum();
    if lengths.iter().all(|rows| *rows == 0) {
        let found = if set_aside == 0 {
            "none".to_owned()
        } else {
            let fault = parts.iter().find_map(|part| part.faults.first());
            let fault = fault.map(|fault| format!(", the first at {fault}")).unwrap_or_default();
            format!("only {set_aside} that could not be read{fault}")
        };
        return Err(LoadError::file(&name, "at least one order line".to_owned(), found));
    }
    let faults = parts.iter().flat_map(|part| &part.faults).take(FAULTS_SHOWN);
    let faults = faults.map(ToString::to_string).collect();

    let Loading { dictionaries, files, columns: read } = loading;
    let date = joined(rows_of(&name, &lengths)?, &mut parts, |part| &mut part.date);
    let by_date = ByDate::of(&date);
    let date = by_date.sort(date);
    let joining = Joining { name: &name, format, lengths: &lengths, by_date: &by_date };
    let (columns, names) = joining.columns(Wanted::ALL, dictionaries, parts)?;
    let read = Found { set_aside, faults, files, columns: read };
    Ok(SalesStore::new(name, Columns { date, ..columns }, names, read))
}

/// How many rows parts of these lengths have.
pub(super) fn rows_of(name: &str, lengths: &[usize]) -> Result<usize, LoadError> {
    let rows = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    rows.filter(|&rows| u32::try_from(rows).is_ok()).ok_or_else(|| {
        LoadError::file(name, "at most 4294967295 order lines".to_owned(), "more".to_owned())
    })
}

/// Joins a column of all parts, whose own are given back one by one.
pub(super) fn joined<T: Copy>(
    rows: usize,
    parts: &mut [Part],
    of: impl Fn(&mut Part) -> &mut Vec<T>,
) -> Vec<T> {
    if let [part] = parts {
        return mem::take(of(part));
    }
    let mut column = Vec::with_capacity(rows);
    for part in parts {
        column.extend_from_slice(&mem::take(of(part)));
    }
    column
}

/// Joins the parts of files.
pub(super) struct Joining<'a> {
    /// What all files together are called.
    pub(super) name: &'a str,
    pub(super) format: &'a SalesFormat,
    /// How many rows each part has.
    pub(super) lengths: &'a [usize],
    pub(super) by_date: &'a ByDate,
}

impl Joining<'_> {
    /// The columns that are wanted, but for dates, and the names of their codes.
    pub(super) fn columns(
        &self,
        wanted: Wanted,
        dictionaries: Dictionaries,
        mut parts: Vec<Part>,
    ) -> Result<(Columns, [Names; Dimension::ALL.len()]), LoadError> {
        let mut columns = Columns::default();
        if wanted.sums {
            let absolute = parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(part.absolute));
            if absolute.is_none() {
                return Err(self.too_many(super::values::TOTAL));
            }
            columns.units = self.sorted(&mut parts, |part| &mut part.units);
            columns.revenue = self.sorted(&mut parts, |part| &mut part.revenue);
        }
        let mut orders = parts.iter().zip(self.lengths);
        if wanted.order && orders.all(|(part, &rows)| part.order.len() == rows) {
            columns.order = Some(self.sorted(&mut parts, |part| &mut part.order));
        }
        let Dictionaries { mut names, .. } = dictionaries;
        for dimension in Dimension::ALL {
            let place = dimension as usize;
            if wanted.names[place] {
                columns.names[place] = self.codes(dimension, &mut names[place], &mut parts)?;
            }
        }
        Ok((columns, names))
    }

    fn codes(
        &self,
        dimension: Dimension,
        names: &mut Names,
        parts: &mut [Part],
    ) -> Result<store::Codes, LoadError> {
        let place = dimension as usize;
        // Of files that do not say it, where others may.
        let missing =
            parts.iter().zip(self.lengths).any(|(part, &rows)| part.names[place].len() < rows);
        let value = self.format.value(dimension);
        let absent = match value.or((!names.is_empty()).then_some("unknown")) {
            Some(value) if missing => names
                .add(value, 0)
                .ok_or_else(|| self.too_many("at most 4294967296 distinct names"))?,
            _ => 0,
        };
        if names.len() < 2 {
            parts.iter_mut().for_each(|part| part.names[place] = Vec::new());
            return Ok(store::Codes::One);
        }
        for (part, &rows) in parts.iter_mut().zip(self.lengths) {
            part.names[place].resize(rows, absent);
        }
        Ok(store::Codes::Each(self.sorted(parts, |part| &mut part.names[place])))
    }

    fn sorted<T: Copy>(
        &self,
        parts: &mut [Part],
        of: impl Fn(&mut Part) -> &mut Vec<T>,
    ) -> Arc<Vec<T>> {
        self.by_date.sort(joined(self.lengths.iter().sum(), parts, of))
    }

    fn too_many(&self, expected: &str) -> LoadError {
        LoadError::file(self.name, expected.to_owned(), "more".to_owned())
    }
}
