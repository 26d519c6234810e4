//! How a query is answered from columns: one pass over the rows of its period.

use std::{
    collections::HashMap, num::NonZero, ops::Range, panic::resume_unwind, sync::Arc, thread,
};

use super::{Codes, Column, Columns, Data, Names};
use crate::{Answer, Date, Dimension, Filter, Grain, Money, Order, Query, Row, Totals};

/// So many groups have a place of their own in an array; more are looked up in a map.
const MOST_PLACES: usize = 1 << 21;

/// A scan of so many rows takes about a quarter of a millisecond: a thread is worth starting for them.
const ROWS_PER_THREAD: usize = 1 << 18;

/// How many rows are looked at at a time: memory is read ahead for the processor where as much of a column is read at once.
const BLOCK: usize = 1 << 12;

/// Sums by key. A key is a group's place among all combinations of its names.
enum Groups {
    Places(Vec<Totals>),
    Map(HashMap<u64, Totals, foldhash::fast::RandomState>),
}

/// A group before its names are written out.
struct Group {
    period: Option<Date>,
    key: u64,
    totals: Totals,
}

/// Columns and the code that they must have.
pub(super) struct Conditions<'a>(Vec<(&'a Column, i64)>);

impl<'a> Conditions<'a> {
    /// None if a name of the filter is not in the data, so that nothing counts.
    pub(super) fn new(data: &'a Data, filter: &Filter) -> Option<Self> {
        let mut conditions = Vec::new();
        for dimension in Dimension::ALL {
            if let Some(name) = filter.name(dimension) {
                let code = data.names(dimension).code(name)?;
                if let Codes::Each(codes) = data.rows.codes(dimension) {
                    conditions.push((&**codes, code.into()));
                }
            }
        }
        Some(Self(conditions))
    }
}

/// A few rows that follow each other, and which of them count: what is read of them stays in a
/// processor's cache.
#[derive(Default)]
pub(super) struct Block {
    rows: Range<usize>,
    /// Whether all of them count.
    all: bool,
    /// How far the others that count are from the first.
    chosen: Vec<u32>,
}

impl Block {
    /// Cuts rows into blocks.
    pub(super) fn cut(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let end = rows.end;
        rows.step_by(BLOCK).map(move |start| start..end.min(start + BLOCK))
    }

    /// Looks at other rows; how many of them count.
    pub(super) fn choose(&mut self, rows: Range<usize>, conditions: &Conditions<'_>) -> usize {
        self.rows = rows;
        self.chosen.clear();
        let mut conditions = conditions.0.iter();
        let Some((column, code)) = conditions.next() else {
            self.all = true;
            return self.rows.len();
        };
        self.all = false;
        column.find(self.rows.clone(), *code, &mut self.chosen);
        let mut codes = Vec::new();
        for (column, code) in conditions {
            self.read(column, &mut codes);
            let mut codes = codes.iter();
            self.chosen.retain(|_| codes.next() == Some(code));
        }
        self.chosen.len()
    }

    /// Reads a column's numbers of the rows that count.
    pub(super) fn read(&self, column: &Column, to: &mut Vec<i64>) {
        let rows = self.rows.clone();
        if self.all {
            to.resize(rows.len(), 0);
            column.read(rows, to);
        } else {
            to.resize(self.chosen.len(), 0);
            column.pick(rows, &self.chosen, to);
        }
    }
}

/// What of a query concerns each row.
struct Scan<'a> {
    units: &'a Column,
    revenue: &'a Column,
    conditions: Conditions<'a>,
    /// Columns that are grouped by, and how far apart keys of neighbouring codes are.
    keys: Vec<(&'a Column, u64)>,
    /// How many keys there can be.
    places: Option<usize>,
}

/// Room for what a scan reads of a block.
#[derive(Default)]
struct Lines {
    block: Block,
    keys: Vec<i64>,
    codes: Vec<i64>,
    units: Vec<i64>,
    revenue: Vec<i64>,
}

