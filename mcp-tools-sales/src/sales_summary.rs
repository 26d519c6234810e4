use std::fmt;

use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Date, Group, Money, SalesStore, Totals,
    pack::{one_line, scope, tell_model},
};

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
#[tool(title = "Sales summary", read_only, idempotent, open_world = false, scopes = ["sales:read"])]
pub struct SalesSummary {
    /// The first day that counts, as yyyy-mm-dd; the first day of the data when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// The last day that counts, as yyyy-mm-dd; the last day of the data when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Date>,
    /// The operation (branch) whose sales count, such as "Dallas", in any case; all operations when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// Sales of a period, in all and by category, operation and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// The operation whose sales count; all operations when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The first day that counts.
    pub from: Date,
    /// The last day that counts.
    pub to: Date,
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
    /// Says why the sums are zero, if there are no order lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A part of the sales that a summary covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// The category, the operation, the month or the year.
    pub name: String,
    /// Revenue in the currency of the data, rounded to cents.
    pub revenue: Money,
    /// Pieces sold, less those returned.
    pub units: i64,
    /// How many order lines the sums are of.
    pub order_lines: u64,
}

impl Call<SalesStore> for SalesSummary {
    type Output = WithText<Summary>;

    // Does not wait, and needs no thread of its own: ten million rows take about 50 ms.
    async fn call(self, store: &SalesStore, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let selection =
            store.select(self.operation.as_deref(), self.from, self.to).map_err(tell_model)?;
        let Totals { order_lines, units, revenue } = selection.totals();
        let (categories, operations) = (selection.categories(), selection.operations());
        let days = selection.days();
        let by_time: Vec<Part> = match days {
            Some((first, last)) if months_between(first, last) > MOST_MONTHS => selection
                .years()
                .iter()
                .map(|year| Part::new(format!("{:04}", year.name), year))
                .collect(),
            _ => {
                let name = |(year, month)| format!("{year:04}-{month:02}");
                selection.months().iter().map(|month| Part::new(name(month.name), month)).collect()
            }
        };
        let summary = Summary {
            operation: selection.operation().map(str::to_owned),
            from: selection.from(),
            to: selection.to(),
            revenue,
            units,
            order_lines,
            first_date: days.map(|(first, _)| first),
            last_date: days.map(|(_, last)| last),
            products: selection.products(),
            categories: categories.len(),
            by_category: Part::most(&categories),
            operations: operations.len(),
            by_operation: Part::most(&operations),
            by_time,
            note: selection.note(),
        };
        let text = match &summary.note {
            Some(note) => note.clone(),
            None => format!("Sales {}: {summary}", scope(&selection)),
        };
        Ok(WithText::new(summary, text))
    }
}

/// How many months a period touches.
fn months_between(first: Date, last: Date) -> usize {
    let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
    usize::try_from(months(last) - months(first) + 1).unwrap_or(0)
}

impl Part {
    fn new<N>(name: String, group: &Group<N>) -> Self {
        let Totals { order_lines, units, revenue } = group.totals;
        Self { name, revenue, units, order_lines }
    }

    fn most(groups: &[Group<&str>]) -> Vec<Self> {
        groups.iter().take(MOST).map(|group| Self::new(group.name.to_owned(), group)).collect()
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, revenue, units, order_lines } = self;
        write!(
            f,
            "- {}: revenue {revenue}, units {units}, order lines {order_lines}",
            one_line(name)
        )
    }
}

/// What comes after the heading.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revenue, units, order_lines, products, .. } = self;
        write!(
            f,
            "revenue {revenue}, units {units}, order lines {order_lines}, products {products}."
        )?;
        if let (Some(first), Some(last)) = (self.first_date, self.last_date) {
            write!(f, " First sale {first}, last sale {last}.")?;
        }
        for (title, parts, count) in [
            ("category", &self.by_category, self.categories),
            ("operation", &self.by_operation, self.operations),
            ("time", &self.by_time, self.by_time.len()),
        ] {
            write!(f, "\nBy {title}")?;
            if parts.len() < count {
                write!(f, " (the first {} of {count})", parts.len())?;
            }
            f.write_str(":")?;
            parts.iter().try_for_each(|part| write!(f, "\n{part}"))?;
        }
        Ok(())
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
