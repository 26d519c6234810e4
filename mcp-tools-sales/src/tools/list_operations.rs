use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{about::not_counted, asking::loaded, one_line};
use crate::{Dimension, Sales};

/// Lists the operations (branches) that there are, those with most order lines first.
///
/// Use it to learn the names that other tools take as `operation`. `matching` keeps those whose name
/// contains a text, in any case.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "List operations", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct ListOperations {
    /// Keeps the operations whose name contains this, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<String>,
    /// How many to return.
    #[serde(default = "hundred")]
    #[schemars(range(min = 1, max = 10_000))]
    pub limit: u32,
}

fn hundred() -> u32 {
    100
}

/// The operations that there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operations {
    /// Those with most order lines first.
    pub operations: Vec<Operation>,
    /// How many there are, or how many match.
    pub count: usize,
    /// How many lines of the data could not be read and are not counted, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_set_aside: Option<u64>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// How many order lines it has.
    pub order_lines: u64,
}

impl Call<Sales> for ListOperations {
    type Output = WithText<Operations>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let names = loaded(sales, cx, sales.names(Dimension::Operation)).await?;
        let matching = self.matching.map(|text| text.trim().to_lowercase());
        let mut operations: Vec<Operation> = names
            .iter()
            .filter(|(name, _)| {
                matching.as_ref().is_none_or(|text| name.to_lowercase().contains(text))
            })
            .map(|(name, order_lines)| Operation { name: name.to_string(), order_lines })
            .collect();
        operations.sort_unstable_by(|a, b| {
            b.order_lines.cmp(&a.order_lines).then_with(|| a.name.cmp(&b.name))
        });
        let count = operations.len();
        operations.truncate(self.limit as usize);
        let mut text = format!("{count} operations");
        if operations.len() < count {
            text += &format!(" (the first {})", operations.len());
        }
        text.push(':');
        for Operation { name, order_lines } in &operations {
            text += &format!("\n- {}: order lines {order_lines}", one_line(name));
        }
        let set_aside = loaded(sales, cx, sales.describe()).await?.set_aside;
        let lines_set_aside = (set_aside > 0).then_some(set_aside);
        if let Some(lines) = lines_set_aside {
            text += &not_counted(lines);
        }
        Ok(WithText::new(Operations { operations, count, lines_set_aside }, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::call;

    #[tokio::test]
    async fn operations_with_most_order_lines_come_first() {
        let (text, _) = call("list_operations", json!({})).await;
        assert_eq!(text, "2 operations:\n- Dallas: order lines 5\n- Austin: order lines 1");
        let (_, found) = call("list_operations", json!({"matching": "AUS", "limit": 5})).await;
        assert_eq!(
            found,
            json!({"operations": [{"name": "Austin", "order_lines": 1}], "count": 1})
        );
    }
}