impl Data {
    pub(super) fn answer(&self, query: &Query) -> Answer {
        let Some(scan) = Scan::new(self, query) else { return Answer::default() };
        let rows = self.rows_of(&query.filter);
        let periods = match query.grain {
            None => vec![(None, rows)],
            Some(grain) => self.periods(grain, rows),
        };
        let mut groups = scan.periods(&periods);
        let count = groups.len();
        self.arrange(query, &mut groups);
        let rows = groups
            .into_iter()
            .map(|group| Row {
                period: group.period,
                names: self
                    .names_of(&query.by, group.key)
                    .map(|name| name.cloned().unwrap_or_else(|| "".into()))
                    .collect(),
                totals: group.totals,
            })
            .collect();
        Answer { rows, groups: count, cost: None }
    }

    /// Cuts rows into periods that have some: when each begins, and its rows.
    fn periods(&self, grain: Grain, rows: Range<usize>) -> Vec<(Option<Date>, Range<usize>)> {
        let (days, mut rest) = (&self.rows.days, rows);
        let mut periods = Vec::new();
        while let Some(day) = days.of(rest.start).filter(|_| !rest.is_empty()) {
            let end = grain.next(day).map_or(rest.end, |next| days.before(next)).min(rest.end);
            periods.push((Some(grain.start(day)), rest.start..end));
            rest.start = end;
        }
        periods
    }

    /// The rows of a filter's period, whatever their names.
    pub(super) fn rows_of(&self, filter: &Filter) -> Range<usize> {
        let days = &self.rows.days;
        let start = filter.from.map_or(0, |from| days.before(from));
        let end = filter.to.map_or(days.rows(), |to| days.until(to));
        start..end.max(start)
    }

    /// Puts the groups that are wanted into the order that is wanted.
    fn arrange(&self, query: &Query, groups: &mut Vec<Group>) {
        let limit = query.limit.unwrap_or(usize::MAX);
        let compare = |a: &Group, b: &Group| {
            let (a_names, b_names) =
                (self.names_of(&query.by, a.key), self.names_of(&query.by, b.key));
            // Measures and periods decide mostly, and names are lazy.
            let order = match query.order {
                Order::Name => a.period.cmp(&b.period),
                _ => query.order.compare((a.period, &a.totals, ()), (b.period, &b.totals, ())),
            };
            order.then_with(|| a_names.cmp(b_names))
        };
        // Only what is shown is sorted: there may be a million groups.
        if limit < groups.len() && limit > 0 {
            groups.select_nth_unstable_by(limit - 1, compare);
        }
        groups.truncate(limit);
        groups.sort_unstable_by(compare);
    }

    fn names_of<'a>(
        &'a self,
        by: &'a [Dimension],
        mut key: u64,
    ) -> impl Iterator<Item = Option<&'a Arc<str>>> {
        let mut places: u64 =
            by.iter().map(|&dimension| places_of(self.names(dimension))).product();
        by.iter().map(move |&dimension| {
            let names = self.names(dimension);
            places /= places_of(names);
            let code = u32::try_from(key / places).ok();
            key %= places;
            code.and_then(|code| names.decode(code))
        })
    }
}

impl<'a> Scan<'a> {
    /// None if a name of the filter is not in the data, so that nothing counts. Nothing does either
    /// if there are more than 2^64 combinations of names, for which no memory has room.
    fn new(store: &'a Data, query: &Query) -> Option<Self> {
        let conditions = Conditions::new(store, &query.filter)?;
        let mut keys = Vec::new();
        let mut step = 1_u64;
        for &dimension in query.by.iter().rev() {
            if let Codes::Each(codes) = store.rows.codes(dimension) {
                keys.push((&**codes, step));
            }
            step = step.checked_mul(places_of(store.names(dimension)))?;
        }
        let places = usize::try_from(step).ok().filter(|&places| places <= MOST_PLACES);
        let Columns { units, revenue, .. } = &store.rows;
        Some(Self { units, revenue, conditions, keys, places })
    }

