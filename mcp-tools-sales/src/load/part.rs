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

    /// Adds all names of another thread: its codes as codes of this one, of names and of orders.
    pub(super) fn merge(
        &mut self,
        other: &Self,
    ) -> Option<([Vec<u32>; Dimension::ALL.len()], Vec<u32>)> {
        let mut names: [Vec<u32>; Dimension::ALL.len()] = Default::default();
        for ((to, from), codes) in self.names.iter_mut().zip(&other.names).zip(&mut names) {
            *codes = to.add_all(from)?;
        }
        Some((names, self.orders.add_all(&other.orders)?))
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
    for Dictionaries { names: met, orders: met_orders } in loading.dictionaries {
        for dimension in Dimension::ALL {
            let place = dimension as usize;
            codes[place].push(names[place].add_all(&met[place]).ok_or_else(full)?);
        }
        order_codes.push(orders.add_all(&met_orders).ok_or_else(full)?);
    }
    drop(orders);
    let lengths: Vec<usize> = parts.iter().map(|(_, part)| part.date.len()).collect();
    let has_orders = parts.iter().all(|(_, part)| part.order.len() == part.date.len());

    let mut columns = Columns {
        date: column(rows, &mut parts, |part| &mut part.date),
        units: column(rows, &mut parts, |part| &mut part.units),
        revenue: column(rows, &mut parts, |part| &mut part.revenue),
        order: None,
        names: Default::default(),
    };
    if has_orders {
        for (thread, part) in &mut parts {
            recode(&mut part.order, &order_codes[*thread]);
        }
        columns.order = Some(column(rows, &mut parts, |part| &mut part.order));
    }
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
        for ((thread, part), &rows) in parts.iter_mut().zip(&lengths) {
            recode(&mut part.names[place], &codes[place][*thread]);
            part.names[place].resize(rows, absent);
        }
        columns.names[place] =
            Codes::Each(column(rows, &mut parts, |part| &mut part.names[place]));
    }
    let read = Found { set_aside, faults, files: loading.files, columns: loading.columns };
    Ok(SalesStore::new(name, columns, names, read))
}

/// Joins a column of all parts, whose own are given back one by one.
fn column<T: Copy>(
    rows: usize,
    parts: &mut [(usize, Part)],
    of: impl Fn(&mut Part) -> &mut Vec<T>,
) -> Vec<T> {
    if let [(_, part)] = parts {
        return mem::take(of(part));
    }
    let mut column = Vec::with_capacity(rows);
    for (_, part) in parts {
        column.extend_from_slice(&mem::take(of(part)));
    }
    column
}

/// Replaces codes by those that `known` has in their places.
pub(super) fn recode(codes: &mut [u32], known: &[u32]) {
    // Often the same names came first.
    if (0..).zip(known).any(|(code, known)| code != *known) {
        codes.iter_mut().for_each(|code| *code = known[*code as usize]);
    }
}
