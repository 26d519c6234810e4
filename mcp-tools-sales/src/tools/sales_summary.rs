use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Part, Selection, asking::Asking};
use crate::{Answer, Date, Dimension, Grain, Measure, Money, Order, Row, Sales, Totals};

/// How many categories and how many operations a summary shows.
const MOST: usize = 10;

/// How many months a summary shows before it turns to years.
const MOST_MONTHS: usize = 24;

/// Sums up sales: revenue, units and order lines, in all and by category, operation and time.
///
/// Use it for totals and for how sales spread and develop, over all sales data, in one operation (a
/// branch, such as "Dallas"), or in a period; also to learn what period and how many products the
/// data covers. Revenue is in the currency of the data, rounded to cents; units are pieces. Returns
/// are subtracted, so sums can be negative. By time means by month, or by year when sales span more
/// than 24 months. A period without sales gives zeros and a note. For single products use
/// top_n_products. This reads past sales only; it never estimates and never changes data.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Sales summary", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct SalesSummary {
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

/// Sales of a period, in all and by category, operation and time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// Revenue in the currency of the data, rounded to cents.
    pub revenue: Money,
    /// Pieces sold, less those returned.
    pub units: i64,
    /// How many order lines the sums are of.
    pub order_lines: u64,
    /// The day of the first order line that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_date: Option<Date>,
    /// The day of the last order line that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_date: Option<Date>,
    /// How many different products the order lines are of.
    pub products: usize,
    /// How many categories the order lines are of.
    pub categories: usize,
    /// The categories with most revenue, at most 10.
    pub by_category: Vec<Part>,
    /// How many operations the order lines are of.
    pub operations: usize,
    /// The operations with most revenue, at most 10.
    pub by_operation: Vec<Part>,
    /// Every month with sales, named yyyy-mm, or every year, named yyyy, if sales span more than 24
    /// months.
    pub by_time: Vec<Part>,
    /// What the summary is of.
    #[serde(flatten)]
    pub about: About,
}

impl Call<Sales> for SalesSummary {
    type Output = WithText<Summary>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let filter = self.selection.filter(self.product);
        let mut asking = Asking::new(sales, cx, filter, &[Measure::Revenue]).await?;
        let query = asking.query();
        let largest =
            |by, limit| query.clone().by(by).order(Order::Largest(Measure::Revenue)).limit(limit);
        let days = asking.ask(&query.clone().grain(Grain::Day)).await?.rows;
        cx.progress_of(1, 4, "by category").await;
        let categories = asking.ask(&largest(Dimension::Category, MOST)).await?;
        cx.progress_of(2, 4, "by operation").await;
        let operations = asking.ask(&largest(Dimension::Operation, MOST)).await?;
        cx.progress_of(3, 4, "products").await;
        let products = asking.ask(&largest(Dimension::Product, 1)).await?.groups;
        asking.note_if(days.is_empty());
        let about = asking.about;
        let first_date = days.first().and_then(|row| row.period);
        let last_date = days.last().and_then(|row| row.period);
        let grain = match (first_date, last_date) {
            (Some(first), Some(last)) if months_between(first, last) > MOST_MONTHS => Grain::Year,
            _ => Grain::Month,
        };
        let mut totals = Totals::default();
        days.iter().for_each(|day| totals.add(day.totals));
        let summary = Summary {
            revenue: totals.revenue,
            units: totals.units,
            order_lines: totals.order_lines,
            first_date,
            last_date,
            products,
            categories: categories.groups,
            by_category: parts(&categories),
            operations: operations.groups,
            by_operation: parts(&operations),
            by_time: periods(&days, grain),
            about,
        };
        let text = summary.about.text(summary.text());
        Ok(WithText::new(summary, text))
    }
}

fn parts(answer: &Answer) -> Vec<Part> {
    answer.rows.iter().map(|row| Part::new(&*row.names[0], row.totals)).collect()
}

/// Sums up days, which follow each other.
fn periods(days: &[Row], grain: Grain) -> Vec<Part> {
    days.chunk_by(|a, b| {
        a.period.map(|day| grain.start(day)) == b.period.map(|day| grain.start(day))
    })
    .filter_map(|days| {
        let mut totals = Totals::default();
        days.iter().for_each(|day| totals.add(day.totals));
        Some(Part::new(grain.label(grain.start(days[0].period?)), totals))
    })
    .collect()
}

