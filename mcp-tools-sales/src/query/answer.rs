use std::{cmp::Ordering, sync::Arc};

use super::{Date, Measure, Money, Order};

/// Sums over order lines. Returns count against sales, so that sums can be below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    /// How many order lines there are.
    pub order_lines: u64,
    /// The sum of their units.
    pub units: i64,
    /// The exact sum of their revenue. It means something only where all of it is in one currency:
    /// whoever asks an engine sees to that.
    pub revenue: Money,
}

/// A group of order lines and its sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The first day of the group's period, where periods are grouped by.
    pub period: Option<Date>,
    /// The group's names, in the order of [`Query::by`](super::Query::by).
    pub names: Vec<Arc<str>>,
    /// Its sums.
    pub totals: Totals,
}

/// What an engine answers to a [`Query`](super::Query).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The groups that are wanted, in the order that is wanted.
    pub rows: Vec<Row>,
    /// How many groups there are without the limit.
    pub groups: usize,
    /// What the answer cost, where answers cost money.
    pub cost: Option<Cost>,
}

/// What an answer of a service that is paid by the byte cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes that were read, as the service reports them.
    pub bytes_scanned: u64,
    /// US dollars, at the price per terabyte that the engine was told.
    pub usd: f64,
}

impl Totals {
    /// Adds sums of other order lines. Cannot overflow over data that was loaded: loading refuses
    /// what would.
    pub(crate) fn add(&mut self, other: Self) {
        self.order_lines += other.order_lines;
        self.units += other.units;
        self.revenue =
            Money::from_steps(self.revenue.ten_thousandths() + other.revenue.ten_thousandths());
    }

    /// Takes sums of some of these order lines away, or of others to see how they differ; order
    /// lines stop at zero.
    pub(crate) fn subtract(&mut self, other: Self) {
        self.order_lines = self.order_lines.saturating_sub(other.order_lines);
        self.units -= other.units;
        self.revenue =
            Money::from_steps(self.revenue.ten_thousandths() - other.revenue.ten_thousandths());
    }

    /// A measure as a number to compute with: revenue in units of its currency. Exact up to 2^53
    /// ten-thousandths.
    #[allow(clippy::cast_precision_loss, reason = "stated")]
    pub fn value(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Revenue => self.revenue.as_f64(),
            Measure::Units => self.units as f64,
            Measure::OrderLines => self.order_lines as f64,
        }
    }

    /// A measure as a whole number that compares as it does.
    pub(crate) fn rank(&self, measure: Measure) -> i64 {
        match measure {
            Measure::Revenue => self.revenue.ten_thousandths(),
            Measure::Units => self.units,
            Measure::OrderLines => self.order_lines.cast_signed(),
        }
    }
}

impl Order {
    /// Compares two groups, given as their periods, sums and names.
    pub(crate) fn compare<N: Ord>(
        self,
        (a_period, a, a_name): (Option<Date>, &Totals, N),
        (b_period, b, b_name): (Option<Date>, &Totals, N),
    ) -> Ordering {
        let measure = match self {
            Self::Name => Ordering::Equal,
            Self::Largest(measure) => b.rank(measure).cmp(&a.rank(measure)),
            Self::Smallest(measure) => a.rank(measure).cmp(&b.rank(measure)),
        };
        measure.then_with(|| a_period.cmp(&b_period)).then_with(|| a_name.cmp(&b_name))
    }
}
