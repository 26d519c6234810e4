use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Part, Selection, asking::Asking, one_line, sales_by::percent};
use crate::{Date, Dimension, Measure, Money, Order, Query, Sales, Totals};

/// Compares sales of a period with those of another, in all and by what changed most.
///
/// Use it for "how did this March do against last March": `from` and `to` are the period, and
/// `than_from` and `than_to` the one it is compared with; without these it is the period of as many
/// days just before. Changes are absolute and in percent of the other period, which is left out
/// where that is zero. With `by`, the names with the largest changes up or down are listed. Revenue
/// is in one currency, rounded to cents; returns are subtracted. This reads past sales only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Compare periods", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct ComparePeriods {
    /// The first day of the period to compare with, as yyyy-mm-dd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub than_from: Option<Date>,
    /// The last day of the period to compare with, as yyyy-mm-dd.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub than_to: Option<Date>,
    /// Lists what changed most of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Dimension>,
    /// What the list is by.
    #[serde(default)]
    pub measure: Measure,
    /// How many changes to list.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 100))]
    pub n: u32,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

fn ten() -> u32 {
    10
}

/// Sales of a period beside those of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// The sums of the period.
    pub period: Part,
    /// The first day of the period it is compared with.
    pub than_from: Date,
    /// The last day of the period it is compared with.
    pub than_to: Date,
    /// The sums of that period.
    pub than: Part,
    /// What changed in all.
    pub change: Change,
    /// What the list of changes is of, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Dimension>,
    /// The names that changed most, the largest change first, up or down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<NamedChange>,
    /// What the period is of.
    #[serde(flatten)]
    pub about: About,
}

/// How sums of a period differ from those of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Revenue of the period less that of the other.
    pub revenue: Money,
    /// The same in percent of the other, with two decimals; absent where the other is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue_percent: Option<f64>,
    /// Units of the period less those of the other.
    pub units: i64,
    /// The same in percent of the other, with two decimals; absent where the other is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units_percent: Option<f64>,
    /// Order lines of the period less those of the other.
    pub order_lines: i64,
}

/// How a name's sums changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedChange {
    /// The name.
    pub name: String,
    /// The change.
    #[serde(flatten)]
    pub change: Change,
}

impl Change {
    fn new(now: Totals, then: Totals) -> Self {
        let mut change = now;
        change.subtract(then);
        let percent = |measure| {
            let then = then.value(measure);
            percent(now.value(measure) - then, then.abs())
        };
        Self {
            revenue: change.revenue,
            revenue_percent: percent(Measure::Revenue),
            units: change.units,
            units_percent: percent(Measure::Units),
            order_lines: now.order_lines.cast_signed() - then.order_lines.cast_signed(),
        }
    }

    fn text(&self, unit: &str) -> String {
        let percent = |percent: Option<f64>| {
            percent.map(|percent| format!(" ({percent:+.2} %)")).unwrap_or_default()
        };
        format!(
            "revenue {}{unit}{}, units {:+}{}, order lines {:+}",
            self.revenue.signed(),
            percent(self.revenue_percent),
            self.units,
            percent(self.units_percent),
            self.order_lines
        )
    }

    fn size(&self, measure: Measure) -> u64 {
        match measure {
            Measure::Revenue => self.revenue.ten_thousandths().unsigned_abs(),
            Measure::Units => self.units.unsigned_abs(),
            Measure::OrderLines => self.order_lines.unsigned_abs(),
        }
    }
}

