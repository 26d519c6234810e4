//! Columns of a part of the data, and how parts become one.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    format::{OnBadRows, SalesFormat},
    recent::Recent,
};
use crate::{
    DataColumn, Date, Dimension, LoadError, Money, Names, SalesStore,
    store::{self, ByDate, Column, Columns, Dates, Found},
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

/// Dictionaries that several threads add to, as one of them knows them: it asks for what it has not met.
pub(super) struct Shared<'a, 'd> {
    met: Dictionaries,
    codes: Codes,
    /// Which part of the file is being read.
    part: usize,
    all: &'a Mutex<Meeting<'d>>,
}

/// Dictionaries that several threads add to, and when what they add appears first in the file: in which part,
/// and after how many others that the thread had met.
pub(super) struct Meeting<'d> {
    dictionaries: &'d mut Dictionaries,
    before: [usize; ORDERS + 1],
    first: [Vec<(usize, u32)>; ORDERS + 1],
}

/// Rows that follow each other in a file. A column of what the file does not say is empty.
#[derive(Default)]
pub(super) struct Part {
    pub(super) dates: Dates,
    pub(super) names: [Column; Dimension::ALL.len()],
    pub(super) order: Column,
    pub(super) units: Column,
    pub(super) revenue: Column,
    pub(super) tally: Tally,
}

/// What rows come to beside their columns.
#[derive(Default)]
pub(super) struct Tally {
    /// How much the revenue is, ignoring signs.
    absolute: i64,
    set_aside: u64,
    faults: Vec<LoadError>,
    /// How many lines of the file they are made of.
    pub(super) lines: u64,
}

/// Rows as they are read, before they are made small.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) date: Vec<Date>,
    pub(super) names: [Vec<u32>; Dimension::ALL.len()],
    pub(super) order: Vec<u32>,
    pub(super) units: Vec<i32>,
    pub(super) revenue: Vec<Money>,
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

    fn of_mut(&mut self, dimension: Option<Dimension>) -> &mut Vec<u32> {
        &mut self.0[dimension.map_or(ORDERS, |dimension| dimension as usize)]
    }
}

impl Dictionaries {
    pub(super) fn name(&mut self, dimension: Dimension, name: &str) -> Option<u32> {
        let names = &mut self.names[dimension as usize];
        self.recent[dimension as usize].code(name, |name| names.add(name))
    }

    /// The code of a name that was met lately.
    pub(super) fn recent(&self, dimension: Dimension, name: &[u8]) -> Option<u32> {
        self.recent[dimension as usize].known(name)
    }

