use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Selection, asking::Asking, one_line};
use crate::{Dimension, Measure, Money, Order, Sales};

/// Ranks the best-selling products, by revenue or by units, over all sales data or part of it.
///
/// Use it to find out what sells most, overall, in one operation (a branch, such as "Dallas"), or
/// in a period. Revenue is in the currency of the data, rounded to cents; units are pieces. Returns
/// are subtracted, so sums can be negative. Products that tie are in the order of their names. A
/// period without sales gives an empty list and a note. For totals rather than a ranking use
/// sales_summary. This reads past sales only; it never estimates and never changes data.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Top products", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct TopNProducts {
    /// How many products to return.
    #[schemars(range(min = 1, max = 1000))]
    pub n: u32,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
    /// What to rank by: the money that sales brought in, the number of pieces sold, or
    /// how many order lines there are.
    #[serde(default)]
    pub by: Measure,
}

/// The best-selling products of a period.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TopProducts {
    /// What the ranking is by.
    pub by: Measure,
    /// The products, best first.
    pub products: Vec<ProductSales>,
    /// What the ranking is of.
    #[serde(flatten)]
    pub about: About,
}

/// A product in a ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProductSales {
    /// The place in the ranking, from 1.
    pub rank: u32,
    /// The product's name.
    pub product: String,
    /// Revenue in the currency of the data, rounded to cents.
    pub revenue: Money,
    /// Pieces sold, less those returned.
    pub units: i64,
    /// How many order lines the sums are of.
    pub order_lines: u64,
}

impl Call<Sales> for TopNProducts {
    type Output = WithText<TopProducts>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let filter = self.selection.filter(None);
        let mut asking = Asking::new(sales, cx, filter, &[Measure::Revenue]).await?;
        let query = asking.query().by(Dimension::Product).order(Order::Largest(self.by));
        let limit = usize::try_from(self.n).unwrap_or(usize::MAX);
        let answer = asking.ask(&query.limit(limit)).await?;
        asking.note_if(answer.rows.is_empty());
        let about = asking.about;
        let products: Vec<ProductSales> = (1..)
            .zip(&answer.rows)
            .map(|(rank, row)| ProductSales {
                rank,
                product: row.names[0].to_string(),
                revenue: row.totals.revenue,
                units: row.totals.units,
                order_lines: row.totals.order_lines,
            })
            .collect();
        let heading =
            format!("Top {} products by {} {}:", products.len(), self.by, about.heading());
        let text = products.iter().fold(heading, |text, product| {
            let ProductSales { rank, product, revenue, units, order_lines } = product;
            format!(
                "{text}\n{rank}. {}: revenue {revenue}{}, units {units}, order lines {order_lines}",
                one_line(product),
                about.unit()
            )
        });
        let text = about.text(text);
        Ok(WithText::new(TopProducts { by: self.by, products, about }, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, error};

    const TOOL: &str = "top_n_products";

    #[tokio::test]
    async fn products_are_ranked_by_revenue_then_name() {
        let (text, top) = call(TOOL, json!({"n": 10})).await;
        assert_eq!(
            text,
            "Top 4 products by revenue in all operations, 2016-12-31 to 2017-03-01:\n\
             1. Lamp: revenue 59.97, units 3, order lines 2\n\
             2. Binder: revenue 6.25, units 5, order lines 1\n\
             3. Pens, blue: revenue 6.25, units 12, order lines 1\n\
             4. Phone: revenue 0.00, units 0, order lines 2"
        );
        assert_eq!(top["products"][2]["product"], "Pens,\nblue");
        assert_eq!(top["by"], "revenue");
        assert_eq!(top.get("operation"), None);
    }

    #[tokio::test]
    async fn operation_period_and_measure_choose_what_counts() {
        let (_, top) = call(
            TOOL,
            json!({"n": 1, "operation": "DALLAS", "from": "2017-01-01", "to": "2017-02-03", "by": "units"}),
        )
        .await;
        assert_eq!(
            top,
            json!({
                "by": "units", "operation": "Dallas", "from": "2017-01-01", "to": "2017-02-03",
                "products": [{"rank": 1, "product": "Pens,\nblue", "revenue": 6.25, "units": 12, "order_lines": 1}],
            })
        );
    }

    #[tokio::test]
    async fn money_is_rounded_to_cents_once_summed() {
        let (_, top) = call(TOOL, json!({"n": 1, "to": "2017-01-01", "operation": "Dallas"})).await;
        assert_eq!(top["products"][0]["revenue"], json!(249.01));
    }

    #[tokio::test]
    async fn a_period_without_sales_is_an_empty_list_and_a_note() {
        let (text, top) = call(TOOL, json!({"n": 3, "from": "2020-01-01"})).await;
        let note = "There are no order lines from 2020-01-01 to 2020-01-01. The data covers 2016-12-31 to 2017-03-01.";
        assert_eq!((text.as_str(), top["note"].as_str()), (note, Some(note)));
        assert_eq!(top["products"], json!([]));
    }

    #[tokio::test]
    async fn an_unknown_operation_lists_the_known_ones() {
        let message = error(TOOL, json!({"n": 3, "operation": "Atlantis"})).await;
        assert_eq!(
            message,
            "There is no operation \"Atlantis\". The operations are: Austin, Dallas."
        );
    }

    #[tokio::test]
    async fn arguments_that_do_not_fit_are_named() {
        let message = error(TOOL, json!({"n": 0, "from": "yesterday", "by": "profit"})).await;
        for fault in [
            "`n`: expected at least 1, found 0",
            "`from`: expected text that matches",
            "`by`: expected one of \"revenue\", \"units\", \"order_lines\", found \"profit\"",
        ] {
            assert!(message.contains(fault), "{message}");
        }
        let message = error(TOOL, json!({"n": 1, "from": "2017-02-30"})).await;
        assert!(
            message.contains(
                "expected a date as yyyy-mm-dd, such as 2017-12-31, found \"2017-02-30\""
            ),
            "{message}"
        );
        let message = error(TOOL, json!({"n": 1, "from": "2017-02-02", "to": "2017-02-01"})).await;
        assert!(message.contains("from 2017-02-02 is after to 2017-02-01"), "{message}");
    }
}
