use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Part, Selection, asking::Asking};
use crate::{Dimension, Measure, Order, Sales, Totals};

/// Splits sales by product, category, operation or currency, largest first, with each one's share.
///
/// Use it to compare branches or categories, or to see how much the largest of them make up. Revenue
/// is in one currency, rounded to cents; units are pieces; returns are subtracted, so sums and shares
/// can be negative. What is not among the first `n` is summed up as "others". For best sellers alone
/// use top_n_products, for change over time sales_trend. This reads past sales only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Sales by dimension", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct SalesBy {
    /// What to split by.
    pub dimension: Dimension,
    /// What the order and the shares are of.
    #[serde(default)]
    pub measure: Measure,
    /// How many to show, the largest first.
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 1000))]
    pub n: u32,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

fn twenty() -> u32 {
    20
}

/// Sales, split by a dimension.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Split {
    /// What they are split by.
    pub dimension: Dimension,
    /// What the order and the shares are of.
    pub measure: Measure,
    /// The largest, the largest first.
    pub parts: Vec<SharedPart>,
    /// How many there are in all.
    pub count: usize,
    /// The sums of those that are not shown, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others: Option<SharedPart>,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
}

/// A part and its share of the whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SharedPart {
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// Its share of the measure's total, in percent with two decimals; absent where the total is
    /// zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share_percent: Option<f64>,
}

impl SharedPart {
    fn new(name: &str, totals: Totals, all: f64, measure: Measure) -> Self {
        let share_percent = percent(totals.value(measure), all);
        Self { part: Part::new(name, totals), share_percent }
    }

    fn line(&self, unit: &str) -> String {
        let share = self.share_percent.map(|share| format!(", {share:.2} %")).unwrap_or_default();
        format!("{}{share}", self.part.line(unit))
    }
}

/// How much of `all` a part is, with two decimals; none of nothing.
pub(super) fn percent(part: f64, all: f64) -> Option<f64> {
    (all != 0.0).then(|| (part / all * 10_000.0).round() / 100.0)
}

impl Call<Sales> for SalesBy {
    type Output = WithText<Split>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let Self { dimension, measure, n, selection, product } = self;
        // Split by currency, no sum is of several.
        let measures: &[Measure] =
            if dimension == Dimension::Currency { &[] } else { &[Measure::Revenue] };
        let mut asking = Asking::new(sales, cx, selection.filter(product), measures).await?;
        let query = asking.query().by(dimension).order(Order::Largest(measure));
        let shown = asking.ask(&query.limit(n as usize)).await?;
        let all = asking.ask(&asking.query()).await?;
        asking.note_if(all.rows.is_empty());
        let all = all.rows.first().map(|row| row.totals).unwrap_or_default();
        // Revenue of several currencies has no total.
        let whole = match (dimension, measure) {
            (Dimension::Currency, Measure::Revenue) if shown.groups > 1 => 0.0,
            _ => all.value(measure),
        };
        let mut rest = all;
        let mut parts = Vec::with_capacity(shown.rows.len());
        for row in &shown.rows {
            rest.subtract(row.totals);
            parts.push(SharedPart::new(&row.names[0], row.totals, whole, measure));
        }
        let others = (shown.groups > parts.len() && dimension != Dimension::Currency)
            .then(|| SharedPart::new("others", rest, whole, measure));
        let about = asking.about;
        let unit = about.unit();
        let mut text = format!("Sales by {dimension}, by {measure}, {}:", about.heading());
        for part in parts.iter().chain(&others) {
            text += &format!("\n- {}", part.line(&unit));
        }
        let text = about.text(text);
        let split = Split { dimension, measure, parts, count: shown.groups, others, about };
        Ok(WithText::new(split, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, error};

    #[tokio::test]
    async fn shares_add_up_with_what_is_not_shown() {
        let (text, split) =
            call("sales_by", json!({"dimension": "category", "n": 1, "measure": "units"})).await;
        assert_eq!(
            text,
            "Sales by category, by units, in all operations, 2016-12-31 to 2017-03-01:\n\
             - Office Supplies: revenue 12.50, units 17, order lines 2, 85.00 %\n\
             - others: revenue 59.97, units 3, order lines 4, 15.00 %"
        );
        assert_eq!(
            (&split["count"], &split["parts"][0]["share_percent"]),
            (&json!(3), &json!(85.0))
        );
    }

    #[tokio::test]
    async fn what_is_no_dimension_is_named() {
        let message = error("sales_by", json!({"dimension": "colour"})).await;
        assert!(message.contains("expected one of \"product\""), "{message}");
    }
}
