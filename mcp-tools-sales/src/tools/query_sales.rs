use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Selection, asking::Asking, one_line};
use crate::{Date, Dimension, Grain, Measure, Money, Order, Query, Row, Sales};

/// Filters, groups and sums sales as asked: for questions that no other tool answers.
///
/// Group by any of product, category, operation and currency, and by day, week, month, quarter or
/// year; choose measures, an order and a limit. Use the other tools where they fit: they say more.
/// Revenue is in one currency, rounded to cents (or group by currency); units are pieces; returns
/// are subtracted. Groups without sales are left out. This reads past sales only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Query sales", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct QuerySales {
    /// What to group, and how.
    #[serde(flatten)]
    pub grouping: Grouping,
    /// How many groups to return.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 1000))]
    pub limit: u32,
}

fn hundred() -> u32 {
    100
}

/// What is summed, for which groups, in which order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Grouping {
    /// The names to group by; without any, and without a grain, there is one group of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub group_by: Vec<Dimension>,
    /// The periods to group by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grain: Option<Grain>,
    /// What to sum up; everything when absent.
    #[serde(default = "all_measures")]
    #[schemars(length(min = 1, max = 3))]
    pub measures: Vec<Measure>,
    /// Puts the groups with most of this first; by period and name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_by: Option<Measure>,
    /// Puts the groups with least of `order_by` first.
    #[serde(default)]
    pub ascending: bool,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// The product whose sales count, in any case; all products when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
}

fn all_measures() -> Vec<Measure> {
    Measure::ALL.to_vec()
}

impl Grouping {
    /// Finds what the filter means, and makes the query.
    pub(super) async fn ask<'a>(
        self,
        sales: &'a Sales,
        cx: &ToolContext,
        limit: usize,
    ) -> ToolResult<(Asking<'a>, Query)> {
        let Self { group_by, grain, measures, order_by, ascending, selection, product } = self;
        // Grouped by currency, no sum is of several.
        let mut summed = measures;
        summed.extend(order_by);
        let summed = if group_by.contains(&Dimension::Currency) { vec![] } else { summed };
        let asking = Asking::new(sales, cx, selection.filter(product), &summed).await?;
        let query = group_by.into_iter().fold(asking.query().limit(limit), Query::by);
        let query = grain.into_iter().fold(query, Query::grain);
        let query = query.order(match order_by {
            None => Order::Name,
            Some(measure) if ascending => Order::Smallest(measure),
            Some(measure) => Order::Largest(measure),
        });
        Ok((asking, query))
    }
}

/// Groups of sales and their sums.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryResult {
    /// The groups, in the order that was asked for.
    pub groups: Vec<SalesGroup>,
    /// How many groups there are without the limit.
    pub count: usize,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
}

/// A group and its sums: what was grouped by, and what was summed up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SalesGroup {
    /// The first day of the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Date>,
    /// The product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Revenue in its currency, rounded to cents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Money>,
    /// Pieces sold, less those returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<i64>,
    /// How many order lines the sums are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_lines: Option<u64>,
}

impl SalesGroup {
    fn new(row: &Row, by: &[Dimension], measures: &[Measure]) -> Self {
        let mut group = Self { period: row.period, ..Self::default() };
        for (dimension, name) in by.iter().zip(&row.names) {
            let slot = match dimension {
                Dimension::Product => &mut group.product,
                Dimension::Category => &mut group.category,
                Dimension::Operation => &mut group.operation,
                Dimension::Currency => &mut group.currency,
            };
            *slot = Some(name.to_string());
        }
        for measure in measures {
            match measure {
                Measure::Revenue => group.revenue = Some(row.totals.revenue),
                Measure::Units => group.units = Some(row.totals.units),
                Measure::OrderLines => group.order_lines = Some(row.totals.order_lines),
            }
        }
        group
    }

    fn line(&self, grain: Option<Grain>, unit: &str) -> String {
        let period = self.period.zip(grain).map(|(period, grain)| grain.label(period));
        let names = [&self.product, &self.category, &self.operation, &self.currency];
        let names = names.into_iter().flatten().map(|name| one_line(name));
        let name: Vec<String> = period.into_iter().chain(names).collect();
        let name = if name.is_empty() { "all".to_owned() } else { name.join(", ") };
        let sums = [
            self.revenue.map(|revenue| format!("revenue {revenue}{unit}")),
            self.units.map(|units| format!("units {units}")),
            self.order_lines.map(|lines| format!("order lines {lines}")),
        ];
        let sums: Vec<String> = sums.into_iter().flatten().collect();
        format!("{name}: {}", sums.join(", "))
    }
}

