use std::fmt::Write as _;

use aws_sdk_budgets::types::{BudgetType, TimeUnit};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Billed, Day, answer::percent, period::month_of, query::money};
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
    /// The day until which is counted: today.
    pub to: Day,
    /// Whether AWS may still change the amounts, as always while the time of a budget goes on.
    pub estimated: bool,
    /// The budgets, those in trouble first.
    pub budgets: Vec<BudgetStatus>,
    /// Why some are missing, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out: nothing.
    pub billed: Billed,
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
    /// The first day of the time that it is for now; absent where AWS does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// What is counted, in AWS's words: "UnblendedCost", "UsageQuantity" and others.
    pub metric: String,
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
            aws.call(Action::GetCallerIdentity, None, sts.get_caller_identity().send()).await?;
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
            let page = match aws.call(Action::DescribeBudgets, None, request.send()).await {
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
        let to = Day(Utc::now().date_naive());
        let billed = Billed::new(0);
        let budgets = Budgets { account, to, estimated: true, budgets, partial, billed };
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

/// The first day of the period that a budget is in. Those of AWS begin with the calendar's.
fn first_day(budget: &aws_sdk_budgets::types::Budget, today: NaiveDate) -> Option<NaiveDate> {
    let month = month_of(today);
    match budget.time_unit {
        TimeUnit::Daily => Some(today),
        TimeUnit::Monthly => Some(month),
        TimeUnit::Quarterly => month.with_month0(today.month0() / 3 * 3),
        TimeUnit::Annually => month.with_month(1),
        _ => {
            let start = budget.time_period.as_ref()?.start.as_ref()?;
            DateTime::from_timestamp(start.secs(), 0).map(|start| start.date_naive())
        }
    }
}

/// What a budget counts. Older ones say it by the kinds of cost that they include.
#[expect(deprecated, reason = "budgets from before there were metrics have nothing else")]
fn metric(budget: &aws_sdk_budgets::types::Budget) -> String {
    if let Some(metric) = budget.metrics().first() {
        return metric.as_str().to_owned();
    }
    let name = match (&budget.budget_type, budget.cost_types.as_ref()) {
        (BudgetType::Cost, Some(types)) if types.use_amortized == Some(true) => "AmortizedCost",
        (BudgetType::Cost, Some(types)) if types.use_blended == Some(true) => "BlendedCost",
        (BudgetType::Cost, _) => "UnblendedCost",
        (BudgetType::Usage, _) => "UsageQuantity",
        _ => "Percentage",
    };
    name.to_owned()
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
            from: first_day(budget, Utc::now().date_naive()).map(Day),
            metric: metric(budget),
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
            if let Some(from) = budget.from {
                let _ = write!(text, " since {from}");
            }
            let _ = write!(text, " ({})", budget.metric);
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
        text + "\nAWS updates budgets every 8 to 12 hours. Reading them costs nothing."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(unit: TimeUnit) -> aws_sdk_budgets::types::builders::BudgetBuilder {
        aws_sdk_budgets::types::Budget::builder()
            .budget_name("b")
            .budget_type(BudgetType::Cost)
            .time_unit(unit)
    }

    #[test]
    fn a_budget_is_of_the_period_that_today_is_in() {
        let today: NaiveDate = "2026-11-21".parse().expect("a day");
        for (unit, from) in [
            (TimeUnit::Daily, Some("2026-11-21")),
            (TimeUnit::Monthly, Some("2026-11-01")),
            (TimeUnit::Quarterly, Some("2026-10-01")),
            (TimeUnit::Annually, Some("2026-01-01")),
            (TimeUnit::Custom, None),
        ] {
            let budget = budget(unit.clone()).build().expect("a budget");
            let first = first_day(&budget, today).map(|day| day.to_string());
            assert_eq!(first.as_deref(), from, "{unit:?}");
        }
    }

    #[test]
    #[expect(deprecated, reason = "budgets from before there were metrics have nothing else")]
    fn a_budget_says_what_it_counts() {
        use aws_sdk_budgets::types::{CostTypes, Metric};
        let counts = |budget: aws_sdk_budgets::types::builders::BudgetBuilder| {
            metric(&budget.build().expect("a budget"))
        };
        assert_eq!(counts(budget(TimeUnit::Monthly)), "UnblendedCost");
        let amortized = CostTypes::builder().use_amortized(true).build();
        assert_eq!(counts(budget(TimeUnit::Monthly).cost_types(amortized)), "AmortizedCost");
        let net = budget(TimeUnit::Monthly).metrics(Metric::NetUnblendedCost);
        assert_eq!(counts(net), "NetUnblendedCost");
    }
}
