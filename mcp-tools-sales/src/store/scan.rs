//! How a query is answered from columns: one pass over the rows of its period.

use std::{collections::HashMap, num::NonZero, ops::Range, sync::Arc, thread};

use super::{Codes, Columns, Data, Names};
use crate::{Answer, Date, Dimension, Filter, Money, Order, Query, Row, Totals};

/// So many groups have a place of their own in an array; more are looked up in a map.
const MOST_PLACES: usize = 1 << 21;

/// A scan of so many rows takes about a quarter of a millisecond: a thread is worth starting for them.
pub(super) const ROWS_PER_THREAD: usize = 1 << 18;

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
pub(super) struct Conditions<'a>(Vec<(&'a [u32], u32)>);

impl<'a> Conditions<'a> {
    /// None if a name of the filter is not in the data, so that nothing counts.
    pub(super) fn new(data: &'a Data, filter: &Filter) -> Option<Self> {
        let mut conditions = Vec::new();
        for dimension in Dimension::ALL {
            if let Some(name) = filter.name(dimension) {
                let code = data.names(dimension).code(name)?;
                if let Codes::Each(codes) = data.rows.codes(dimension) {
                    conditions.push((codes.as_slice(), code));
                }
            }
        }
        Some(Self(conditions))
    }

    pub(super) fn hold(&self, row: usize) -> bool {
        self.0.iter().all(|&(codes, code)| codes[row] == code)
    }
}

/// What of a query concerns each row.
struct Scan<'a> {
    units: &'a [i32],
    revenue: &'a [Money],
    conditions: Conditions<'a>,
    /// Columns that are grouped by, and how far apart keys of neighbouring codes are.
    keys: Vec<(&'a [u32], u64)>,
    /// How many keys there can be.
    places: Option<usize>,
}

impl Data {
    pub(super) fn answer(&self, query: &Query) -> Answer {
        let Some(scan) = Scan::new(self, query) else { return Answer::default() };
        let rows = self.rows_of(&query.filter);
        let mut groups = match query.grain {
            None => scan.period(None, rows),
            Some(grain) => {
                let mut groups = Vec::new();
                let mut rest = rows;
                while let Some(&day) = self.rows.date[rest.clone()].first() {
                    let start = grain.start(day);
                    let end = match grain.next(day) {
                        None => rest.end,
                        Some(next) => {
                            rest.start
                                + self.rows.date[rest.clone()].partition_point(|&day| day < next)
                        }
                    };
                    groups.append(&mut scan.period(Some(start), rest.start..end));
                    rest.start = end;
                }
                groups
            }
        };
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

    /// The rows of a filter's period, whatever their names.
    pub(super) fn rows_of(&self, filter: &Filter) -> Range<usize> {
        let dates = &*self.rows.date;
        let start = filter.from.map_or(0, |from| dates.partition_point(|&day| day < from));
        let end = filter.to.map_or(dates.len(), |to| dates.partition_point(|&day| day <= to));
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
                keys.push((codes.as_slice(), step));
            }
            step = step.checked_mul(places_of(store.names(dimension)))?;
        }
        let places = usize::try_from(step).ok().filter(|&places| places <= MOST_PLACES);
        let Columns { units, revenue, .. } = &store.rows;
        Some(Self { units, revenue, conditions, keys, places })
    }

    /// The groups of rows that follow each other.
    fn period(&self, period: Option<Date>, rows: Range<usize>) -> Vec<Group> {
        self.parallel(rows)
            .into_groups()
            .map(|(key, totals)| Group { period, key, totals })
            .collect()
    }

    fn parallel(&self, rows: Range<usize>) -> Groups {
        let parts = rows.len() / ROWS_PER_THREAD;
        // To ask for the processors takes longer than to sum a day.
        if parts < 2 {
            return self.sum(rows);
        }
        let parts = parts.min(thread::available_parallelism().map_or(1, NonZero::get));
        let cut = |part: usize| rows.start + rows.len() * part / parts;
        thread::scope(|scope| {
            let others: Vec<_> = (1..parts)
                .map(|part| cut(part)..cut(part + 1))
                .map(|rows| scope.spawn(|| self.sum(rows)))
                .collect();
            let mut groups = self.sum(cut(0)..cut(1));
            for other in others {
                match other.join() {
                    Ok(other) => groups.merge(other),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            groups
        })
    }

    /// Chooses the loop: most questions have at most one condition and one dimension, and their
    /// loops are several times as fast as the general one.
    fn sum(&self, rows: Range<usize>) -> Groups {
        match self.conditions.0[..] {
            [] => self.sum_if(rows, |_| true),
            [(codes, code)] => self.sum_if(rows, |row| codes[row] == code),
            _ => self.sum_if(rows, |row| self.conditions.hold(row)),
        }
    }

    fn sum_if(&self, rows: Range<usize>, counts: impl Fn(usize) -> bool) -> Groups {
        match self.keys[..] {
            [] => {
                let mut totals = Totals::default();
                rows.filter(|&row| counts(row)).for_each(|row| totals.add(self.line(row)));
                // One key, whatever the dimensions: all of them have one name.
                Groups::Places(vec![totals])
            }
            [(codes, 1)] => self.sum_by(rows, counts, |row| u64::from(codes[row])),
            _ => self.sum_by(rows, counts, |row| {
                self.keys.iter().map(|&(codes, step)| u64::from(codes[row]) * step).sum()
            }),
        }
    }

    fn sum_by(
        &self,
        rows: Range<usize>,
        counts: impl Fn(usize) -> bool,
        key: impl Fn(usize) -> u64,
    ) -> Groups {
        // An array is only cleared and read through if it is not much larger than what is summed.
        match self.places.filter(|&places| places / 8 <= rows.len() + 64) {
            Some(places) => {
                let mut groups = vec![Totals::default(); places];
                for row in rows.filter(|&row| counts(row)) {
                    #[allow(clippy::cast_possible_truncation, reason = "below `places`")]
                    groups[key(row) as usize].add(self.line(row));
                }
                Groups::Places(groups)
            }
            None => {
                let mut groups: HashMap<u64, Totals, _> = HashMap::default();
                for row in rows.filter(|&row| counts(row)) {
                    groups.entry(key(row)).or_default().add(self.line(row));
                }
                Groups::Map(groups)
            }
        }
    }

    fn line(&self, row: usize) -> Totals {
        Totals { order_lines: 1, units: i64::from(self.units[row]), revenue: self.revenue[row] }
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
