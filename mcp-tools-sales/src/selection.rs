use std::{borrow::Cow, cmp::Ordering, ops::Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Date, Money, SalesStore, names::Names};

/// What to rank by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The money that sales brought in, less returns.
    #[default]
    Revenue,
    /// How many were sold, less those returned.
    Units,
}

/// Sums over order lines. Returns count against sales, so that sums can be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many order lines there are.
    pub order_lines: u64,
    /// The sum of their units.
    pub units: i64,
    /// The exact sum of their revenue.
    pub revenue: Money,
}

/// The sums of the order lines that share a name: a product's, a month's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<N> {
    /// What the order lines share.
    pub name: N,
    /// Their sums.
    pub totals: Totals,
}

/// The order lines of one operation, or of all, in a period. Made by [`SalesStore::select`].
///
/// Each method scans the rows of the period once: about a millisecond for a million rows.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    store: &'a SalesStore,
    operation: Option<u32>,
    from: Date,
    to: Date,
    /// The store's rows in the period, whatever their operation.
    rows: Range<usize>,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(store: &'a SalesStore, operation: Option<u32>, from: Date, to: Date) -> Self {
        let dates = &store.rows.date;
        let rows =
            dates.partition_point(|&date| date < from)..dates.partition_point(|&date| date <= to);
        Self { store, operation, from, to, rows }
    }

    /// The operation's name as the data has it, or none for all operations.
    pub fn operation(&self) -> Option<&'a str> {
        self.operation.map(|code| self.store.operations.decode(code))
    }

    /// The first day of the period.
    pub fn from(&self) -> Date {
        self.from
    }

    /// The last day of the period.
    pub fn to(&self) -> Date {
        self.to
    }

    /// The days of the first and the last order line; none if there is no order line.
    pub fn days(&self) -> Option<(Date, Date)> {
        let mut rows = self.rows();
        let first = rows.next()?;
        let last = rows.next_back().unwrap_or(first);
        Some((self.store.rows.date[first], self.store.rows.date[last]))
    }

    /// If no order line is selected, a sentence that says so and what period the data covers.
    pub fn note(&self) -> Option<String> {
        if self.rows().next().is_some() {
            return None;
        }
        let place = self.operation().map(|name| format!(" in {name}")).unwrap_or_default();
        let (first, last) = self.store.period();
        let Self { from, to, .. } = self;
        Some(format!(
            "There are no order lines{place} from {from} to {to}. The data covers {first} to {last}."
        ))
    }

    /// Sums over everything selected.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for row in self.rows() {
            totals.add(self.store, row);
        }
        totals
    }

    /// The `n` products that sold most, most first; those that sold the same by name.
    pub fn top_products(&self, n: usize, by: Measure) -> Vec<Group<&'a str>> {
        let mut groups = self.groups(&self.store.rows.product, &self.store.products);
        let order = by.most_first();
        // Only what is shown is sorted: a store may have a million products.
        if n < groups.len() && n > 0 {
            groups.select_nth_unstable_by(n - 1, order);
        }
        groups.truncate(n);
        groups.sort_unstable_by(order);
        groups
    }

    /// How many products there are.
    pub fn products(&self) -> usize {
        self.groups(&self.store.rows.product, &self.store.products).len()
    }

    /// Every category, the one with most revenue first.
    pub fn categories(&self) -> Vec<Group<&'a str>> {
        let mut groups = self.groups(&self.store.rows.category, &self.store.categories);
        groups.sort_unstable_by(Measure::Revenue.most_first());
        groups
    }

    /// Every operation, the one with most revenue first.
    pub fn operations(&self) -> Vec<Group<&'a str>> {
        let mut groups = self.groups(&self.store.rows.operation, &self.store.operations);
        groups.sort_unstable_by(Measure::Revenue.most_first());
        groups
    }

    /// Every month that has order lines, the first first, named by year and month (1 to 12).
    pub fn months(&self) -> Vec<Group<(i32, u32)>> {
        self.spans(|date| (date.year(), date.month()))
    }

    /// Every year that has order lines, the first first.
    pub fn years(&self) -> Vec<Group<i32>> {
        self.spans(Date::year)
    }

    /// Sums by a name that days in a row share.
    fn spans<N: Copy + PartialEq>(&self, name: impl Fn(Date) -> N) -> Vec<Group<N>> {
        let mut spans: Vec<Group<N>> = Vec::new();
        let mut day = None;
        for row in self.rows() {
            let date = self.store.rows.date[row];
            if day != Some(date) {
                day = Some(date);
                let name = name(date);
                if spans.last().is_none_or(|span| span.name != name) {
                    spans.push(Group { name, totals: Totals::default() });
                }
            }
            if let Some(span) = spans.last_mut() {
                span.totals.add(self.store, row);
            }
        }
        spans
    }

    /// The rows selected, by date.
    fn rows(&self) -> impl DoubleEndedIterator<Item = usize> {
        let operations = &self.store.rows.operation;
        self.rows
            .clone()
            .filter(move |&row| self.operation.is_none_or(|operation| operations[row] == operation))
    }

    /// Sums by the codes of a column, in no order; codes without order lines are left out.
    fn groups(&self, codes: &[u32], names: &'a Names) -> Vec<Group<&'a str>> {
        let mut sums = vec![Totals::default(); names.len()];
        for row in self.rows() {
            sums[codes[row] as usize].add(self.store, row);
        }
        sums.into_iter()
            .zip(names.iter())
            .filter(|(totals, _)| totals.order_lines > 0)
            .map(|(totals, name)| Group { name, totals })
            .collect()
    }
}

impl Totals {
    /// Cannot overflow: loading refuses data whose sums would.
    fn add(&mut self, store: &SalesStore, row: usize) {
        self.order_lines += 1;
        self.units += i64::from(store.rows.units[row]);
        self.revenue = Money::from_steps(
            self.revenue.ten_thousandths() + store.rows.revenue[row].ten_thousandths(),
        );
    }
}

// Derived, documented variants make a `oneOf`, whose faults are harder to read than those of an
// `enum`.
impl JsonSchema for Measure {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Measure".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["revenue", "units"] })
    }
}

impl Measure {
    fn most_first(self) -> fn(&Group<&str>, &Group<&str>) -> Ordering {
        match self {
            Self::Revenue => {
                |a, b| b.totals.revenue.cmp(&a.totals.revenue).then(a.name.cmp(b.name))
            }
            Self::Units => |a, b| b.totals.units.cmp(&a.totals.units).then(a.name.cmp(b.name)),
        }
    }
}
