//! What people can ask for with a few words, put so that a model uses the tools well.

use mcp_core::{Completing, GetPrompt, Prompt, PromptMessages, ToolContext, ToolResult};

use crate::{Dimension, Sales};

/// Reviews the sales of a month: what changed, why, and what to do.
#[derive(Prompt)]
#[prompt(title = "Monthly sales review")]
pub(crate) struct MonthlyReview {
    /// The month, as yyyy-mm; the last whole month of the data when absent.
    month: Option<String>,
    /// The operation (branch) to review; all when absent.
    #[prompt(complete)]
    operation: Option<String>,
}

/// Plans what to keep in stock for the coming weeks.
#[derive(Prompt)]
#[prompt(title = "Stock plan")]
pub(crate) struct StockPlan {
    /// How many weeks to plan for; 8 when absent.
    weeks: Option<u32>,
    /// The operation (branch) to plan for; all when absent.
    #[prompt(complete)]
    operation: Option<String>,
    /// The category to plan for; all when absent.
    #[prompt(complete)]
    category: Option<String>,
}

impl GetPrompt<Sales> for MonthlyReview {
    async fn get(self, _sales: &Sales, _cx: &ToolContext) -> ToolResult<PromptMessages> {
        let month = self.month.as_deref().unwrap_or("the last whole month of the data");
        let place =
            self.operation.map(|name| format!(" of the operation {name:?}")).unwrap_or_default();
        Ok(format!(
            "Review the sales{place} of {month}.\n\n\
             1. Call describe_sales_data for the period and the currencies that there are.\n\
             2. Call compare_periods for the month against the month before (by category), and against \
             the same month a year before (by product).\n\
             3. Call sales_trend by month for the last two years, to tell a season from a change.\n\
             4. Call top_n_products for the month, and sales_by operation unless one is reviewed.\n\n\
             Then write one page: the result in one sentence; what changed most and what it is due to, \
             each with its figures and unit; what was returned (negative units); what to watch or do \
             next. Say where a figure is of a period that is not whole, or where lines of the data could \
             not be read. Do not estimate what the tools did not give."
        )
        .into())
    }

    async fn complete(
        completing: &Completing,
        sales: &Sales,
        _cx: &ToolContext,
    ) -> ToolResult<Vec<String>> {
        suggest(completing, sales, Dimension::Operation).await
    }
}

impl GetPrompt<Sales> for StockPlan {
    async fn get(self, _sales: &Sales, _cx: &ToolContext) -> ToolResult<PromptMessages> {
        let weeks = self.weeks.unwrap_or(8);
        let mut scope = String::new();
        for (dimension, name) in [("operation", &self.operation), ("category", &self.category)] {
            if let Some(name) = name {
                scope += &format!(" of the {dimension} {name:?}");
            }
        }
        Ok(format!(
            "Plan the stock{scope} for the {weeks} weeks after the last day of the data.\n\n\
             1. Call describe_sales_data for the last day, and top_n_products by units over the last year \
             for the products that matter (twenty at most).\n\
             2. For each, call sales_trend by week over the last two years; use forecast_sales with \
             measure units and grain week where that tool is there.\n\
             3. Call product_affinity where the data has orders: what is bought together runs out \
             together.\n\n\
             Then give a table: product, units a week lately, units expected for the {weeks} weeks with \
             the range they are likely in, and how sure that is. Say which products sell too rarely to \
             plan. Stock at hand and delivery times are not in the data: ask for them, do not assume them."
        )
        .into())
    }

    async fn complete(
        completing: &Completing,
        sales: &Sales,
        _cx: &ToolContext,
    ) -> ToolResult<Vec<String>> {
        let dimension = match completing.argument() {
            "category" => Dimension::Category,
            _ => Dimension::Operation,
        };
        suggest(completing, sales, dimension).await
    }
}

async fn suggest(
    completing: &Completing,
    sales: &Sales,
    dimension: Dimension,
) -> ToolResult<Vec<String>> {
    let names = sales.names(dimension).await.map_err(crate::tools::tell_model)?;
    let mut names: Vec<(&str, u64)> = names.iter().map(|(name, lines)| (&**name, lines)).collect();
    names.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let names: Vec<String> = names.into_iter().map(|(name, _)| name.to_owned()).collect();
    Ok(completing.among(&names))
}
