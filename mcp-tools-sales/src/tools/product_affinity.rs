use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{About, Selection, asking::Asking, one_line, tell_model};
use crate::{AffinityQuery, Sales};

/// Finds products that are bought together: pairs that are in the same orders.
///
/// Use it for bundles, shelf placement and recommendations, over all products or, with `product`, for
/// what goes with one. For each pair: in how many orders both are, in what part of all orders
/// (support), in what part of the orders of the one is the other too (confidence), and how much more
/// often than by chance (lift; above 1 is more). Pairs that are together in few orders prove little,
/// whatever their lift. Returns do not count. Only data that says which order a line belongs to can be
/// asked: describe_sales_data tells.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Product affinity", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"], timeout = "120s")]
pub struct ProductAffinity {
    /// The product that is one of each pair, in any case; all pairs when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// How many pairs to return, those in most orders first.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 1000))]
    pub n: u32,
    /// Which order lines count.
    #[serde(flatten)]
    pub selection: Selection,
}

fn ten() -> u32 {
    10
}

/// Products that are bought together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Affinities {
    /// How many orders count.
    pub orders: u64,
    /// The pairs, those in most orders first.
    pub pairs: Vec<Pair>,
    /// How many pairs there are in all.
    pub count: u64,
    /// What they are of.
    #[serde(flatten)]
    pub about: About,
}

/// Two products that are bought together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pair {
    /// The one.
    pub product: String,
    /// The other.
    pub other: String,
    /// In how many orders both are.
    pub orders_together: u64,
    /// In what part of all orders both are, in percent.
    pub support_percent: f64,
    /// In what part of the orders of `product` the other is, in percent.
    pub confidence_percent: f64,
    /// In what part of the orders of `other` the product is, in percent.
    pub reverse_confidence_percent: f64,
    /// How many times as often they are together as they would be by chance.
    pub lift: f64,
}

impl Call<Sales> for ProductAffinity {
    type Output = WithText<Affinities>;

    #[allow(clippy::cast_precision_loss, reason = "orders are counted below 2^53")]
    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let mut asking = Asking::new(sales, cx, self.selection.filter(self.product), &[]).await?;
        let query = AffinityQuery { filter: asking.scope.filter.clone(), limit: self.n as usize };
        let found = sales.affinity(&query).await.map_err(tell_model)?;
        asking.about.charge(found.cost);
        let round = |value: f64| (value * 100.0).round() / 100.0;
        let pairs: Vec<Pair> = found
            .pairs
            .iter()
            .map(|pair| {
                let (together, all) = (pair.together as f64, found.orders as f64);
                let (one, other) = (pair.orders as f64, pair.other_orders as f64);
                Pair {
                    product: pair.product.to_string(),
                    other: pair.other.to_string(),
                    orders_together: pair.together,
                    support_percent: round(100.0 * together / all),
                    confidence_percent: round(100.0 * together / one),
                    reverse_confidence_percent: round(100.0 * together / other),
                    lift: round(together * all / (one * other)),
                }
            })
            .collect();
        if found.orders == 0 {
            asking.note_if(true);
        } else if pairs.is_empty() {
            asking.about.note =
                Some(format!("None of the {} orders has a pair of products.", found.orders));
        }
        let about = asking.about;
        let mut text = format!(
            "Products bought together, {} ({} orders, {} pairs):",
            about.heading(),
            found.orders,
            found.count
        );
        for pair in &pairs {
            text += &format!(
                "\n- {} and {}: {} orders, {} % of all, {} % of the first's, {} % of the second's, lift {}",
                one_line(&pair.product),
                one_line(&pair.other),
                pair.orders_together,
                pair.support_percent,
                pair.confidence_percent,
                pair.reverse_confidence_percent,
                pair.lift
            );
        }
        let text = about.text(text);
        Ok(WithText::new(
            Affinities { orders: found.orders, pairs, count: found.count, about },
            text,
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call_on, error};

    const BASKETS: &str = "\
date,product,category,operation,units,revenue,order
2017-01-01,Bread,Food,Dallas,1,2,a
2017-01-01,Butter,Food,Dallas,1,3,a
2017-01-01,Butter,Food,Dallas,2,6,a
2017-01-02,Bread,Food,Dallas,1,2,b
2017-01-02,Butter,Food,Dallas,1,3,b
2017-01-02,Jam,Food,Dallas,1,4,b
2017-01-03,Jam,Food,Dallas,1,4,c
2017-01-04,Bread,Food,Dallas,-1,-2,c
2017-01-05,Bread,Food,Dallas,1,2,d
";

    #[tokio::test]
    async fn pairs_are_counted_once_an_order_and_returns_not_at_all() {
        let (text, found) = call_on(BASKETS, "product_affinity", json!({})).await;
        assert_eq!(
            text,
            "Products bought together, in all operations, 2017-01-01 to 2017-01-05 (4 orders, 3 pairs):\n\
             - Bread and Butter: 2 orders, 50 % of all, 66.67 % of the first's, 100 % of the second's, lift 1.33\n\
             - Bread and Jam: 1 orders, 25 % of all, 33.33 % of the first's, 50 % of the second's, lift 0.67\n\
             - Butter and Jam: 1 orders, 25 % of all, 50 % of the first's, 50 % of the second's, lift 1"
        );
        assert_eq!(found["pairs"][0]["orders_together"], 2);
    }

    #[tokio::test]
    async fn a_product_is_one_of_each_pair() {
        let arguments = json!({"product": "JAM", "n": 1});
        let (_, found) = call_on(BASKETS, "product_affinity", arguments).await;
        assert_eq!((&found["count"], &found["orders"]), (&json!(2), &json!(4)));
        assert_eq!(found["pairs"][0]["product"], "Jam");
        assert_eq!(found["pairs"][0]["other"], "Bread");
        assert_eq!(found["pairs"][0]["confidence_percent"], 50.0);
    }

    #[tokio::test]
    async fn one_product_makes_no_pair() {
        let only_bread: String = BASKETS
            .lines()
            .filter(|line| line.starts_with("date") || line.contains("Bread"))
            .map(|line| format!("{line}\n"))
            .collect();
        for arguments in [json!({}), json!({"product": "bread"})] {
            let (text, found) = call_on(&only_bread, "product_affinity", arguments).await;
            assert_eq!((&found["orders"], &found["count"]), (&json!(3), &json!(0)), "{text}");
            assert_eq!(found["pairs"], json!([]));
        }
    }

    #[tokio::test]
    async fn data_without_orders_cannot_be_asked() {
        let message = error("product_affinity", json!({})).await;
        assert!(message.contains("does not say which order a line belongs to"), "{message}");
    }
}