    pub(super) fn order(&mut self, order: &str) -> Option<u32> {
        self.orders.add(order)
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

impl<'a, 'd> Shared<'a, 'd> {
    pub(super) fn of(all: &'a Mutex<Meeting<'d>>) -> Self {
        Self { met: Dictionaries::default(), codes: Codes::default(), part: 0, all }
    }

    /// Goes on with a later part of the file.
    pub(super) fn begin(&mut self, part: usize) {
        self.part = part;
    }

    /// The code of a name that was met lately.
    pub(super) fn known(&self, dimension: Dimension, name: &[u8]) -> Option<u32> {
        let met = self.met.recent(dimension, name)?;
        self.codes.of(Some(dimension)).get(met as usize).copied()
    }

    pub(super) fn name(&mut self, dimension: Dimension, name: &str) -> Option<u32> {
        let met = self.met.name(dimension, name)?;
        self.code(Some(dimension), met, |all| all.name(dimension, name))
    }

    pub(super) fn order(&mut self, order: &str) -> Option<u32> {
        let met = self.met.order(order)?;
        self.code(None, met, |all| all.order(order))
    }

    /// What the code of a name that this thread has met is to all.
    fn code(
        &mut self,
        of: Option<Dimension>,
        met: u32,
        find: impl FnOnce(&mut Dictionaries) -> Option<u32>,
    ) -> Option<u32> {
        let codes = self.codes.of_mut(of);
        if let Some(code) = codes.get(met as usize) {
            return Some(*code);
        }
        // It is the last that was met.
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let code = find(&mut *all.dictionaries)?;
        all.note(of, code, (self.part, met));
        codes.push(code);
        Some(code)
    }
}

impl<'d> Meeting<'d> {
    pub(super) fn of(dictionaries: &'d mut Dictionaries) -> Self {
        Self { before: dictionaries.lengths(), dictionaries, first: Default::default() }
    }

    /// Notes where a name has been met.
    fn note(&mut self, of: Option<Dimension>, code: u32, at: (usize, u32)) {
        let place = of.map_or(ORDERS, |dimension| dimension as usize);
        // Names of files before this one have appeared there.
        let Some(new) = (code as usize).checked_sub(self.before[place]) else { return };
        match self.first[place].get_mut(new) {
            Some(first) => *first = at.min(*first),
            None => self.first[place].push(at),
        }
    }

    /// Puts what was added into the order of the file.
    pub(super) fn end(self) {
        let Self { dictionaries, before, first } = self;
        for ((names, before), first) in dictionaries.names.iter_mut().zip(before).zip(&first) {
            names.appeared(before, first);
        }
    }
}

impl Rows {
    /// Forgets the rows, and keeps their memory.
    pub(super) fn clear(&mut self) {
        self.date.clear();
        self.names.iter_mut().for_each(Vec::clear);
        self.order.clear();
        self.units.clear();
        self.revenue.clear();
    }

    /// Gives all names other codes.
    pub(super) fn recode(&mut self, known: &Codes) {
        let names = Dimension::ALL.into_iter().map(Some).zip(&mut self.names);
        for (of, codes) in names.chain([(None, &mut self.order)]) {
            let known = known.of(of);
            codes.iter_mut().for_each(|code| *code = known[*code as usize]);
        }
    }
}

impl Tally {
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

    /// Counts amounts all at once; false if they have to be counted one by one, as some are large.
    pub(super) fn count_all(&mut self, amounts: &[Money]) -> bool {
        let absolutes = || amounts.iter().map(|amount| amount.ten_thousandths().unsigned_abs());
        // There are no more than 2^32 amounts.
        if absolutes().fold(0, |bits, amount| bits | amount) >= 1 << (i64::BITS - 1 - u32::BITS) {
            return false;
        }
        let sum = i64::try_from(absolutes().sum::<u64>()).ok();
        match sum.and_then(|sum| self.absolute.checked_add(sum)) {
            Some(absolute) => {
                self.absolute = absolute;
                true
            }
            None => false,
        }
    }

    /// Adds that of the lines that follow.
    pub(super) fn append(&mut self, name: &str, mut next: Self) -> Result<(), LoadError> {
        next.faults.iter_mut().for_each(|fault| fault.move_by(self.lines));
        self.lines += next.lines;
        self.absolute = self.absolute.checked_add(next.absolute).ok_or_else(|| {
            LoadError::file(name, super::values::TOTAL.to_owned(), "more".to_owned())
        })?;
        self.set_aside += next.set_aside;
        next.faults.truncate(FAULTS_SHOWN.saturating_sub(self.faults.len()));
        self.faults.append(&mut next.faults);
        Ok(())
    }
}

impl Part {
    /// Adds rows as they were read.
    pub(super) fn push(&mut self, rows: &Rows) {
        self.dates.append(Dates::of(&rows.date));
        self.units.push(&rows.units);
        self.revenue.push(&rows.revenue);
        self.order.push(&rows.order);
        self.names.iter_mut().zip(&rows.names).for_each(|(names, codes)| names.push(codes));
    }

    /// Adds the rows that follow.
    pub(super) fn append(&mut self, name: &str, next: Self) -> Result<(), LoadError> {
        self.dates.append(next.dates);
        self.units.append(next.units);
        self.revenue.append(next.revenue);
        self.order.append(next.order);
        self.names.iter_mut().zip(next.names).for_each(|(names, codes)| names.append(codes));
        self.tally.append(name, next.tally)
    }

    /// The part without some rows, which are given in order.
    pub(super) fn without(self, rows: &[usize]) -> Self {
        if rows.is_empty() {
            return self;
        }
        Self {
            dates: self.dates.without(rows),
            names: self.names.map(|codes| codes.without(rows)),
            order: self.order.without(rows),
            units: self.units.without(rows),
            revenue: self.revenue.without(rows),
            tally: self.tally,
        }
    }
}

/// Makes a store of the parts of all files. Where rows are not in the order of dates, it needs the memory of
/// the largest column once more, and four bytes a row.
pub(super) fn join(
    name: String,
    format: &SalesFormat,
    loading: Loading,
    mut parts: Vec<Part>,
) -> Result<SalesStore, LoadError> {
    let lengths: Vec<usize> = parts.iter().map(|part| part.dates.rows()).collect();
    let set_aside = parts.iter().map(|part| part.tally.set_aside).sum();
    if rows_of(&name, &lengths)? == 0 {
        let found = if set_aside == 0 {
            "none".to_owned()
        } else {
            let fault = parts.iter().find_map(|part| part.tally.faults.first());
            let fault = fault.map(|fault| format!(", the first at {fault}")).unwrap_or_default();
            format!("only {set_aside} that could not be read{fault}")
        };
        return Err(LoadError::file(&name, "at least one order line".to_owned(), found));
    }
    let faults = parts.iter().flat_map(|part| &part.tally.faults).take(FAULTS_SHOWN);
    let faults = faults.map(ToString::to_string).collect();

    let Loading { dictionaries, files, columns: read } = loading;
    let mut dates = Dates::default();
    parts.iter_mut().for_each(|part| dates.append(std::mem::take(&mut part.dates)));
    let (days, by_date) = dates.sorted();
    let joining = Joining { name: &name, format, lengths: &lengths, by_date: &by_date };
    let (columns, names) = joining.columns(Wanted::ALL, dictionaries, parts)?;
    let read = Found { set_aside, faults, files, columns: read };
    Ok(SalesStore::new(name, Columns { days, ..columns }, names, read))
}

/// How many rows parts of these lengths have.
pub(super) fn rows_of(name: &str, lengths: &[usize]) -> Result<usize, LoadError> {
    let rows = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    rows.filter(|&rows| u32::try_from(rows).is_ok()).ok_or_else(|| {
        LoadError::file(name, "at most 4294967295 order lines".to_owned(), "more".to_owned())
    })
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
            let absolute =
                parts.iter().try_fold(0_i64, |sum, part| sum.checked_add(part.tally.absolute));
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
                .add(value)
                .ok_or_else(|| self.too_many("at most 4294967296 distinct names"))?,
            _ => 0,
        };
        if names.len() < 2 {
            parts.iter_mut().for_each(|part| part.names[place] = Column::default());
            return Ok(store::Codes::One);
        }
        for (part, &rows) in parts.iter_mut().zip(self.lengths) {
            let missing = rows - part.names[place].len();
            part.names[place].append(Column::same(absent, missing));
        }
        Ok(store::Codes::Each(self.sorted(parts, |part| &mut part.names[place])))
    }

    /// A column of all parts, by date.
    fn sorted(&self, parts: &mut [Part], of: impl Fn(&mut Part) -> &mut Column) -> Arc<Column> {
        let mut column = Column::default();
        parts.iter_mut().for_each(|part| column.append(std::mem::take(of(part))));
        self.by_date.sort(column)
    }

    fn too_many(&self, expected: &str) -> LoadError {
        LoadError::file(self.name, expected.to_owned(), "more".to_owned())
    }
}