impl Call<Sales> for ComparePeriods {
    type Output = WithText<Comparison>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let Self { than_from, than_to, by, measure, n, selection, product } = self;
        let mut asking =
            Asking::new(sales, cx, selection.filter(product), &[Measure::Revenue]).await?;
        let (from, to) = (asking.about.from, asking.about.to);
        let days = to.days_since(from);
        // As long as the period, wherever only one end is given.
        let (than_from, than_to) = match (than_from, than_to) {
            (Some(first), Some(last)) => (first, last),
            (Some(first), None) => (first, first.plus_days(days)),
            (None, last) => {
                let last = last.unwrap_or(from.plus_days(-1));
                (last.plus_days(-days), last)
            }
        };
        if than_from > than_to {
            let message = format!(
                "The period to compare with ends before it begins: than_from {than_from} is after \
                 than_to {than_to}."
            );
            return Err(ToolError::new(ToolErrorKind::InvalidArguments, message));
        }
        let mut filter = asking.scope.filter.clone();
        (filter.from, filter.to) = (Some(than_from), Some(than_to));
        let before = Query::new(filter);
        let total = |rows: &[crate::Row]| rows.first().map(|row| row.totals).unwrap_or_default();
        let now = total(&asking.ask(&asking.query()).await?.rows);
        let then = total(&asking.ask(&before).await?.rows);
        let mut changes = Vec::new();
        if let Some(dimension) = by {
            let mut both: indexmap::IndexMap<_, (Totals, Totals)> = indexmap::IndexMap::new();
            let order = Order::Largest(measure);
            for row in asking.ask(&asking.query().by(dimension).order(order)).await?.rows {
                both.entry(row.names[0].clone()).or_default().0 = row.totals;
            }
            for row in asking.ask(&before.by(dimension).order(order)).await?.rows {
                both.entry(row.names[0].clone()).or_default().1 = row.totals;
            }
            changes = both
                .into_iter()
                .map(|(name, (now, then))| NamedChange {
                    name: name.to_string(),
                    change: Change::new(now, then),
                })
                .filter(|change| change.change.size(measure) > 0)
                .collect();
            changes.sort_by(|a, b| {
                b.change
                    .size(measure)
                    .cmp(&a.change.size(measure))
                    .then_with(|| a.name.cmp(&b.name))
            });
            changes.truncate(n as usize);
        }
        asking.note_if(now.order_lines == 0 && then.order_lines == 0);
        let about = asking.about;
        let (period, than) = (
            Part::new(format!("{from} to {to}"), now),
            Part::new(format!("{than_from} to {than_to}"), then),
        );
        let change = Change::new(now, then);
        let unit = about.unit();
        let mut text = format!(
            "Sales {}, against {than_from} to {than_to}:\n- {}\n- {}\nChange: {}",
            about.heading(),
            period.line(&unit),
            than.line(&unit),
            change.text(&unit)
        );
        if let Some(dimension) = by {
            text += &format!("\nWhat changed most, by {dimension}:");
            for change in &changes {
                text += &format!("\n- {}: {}", one_line(&change.name), change.change.text(&unit));
            }
        }
        let text = about.text(text);
        let comparison =
            Comparison { period, than_from, than_to, than, change, by, changes, about };
        Ok(WithText::new(comparison, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, error};

    #[tokio::test]
    async fn the_period_before_has_as_many_days() {
        let arguments = json!({"from": "2017-01-01", "to": "2017-01-31", "by": "product"});
        let (text, comparison) = call("compare_periods", arguments).await;
        assert_eq!(
            text,
            "Sales in all operations, 2017-01-01 to 2017-01-31, against 2016-12-01 to 2016-12-31:\n\
             - 2017-01-01 to 2017-01-31: revenue 288.99, units 3, order lines 2\n\
             - 2016-12-01 to 2016-12-31: revenue 19.99, units 1, order lines 1\n\
             Change: revenue +269.00 (+1345.65 %), units +2 (+200.00 %), order lines +1\n\
             What changed most, by product:\n\
             - Phone: revenue +249.01, units +1, order lines +1\n\
             - Lamp: revenue +19.99 (+100.00 %), units +1 (+100.00 %), order lines +0"
        );
        assert_eq!(comparison["change"]["units"], 2);
    }

    #[tokio::test]
    async fn a_reversed_period_is_told() {
        let arguments = json!({"than_from": "2017-02-01", "than_to": "2017-01-01"});
        let message = error("compare_periods", arguments).await;
        assert!(message.contains("than_from 2017-02-01 is after than_to 2017-01-01"), "{message}");
    }
}