impl Call<Sales> for QuerySales {
    type Output = WithText<QueryResult>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let measures = self.grouping.measures.clone();
        let (mut asking, query) = self.grouping.ask(sales, cx, self.limit as usize).await?;
        let answer = asking.ask(&query).await?;
        asking.note_if(answer.rows.is_empty());
        let groups: Vec<SalesGroup> =
            answer.rows.iter().map(|row| SalesGroup::new(row, &query.by, &measures)).collect();
        let about = asking.about;
        let unit = about.unit();
        let mut text = format!("Sales {}", about.heading());
        if groups.len() < answer.groups {
            text += &format!(" (the first {} of {} groups)", groups.len(), answer.groups);
        }
        text.push(':');
        for group in &groups {
            text += &format!("\n- {}", group.line(query.grain, &unit));
        }
        let text = about.text(text);
        Ok(WithText::new(QueryResult { groups, count: answer.groups, about }, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, call_on, error, error_on};

    #[tokio::test]
    async fn groups_have_what_was_asked_for() {
        let arguments = json!({
            "group_by": ["operation", "category"], "grain": "quarter", "measures": ["units"],
            "order_by": "units", "ascending": true, "limit": 2,
        });
        let (text, found) = call("query_sales", arguments).await;
        assert_eq!(
            text,
            "Sales in all operations, 2016-12-31 to 2017-03-01 (the first 2 of 4 groups):\n\
             - 2017-Q1, Technology, Dallas: units 0\n\
             - 2016-Q4, Furniture, Dallas: units 1"
        );
        assert_eq!(
            found["groups"][0],
            json!({"period": "2017-01-01", "operation": "Dallas", "category": "Technology", "units": 0})
        );
    }

    #[tokio::test]
    async fn nothing_to_group_by_is_one_group() {
        let (text, found) = call("query_sales", json!({})).await;
        assert!(text.ends_with("- all: revenue 72.47, units 20, order lines 6"), "{text}");
        assert_eq!(found["count"], 1);
    }

    const CURRENCIES: &str = "\
date,product,category,operation,units,revenue,currency
2017-01-01,Lamp,Home,Dallas,1,2,USD
2017-01-01,Lamp,Home,Paris,1,3,EUR
2017-01-01,Lamp,Home,Paris,-1,-3,EUR
2017-01-02,Desk,Home,Paris,2,50,EUR
";

    #[tokio::test]
    async fn currencies_are_never_summed_together() {
        let message = error_on(CURRENCIES, "query_sales", json!({})).await;
        assert_eq!(
            message,
            "The data has revenue in 2 currencies, which are never summed together: EUR (3 order \
             lines), USD (1 order lines). Say which with `currency`."
        );
        for tool in ["sales_summary", "compare_periods"] {
            assert_eq!(error_on(CURRENCIES, tool, json!({})).await, message, "{tool}");
        }
        let message = error_on(CURRENCIES, "query_sales", json!({"currency": "GBP"})).await;
        assert!(message.contains("There is no currency \"GBP\". The currencies are: EUR, USD."));

        let (text, _) = call_on(CURRENCIES, "query_sales", json!({"currency": "eur"})).await;
        assert!(text.ends_with("- all: revenue 50.00 EUR, units 2, order lines 3"), "{text}");
        let units = json!({"measures": ["units"]});
        let (text, _) = call_on(CURRENCIES, "query_sales", units).await;
        assert!(text.ends_with("- all: units 3"), "{text}");
        let split = json!({"group_by": ["currency"]});
        let (_, found) = call_on(CURRENCIES, "query_sales", split).await;
        assert_eq!(found["groups"][0]["revenue"], 50.0);
        let (text, _) = call_on(CURRENCIES, "sales_by", json!({"dimension": "currency"})).await;
        assert!(!text.contains("others") && !text.contains('%'), "{text}");
    }

    #[tokio::test]
    async fn what_cannot_be_summed_is_named() {
        let message = error("query_sales", json!({"measures": [], "limit": 0})).await;
        assert!(message.contains("`measures`") && message.contains("`limit`"), "{message}");
        let message = error("query_sales", json!({"sql": "drop table"})).await;
        assert!(message.contains("`sql`: no such argument"), "{message}");
    }
}