    /// The groups of periods, which follow each other.
    fn periods(&self, periods: &[(Option<Date>, Range<usize>)]) -> Vec<Group> {
        let (Some((_, first)), Some((_, last))) = (periods.first(), periods.last()) else {
            return Vec::new();
        };
        // To ask for the processors takes longer than to sum a few days.
        let threads = match (last.end - first.start) / ROWS_PER_THREAD {
            0 | 1 => 1,
            parts => parts.min(thread::available_parallelism().map_or(1, NonZero::get)),
        };
        let groups = |periods: &[(Option<Date>, Range<usize>)]| {
            let mut lines = Lines::default();
            let groups = periods.iter().flat_map(|(period, rows)| {
                let groups = self.sum(rows.clone(), &mut lines).into_groups();
                groups.map(|(key, totals)| Group { period: *period, key, totals })
            });
            groups.collect::<Vec<Group>>()
        };
        if let [(period, rows)] = periods {
            let groups = self.parallel(rows, threads).into_groups();
            return groups.map(|(key, totals)| Group { period: *period, key, totals }).collect();
        }
        let mut parts = periods.chunks(periods.len().div_ceil(threads));
        let first = parts.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = parts.map(|part| scope.spawn(|| groups(part))).collect();
            let mut all = groups(first);
            for other in others {
                all.append(&mut other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            all
        })
    }

    /// The groups of rows that several threads share.
    fn parallel(&self, rows: &Range<usize>, threads: usize) -> Groups {
        let cut = |part: usize| rows.start + rows.len() * part / threads;
        let sum = |rows| self.sum(rows, &mut Lines::default());
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads)
                .map(|part| cut(part)..cut(part + 1))
                .map(|rows| scope.spawn(|| sum(rows)))
                .collect();
            let mut groups = sum(cut(0)..cut(1));
            for other in others {
                groups.merge(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            groups
        })
    }

    fn sum(&self, rows: Range<usize>, lines: &mut Lines) -> Groups {
        if self.keys.is_empty() {
            // One key, whatever the dimensions: all of them have one name.
            let mut totals = Totals::default();
            self.each(rows, lines, |_, line| totals.add(line));
            return Groups::Places(vec![totals]);
        }
        // An array is only cleared and read through if it is not much larger than what is summed.
        match self.places.filter(|&places| places / 8 <= rows.len() + 64) {
            Some(places) => {
                let mut groups = vec![Totals::default(); places];
                #[allow(clippy::cast_possible_truncation, reason = "below `places`")]
                self.each(rows, lines, |key, line| groups[key as usize].add(line));
                Groups::Places(groups)
            }
            None => {
                let mut groups: HashMap<u64, Totals, _> = HashMap::default();
                self.each(rows, lines, |key, line| groups.entry(key).or_default().add(line));
                Groups::Map(groups)
            }
        }
    }

    /// Does something with the key and the numbers of each row that counts.
    fn each(&self, rows: Range<usize>, lines: &mut Lines, mut with: impl FnMut(u64, Totals)) {
        let Lines { block, keys, codes, units, revenue } = lines;
        for rows in Block::cut(rows) {
            if block.choose(rows, &self.conditions) == 0 {
                continue;
            }
            block.read(self.units, units);
            block.read(self.revenue, revenue);
            keys.clear();
            for (column, step) in &self.keys {
                if keys.is_empty() && *step == 1 {
                    block.read(column, keys);
                    continue;
                }
                block.read(column, codes);
                keys.resize(codes.len(), 0);
                for (key, code) in keys.iter_mut().zip(&*codes) {
                    *key = key.wrapping_add(code.wrapping_mul(step.cast_signed()));
                }
            }
            keys.resize(units.len(), 0);
            for ((key, &units), &revenue) in keys.iter().zip(&*units).zip(&*revenue) {
                let revenue = Money::from_steps(revenue);
                with(key.cast_unsigned(), Totals { order_lines: 1, units, revenue });
            }
        }
    }
}

/// How many codes a dimension has. One that the data lacks has one name, which is empty.
fn places_of(names: &Names) -> u64 {
    (names.len() as u64).max(1)
}

impl Groups {
    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Places(groups), Self::Places(other)) => {
                for (totals, other) in groups.iter_mut().zip(other) {
                    totals.add(other);
                }
            }
            (Self::Map(groups), other) => {
                for (key, totals) in other.into_groups() {
                    groups.entry(key).or_default().add(totals);
                }
            }
            (groups @ Self::Places(_), other @ Self::Map(_)) => {
                let places = std::mem::replace(groups, other);
                groups.merge(places);
            }
        }
    }

    /// Those that have order lines.
    fn into_groups(self) -> Box<dyn Iterator<Item = (u64, Totals)>> {
        match self {
            Self::Places(groups) => {
                Box::new((0..).zip(groups).filter(|(_, totals)| totals.order_lines > 0))
            }
            Self::Map(groups) => Box::new(groups.into_iter()),
        }
    }
}
