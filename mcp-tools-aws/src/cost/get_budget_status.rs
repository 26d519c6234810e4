use std::fmt::Write as _;

use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{answer::percent, query::money};
use crate::{Aws, Usd, aws::Action, closest::closest};

/// A call reads so many pages of 100 budgets at most.
const MOST_PAGES: u32 = 10;

/// Tells how the budgets of an AWS account are doing: limit, spent so far, forecast.
///
/// Lists all budgets of AWS Budgets, those in trouble first. AWS updates them every 8 to 12 hours.
/// Reading them costs nothing. This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Budgets",
    aliases = ["get-budget-status"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct GetBudgetStatus {
    /// Only the budget of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub name: Option<String>,
}

/// The budgets of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budgets {
    /// The account.
    pub account: String,
    /// The budgets, those in trouble first.
    pub budgets: Vec<BudgetStatus>,
    /// Why some are missing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
}

/// How a budget is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BudgetStatus {
    /// Its name.
    pub name: String,
    /// What it is of: "COST", "USAGE" and others.
    pub kind: String,
    /// The time that it is for: "MONTHLY" and others.
    pub time_unit: String,
    /// What its amounts are counted in: "USD", or the unit of a usage.
    pub unit: String,
    /// The limit, if it has a fixed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Usd>,
    /// What has been spent or used.
    pub actual: Usd,
    /// What it will be at the end, if AWS says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Usd>,
    /// What has been spent, in percent of the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<f64>,
    /// How it is doing.
    pub state: BudgetState,
}

/// How a budget is doing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BudgetState {
    /// More than the limit has been spent.
    Exceeded,
    /// More than the limit will be spent, by AWS's forecast.
    ForecastToExceed,
    /// Neither.
    WithinLimit,
    /// It has no fixed limit: Savings Plans and reservations are budgeted by their use.
    NoLimit,
}

impl Call<Aws> for GetBudgetStatus {
    type Output = WithText<Budgets>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let sts = aws.sts(None).await;
        let identity =
            aws.call(Action::GetCallerIdentity, sts.get_caller_identity().send()).await?;
        let account = identity.account.unwrap_or_default();
        let client = aws.budgets().await;
        let mut budgets: Vec<BudgetStatus> = Vec::new();
        let (mut token, mut pages, mut partial) = (None, 0, None);
        loop {
            let request = client
                .describe_budgets()
                .account_id(&account)
                .max_results(100)
                .set_next_token(token.take());
            let page = match aws.call(Action::DescribeBudgets, request.send()).await {
                Ok(page) => page,
                Err(error) if pages == 0 => return Err(error),
                Err(error) => {
                    partial = Some(format!("The rest could not be read: {error}"));
                    break;
                }
            };
            pages += 1;
            budgets.extend(page.budgets.unwrap_or_default().iter().map(BudgetStatus::from));
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
            if pages == MOST_PAGES {
                partial =
                    Some("There are more than 1,000 budgets: ask for one by name.".to_owned());
                break;
            }
        }
        if let Some(name) = &self.name {
            let names: Vec<String> = budgets.iter().map(|budget| budget.name.clone()).collect();
            budgets.retain(|budget| budget.name == *name);
            if budgets.is_empty() {
                return Err(unknown(name, &names));
            }
        }
        budgets.sort_by(|a, b| a.state.cmp(&b.state).then_with(|| a.name.cmp(&b.name)));
        let budgets = Budgets { account, budgets, partial };
        let text = budgets.to_text();
        Ok(WithText::new(budgets, text))
    }
}

fn unknown(name: &str, names: &[String]) -> ToolError {
    let close = closest(name, names.iter().map(String::as_str));
    let message = match close.is_empty() {
        true => "The account has no budgets.".to_owned(),
        false => format!("There is no budget {name:?}. The closest names: {}.", close.join(", ")),
    };
    ToolError::new(ToolErrorKind::NotFound, message)
}

impl From<&aws_sdk_budgets::types::Budget> for BudgetStatus {
    fn from(budget: &aws_sdk_budgets::types::Budget) -> Self {
        let limit = budget.budget_limit.as_ref();
        let spend = budget.calculated_spend.as_ref();
        let actual = spend.and_then(|spend| spend.actual_spend.as_ref());
        let forecast = spend.and_then(|spend| spend.forecasted_spend.as_ref());
        let unit = limit.or(actual).map_or_else(|| "USD".to_owned(), |spend| spend.unit.clone());
        let limit =
            limit.map(|limit| money(Some(&limit.amount))).filter(|limit| *limit > Usd::ZERO);
        let actual = money(actual.map(|actual| actual.amount.as_str()));
        let forecast = forecast.map(|forecast| money(Some(&forecast.amount)));
        let state = match limit {
            None => BudgetState::NoLimit,
            Some(limit) if actual > limit => BudgetState::Exceeded,
            Some(limit) if forecast.is_some_and(|forecast| forecast > limit) => {
                BudgetState::ForecastToExceed
            }
            Some(_) => BudgetState::WithinLimit,
        };
        Self {
            name: budget.budget_name.clone(),
            kind: budget.budget_type.as_str().to_owned(),
            time_unit: budget.time_unit.as_str().to_owned(),
            unit,
            limit,
            actual,
            forecast,
            used_percent: limit.map(|limit| percent(actual, limit)),
            state,
        }
    }
}

impl Budgets {
    fn to_text(&self) -> String {
        let mut text = match self.budgets.len() {
            0 => format!("Account {} has no budgets.", self.account),
            count => format!("{count} budgets of account {}:", self.account),
        };
        // Writing to a string does not fail.
        for budget in &self.budgets {
            let state = match budget.state {
                BudgetState::Exceeded => "exceeded",
                BudgetState::ForecastToExceed => "will be exceeded",
                BudgetState::WithinLimit => "within its limit",
                BudgetState::NoLimit => "without a limit",
            };
            // A usage is counted in its own unit.
            let show = |amount: Usd| match budget.unit.as_str() {
                "USD" => amount.to_string(),
                unit => format!("{} {unit}", amount.amount().round_dp(2).normalize()),
            };
            let _ = write!(text, "\n- {}: {state}, {}", budget.name, show(budget.actual));
            if let (Some(limit), Some(used)) = (budget.limit, budget.used_percent) {
                let _ = write!(text, " of {} ({used} %)", show(limit));
            }
            if let Some(forecast) = budget.forecast {
                let _ = write!(text, ", forecast {}", show(forecast));
            }
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        text
    }
}
