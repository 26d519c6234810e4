use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::one_line;
use crate::{Measure, Money, Totals};

/// A part of the sales that an answer is about: its name and its sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The product, the category, the operation, the currency, or the period: yyyy, yyyy-Qq,
    /// yyyy-mm, yyyy-Www or yyyy-mm-dd.
    pub name: String,
    /// Revenue in its currency, rounded to cents.
    pub revenue: Money,
    /// Pieces sold, less those returned.
    pub units: i64,
    /// How many order lines the sums are of.
    pub order_lines: u64,
}

impl Part {
    pub(super) fn new(name: impl Into<String>, totals: Totals) -> Self {
        let Totals { order_lines, units, revenue } = totals;
        Self { name: name.into(), revenue, units, order_lines }
    }

    /// A line of a list, with the currency's unit behind the revenue.
    pub(super) fn line(&self, unit: &str) -> String {
        format!("{}: {}", one_line(&self.name), self.sums(unit))
    }

    /// The sum of a measure.
    pub(super) fn value(&self, measure: Measure) -> f64 {
        let Self { revenue, units, order_lines, .. } = self;
        Totals { order_lines: *order_lines, units: *units, revenue: *revenue }.value(measure)
    }

    pub(super) fn sums(&self, unit: &str) -> String {
        let Self { revenue, units, order_lines, .. } = self;
        format!("revenue {revenue}{unit}, units {units}, order lines {order_lines}")
    }
}