/// How many months a period touches.
fn months_between(first: Date, last: Date) -> usize {
    let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
    usize::try_from(months(last) - months(first) + 1).unwrap_or(0)
}

impl Summary {
    fn text(&self) -> String {
        let unit = self.about.unit();
        let mut text = format!(
            "Sales {}: {}, products {}.",
            self.about.heading(),
            Part::new("", self.totals()).sums(&unit),
            self.products
        );
        if let (Some(first), Some(last)) = (self.first_date, self.last_date) {
            text += &format!(" First sale {first}, last sale {last}.");
        }
        for (title, parts, count) in [
            ("category", &self.by_category, self.categories),
            ("operation", &self.by_operation, self.operations),
            ("time", &self.by_time, self.by_time.len()),
        ] {
            text += &format!("\nBy {title}");
            if parts.len() < count {
                text += &format!(" (the first {} of {count})", parts.len());
            }
            text.push(':');
            for part in parts {
                text += &format!("\n- {}", part.line(&unit));
            }
        }
        text
    }

    fn totals(&self) -> Totals {
        Totals { order_lines: self.order_lines, units: self.units, revenue: self.revenue }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, error};

    const TOOL: &str = "sales_summary";

    #[tokio::test]
    async fn sums_are_given_in_all_and_by_category_operation_and_month() {
        let (text, _) = call(TOOL, json!({})).await;
        assert_eq!(
            text,
            "Sales in all operations, 2016-12-31 to 2017-03-01: revenue 72.47, units 20, order lines 6, products 4. \
             First sale 2016-12-31, last sale 2017-03-01.\n\
             By category:\n\
             - Furniture: revenue 59.97, units 3, order lines 2\n\
             - Office Supplies: revenue 12.50, units 17, order lines 2\n\
             - Technology: revenue 0.00, units 0, order lines 2\n\
             By operation:\n\
             - Austin: revenue 39.98, units 2, order lines 1\n\
             - Dallas: revenue 32.49, units 18, order lines 5\n\
             By time:\n\
             - 2016-12: revenue 19.99, units 1, order lines 1\n\
             - 2017-01: revenue 288.99, units 3, order lines 2\n\
             - 2017-02: revenue 12.50, units 17, order lines 2\n\
             - 2017-03: revenue -249.01, units -1, order lines 1"
        );
    }

    #[tokio::test]
    async fn operation_and_period_choose_what_counts() {
        let (_, summary) =
            call(TOOL, json!({"operation": "dallas", "from": "2016-01-01", "to": "2016-12-31"}))
                .await;
        let lamp =
            |name: &str| json!([{"name": name, "revenue": 19.99, "units": 1, "order_lines": 1}]);
        assert_eq!(
            summary,
            json!({
                "operation": "Dallas", "from": "2016-01-01", "to": "2016-12-31",
                "revenue": 19.99, "units": 1, "order_lines": 1,
                "first_date": "2016-12-31", "last_date": "2016-12-31",
                "products": 1, "categories": 1, "by_category": lamp("Furniture"),
                "operations": 1, "by_operation": lamp("Dallas"), "by_time": lamp("2016-12"),
            })
        );
    }

    #[tokio::test]
    async fn a_period_without_sales_is_zeros_and_a_note() {
        let (text, summary) = call(TOOL, json!({"operation": "Austin", "to": "2010-12-31"})).await;
        let note = "There are no order lines in Austin from 2010-12-31 to 2010-12-31. The data covers 2016-12-31 to 2017-03-01.";
        assert_eq!((text.as_str(), summary["note"].as_str()), (note, Some(note)));
        assert_eq!(
            (&summary["order_lines"], &summary["revenue"], &summary["by_time"]),
            (&json!(0), &json!(0.0), &json!([]))
        );
        assert_eq!(summary.get("first_date"), None);
    }

    #[tokio::test]
    async fn mistakes_are_told_to_the_model() {
        let message = error(TOOL, json!({"operation": "Houston"})).await;
        assert!(message.contains("Austin, Dallas"), "{message}");
        let message = error(TOOL, json!({"from": "2017-02-02", "to": "2017-02-01"})).await;
        assert!(message.contains("from 2017-02-02 is after to 2017-02-01"), "{message}");
        let message = error(TOOL, json!({"branch": "Dallas"})).await;
        assert!(message.contains("`branch`: no such argument"), "{message}");
    }
}
