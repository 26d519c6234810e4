//! Columns of a part of the data, and how parts become one.

use std::mem;

use super::format::{OnBadRows, SalesFormat};
use crate::{
    DataColumn, Date, Dimension, LoadError, Money, Names, SalesStore,
    store::{Codes, Columns, Found},
};

/// So many faults are shown; more are counted.
const FAULTS_SHOWN: usize = 5;

/// What has been learnt from the files so far.
#[derive(Default)]
pub(super) struct Loading {
    /// A thread's, each.
    dictionaries: Vec<Dictionaries>,
    files: u64,
    /// The columns of the first file.
    columns: Vec<DataColumn>,
}

/// Names that one thread has met, and the codes it gave them.
#[derive(Default)]
pub(super) struct Dictionaries {
    names: [Names; Dimension::ALL.len()],
    orders: Names,
}

/// Rows that follow each other in a file. Codes are of the dictionaries of the thread that read
/// them. A column of what the files do not say is empty.
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
    /// Begins with a file: the dictionaries of the threads that read it.
    pub(super) fn file(
        &mut self,
        threads: usize,
        columns: impl FnOnce() -> Vec<DataColumn>,
    ) -> &mut [Dictionaries] {
        self.files += 1;
        if self.files == 1 {
            self.columns = columns();
        }
        while self.dictionaries.len() < threads {
            self.dictionaries.push(Dictionaries::default());
        }
        &mut self.dictionaries[..threads]
    }
}

impl Dictionaries {
    pub(super) fn name(&mut self, dimension: Dimension, name: &str) -> Option<u32> {
        self.names[dimension as usize].add(name, 0)
    }

    pub(super) fn order(&mut self, order: &str) -> Option<u32> {
        self.orders.add(order, 0)
    }
}

impl Part {
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

/// Makes a store of the parts of all files, which are given with the number of the thread that read
/// them. Needs the memory of the columns and of the largest of them once more.
pub(super) fn join(
    name: String,
    format: &SalesFormat,
    loading: Loading,
    mut parts: Vec<(usize, Part)>,
) -> Result<SalesStore, LoadError> {
    let rows: usize = parts.iter().map(|(_, part)| part.date.len()).sum();
    let absolute = parts.iter().try_fold(0_i64, |sum, (_, part)| sum.checked_add(part.absolute));
    let file =
        |expected: &str, found: &str| LoadError::file(&name, expected.to_owned(), found.to_owned());
    if absolute.is_none() {
        return Err(file(super::values::TOTAL, "more"));
    }
    if u32::try_from(rows).is_err() {
        return Err(file("at most 4294967295 order lines", "more"));
    }
    let set_aside = parts.iter().map(|(_, part)| part.set_aside).sum();
    if rows == 0 {
        let found = if set_aside == 0 {
            "none".to_owned()
        } else {
            let fault = parts.iter().find_map(|(_, part)| part.faults.first());
            let fault = fault.map(|fault| format!(", the first at {fault}")).unwrap_or_default();
            format!("only {set_aside} that could not be read{fault}")
        };
        return Err(file("at least one order line", &found));
    }
    let faults = parts.iter().flat_map(|(_, part)| &part.faults).take(FAULTS_SHOWN);
    let faults = faults.map(ToString::to_string).collect();

    let mut names: [Names; Dimension::ALL.len()] = Default::default();
    let mut codes: [Vec<Vec<u32>>; Dimension::ALL.len()] = Default::default();
    let mut orders = Names::default();
    let mut order_codes = Vec::new();
    let full = || file("at most 4294967296 distinct names", "more");
    let add_all = |to: &mut Names, from: &Names| {
        from.iter().map(|(name, _)| to.add(name, 0).ok_or_else(full)).collect::<Result<Vec<_>, _>>()
    };
    for Dictionaries { names: met, orders: met_orders } in loading.dictionaries {
        for dimension in Dimension::ALL {
            let place = dimension as usize;
            codes[place].push(add_all(&mut names[place], &met[place])?);
        }
        order_codes.push(add_all(&mut orders, &met_orders)?);
    }
    drop(orders);
    let lengths: Vec<usize> = parts.iter().map(|(_, part)| part.date.len()).collect();
    let has_orders = parts.iter().all(|(_, part)| part.order.len() == part.date.len());

    fn column<T>(
        rows: usize,
        parts: &mut [(usize, Part)],
        mut take: impl FnMut(usize, &mut Part, &mut Vec<T>),
    ) -> Vec<T> {
        let mut column = Vec::with_capacity(rows);
        parts.iter_mut().for_each(|(thread, part)| take(*thread, part, &mut column));
        column
    }
    let recode = |codes: &[u32], known: &[u32], column: &mut Vec<u32>| {
        column.extend(codes.iter().map(|&code| known[code as usize]));
    };
    let mut columns = Columns {
        date: column(rows, &mut parts, |_, part, to| to.extend(mem::take(&mut part.date))),
        units: column(rows, &mut parts, |_, part, to| to.extend(mem::take(&mut part.units))),
        revenue: column(rows, &mut parts, |_, part, to| to.extend(mem::take(&mut part.revenue))),
        order: has_orders.then(|| {
            column(rows, &mut parts, |thread, part, to| {
                recode(&mem::take(&mut part.order), &order_codes[thread], to);
            })
        }),
        names: Default::default(),
    };
    for dimension in Dimension::ALL {
        let place = dimension as usize;
        // Of files that do not say it, where others may.
        let missing =
            parts.iter().zip(&lengths).any(|((_, part), &rows)| part.names[place].len() < rows);
        let value = format.value(dimension);
        let absent = match value.or((!names[place].is_empty()).then_some("unknown")) {
            Some(value) if missing => names[place].add(value, 0).ok_or_else(full)?,
            _ => 0,
        };
        if names[place].len() < 2 {
            parts.iter_mut().for_each(|(_, part)| part.names[place] = Vec::new());
            columns.names[place] = Codes::One;
            continue;
        }
        let mut lengths = lengths.iter();
        columns.names[place] = Codes::Each(column(rows, &mut parts, |thread, part, to| {
            let end = to.len() + lengths.next().copied().unwrap_or(0);
            recode(&mem::take(&mut part.names[place]), &codes[place][thread], to);
            to.resize(end, absent);
        }));
    }
    let read = Found { set_aside, faults, files: loading.files, columns: loading.columns };
    Ok(SalesStore::new(name, columns, names, read))
}
