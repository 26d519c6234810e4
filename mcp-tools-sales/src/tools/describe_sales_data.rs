use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asking::loaded;
use crate::{DataColumn, Date, Dimension, QueryError, Sales};

/// Describes the sales data: where it is from, its columns and period, and how much there is.
///
/// Use it first when it is not known what the data holds: which period, which currencies, whether
/// orders are known, what columns were read and as what, and how many lines could not be read, with
/// what is wrong with the first of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(title = "Describe sales data", read_only, idempotent, open_world = false, task = "on_demand", scopes = ["sales:read"])]
pub struct DescribeSalesData {}

/// What the sales data is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DataDescription {
    /// Where it is.
    pub name: String,
    /// How many files it is made of, if it is made of files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    /// How many order lines there are.
    pub order_lines: u64,
    /// The day of the first order line.
    pub first_date: Date,
    /// The day of the last order line.
    pub last_date: Date,
    /// How many products there are.
    pub products: usize,
    /// How many categories there are.
    pub categories: usize,
    /// How many operations there are.
    pub operations: usize,
    /// The currencies of revenue, those with most order lines first; empty where the data does not
    /// say.
    pub currencies: Vec<String>,
    /// Whether it is known which order a line belongs to, as product_affinity needs it.
    pub has_orders: bool,
    /// The columns of the first file, or of the table.
    pub columns: Vec<DataColumn>,
    /// How many lines could not be read and are in no sum.
    pub lines_set_aside: u64,
    /// What is wrong with the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

impl DataDescription {
    pub(crate) async fn of(sales: &Sales) -> Result<Self, QueryError> {
        let data = sales.describe().await?;
        let mut counts = [0; Dimension::ALL.len()];
        for dimension in Dimension::ALL {
            counts[dimension as usize] = sales.names(dimension).await?.len();
        }
        let currencies = sales.names(Dimension::Currency).await?;
        let mut currencies: Vec<_> = currencies.iter().collect();
        currencies.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        Ok(Self {
            name: data.name.clone(),
            files: (data.files > 0).then_some(data.files),
            order_lines: data.order_lines,
            first_date: data.first,
            last_date: data.last,
            products: counts[Dimension::Product as usize],
            categories: counts[Dimension::Category as usize],
            operations: counts[Dimension::Operation as usize],
            currencies: currencies.into_iter().map(|(name, _)| name.to_string()).collect(),
            has_orders: data.has_orders,
            columns: data.columns.clone(),
            lines_set_aside: data.set_aside,
            faults: data.faults.clone(),
        })
    }

    /// The data dictionary, as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "# Sales data: {}\n\n{} order lines from {} to {}: {} products in {} categories, {} \
             operations. {}. {}.\n\n| column | values | used as |\n|---|---|---|",
            self.name,
            self.order_lines,
            self.first_date,
            self.last_date,
            self.products,
            self.categories,
            self.operations,
            match self.currencies.as_slice() {
                [] => "The currency of revenue is not known".to_owned(),
                [one] => format!("Revenue is in {one}"),
                several =>
                    format!("Revenue is in {}, which are never summed together", several.join(", ")),
            },
            if self.has_orders {
                "It is known which order a line belongs to"
            } else {
                "It is not known which order a line belongs to"
            },
        );
        for DataColumn { name, kind, used_as } in &self.columns {
            let used_as = used_as.as_deref().unwrap_or("(not read)");
            text += &format!("\n| {} | {kind} | {used_as} |", name.replace('|', "\\|"));
        }
        text += "\n\nUnits are pieces, less those returned; revenue is less returns. An operation is \
                 the branch that sold.";
        if self.lines_set_aside > 0 {
            text += &format!(
                "\n\n{} lines could not be read and are in no sum. The first:",
                self.lines_set_aside
            );
            for fault in &self.faults {
                text += &format!("\n- {fault}");
            }
        }
        text
    }
}

impl Call<Sales> for DescribeSalesData {
    type Output = WithText<DataDescription>;

    async fn call(self, sales: &Sales, cx: &ToolContext) -> ToolResult<Self::Output> {
        let description = loaded(sales, cx, DataDescription::of(sales)).await?;
        let text = description.text();
        Ok(WithText::new(description, text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::pack::tests::{call, call_on};

    #[tokio::test]
    async fn columns_and_period_are_told() {
        let (text, data) = call("describe_sales_data", json!({})).await;
        assert!(text.contains(
            "6 order lines from 2016-12-31 to 2017-03-01: 4 products in 3 categories, 2 operations."
        ));
        assert!(text.contains("| units | whole number | units |"), "{text}");
        assert_eq!((&data["currencies"], &data["lines_set_aside"]), (&json!([]), &json!(0)));
    }

    #[tokio::test]
    async fn columns_that_are_not_read_are_told_too() {
        let csv = "date,product,category,operation,units,revenue,clerk,currency\n2017-01-01,Lamp,Home,Dallas,1,2,Ann,EUR\n";
        let (text, data) = call_on(csv, "describe_sales_data", json!({})).await;
        assert!(text.contains("| clerk | text | (not read) |"), "{text}");
        assert_eq!(data["currencies"], json!(["EUR"]));
    }
}
