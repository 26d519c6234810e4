use chrono::Utc;
use mcp_core::{Call, Tool, ToolContext, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Billed, Day, Granularity, Metric,
    cache::once,
    forecast::ForecastQuery,
    get_cost_breakdown::filter,
    period::{back, month_of, next_month},
    query::CostQuery,
};
use crate::{Aws, Usd};

/// Tells what one AWS service has cost this month, and what the month will probably come to.
///
/// Takes short names such as "lambda", "ec2" or "s3". The estimate is what the month has cost until
/// yesterday plus AWS's forecast from today on; without enough history there is none. Amounts are
/// unblended costs. Two questions to Cost Explorer ($0.01 each). This only reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost of a service",
    aliases = ["aws-simple-cost-check"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct AwsSimpleCostCheck {
    /// The service: a short name such as "lambda", or Cost Explorer's own.
    pub service: String,
}

/// What a service costs this month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostCheck {
    /// What Cost Explorer calls the service; two names where it is billed under two.
    pub services: Vec<String>,
    /// The first day of the month.
    pub from: Day,
    /// Today.
    pub to: Day,
    /// Which costs count: unblended.
    pub metric: Metric,
    /// The currency of all amounts.
    pub currency: String,
    /// What the month has cost so far, today included as far as AWS knows.
    pub month_to_date: Usd,
    /// Whether AWS may still change it.
    pub estimated: bool,
    /// What the whole month will probably cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_estimate: Option<Usd>,
    /// Why there is no estimate, where AWS has too little history for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Why something could not be read, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What it cost to find out.
    pub billed: Billed,
}

impl Call<Aws> for AwsSimpleCostCheck {
    type Output = WithText<CostCheck>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let today = Utc::now().date_naive();
        let filter = filter(Some(&self.service), None, None)?;
        let query = CostQuery {
            from: month_of(today),
            to: today,
            granularity: Granularity::Daily,
            metric: Metric::UnblendedCost,
            group_by: None,
            filter: filter.clone(),
        };
        let (table, paid) = once(aws, |cache| &cache.costs, query, CostQuery::ask).await?;
        let mut requests = if paid { table.requests } else { 0 };

        let query = ForecastQuery {
            from: today,
            to: back(next_month(today), 1),
            granularity: Granularity::Monthly,
            metric: Metric::UnblendedCost,
            filter,
        };
        let forecast = once(aws, |cache| &cache.forecasts, query, ForecastQuery::ask).await;
        let before_today: Usd =
            table.rows.iter().filter(|row| row.from < today).map(|row| row.total).sum();
        let (mut note, mut partial) = (None, table.missing.clone());
        let month_estimate = match forecast {
            Ok((forecast, paid)) => {
                requests += u32::from(paid);
                Some(before_today + forecast.total)
            }
            Err(error) if error.kind() == ToolErrorKind::NotFound => {
                note = Some("AWS has too little history for a forecast.".to_owned());
                None
            }
            // What is known is worth more than an error.
            Err(error) => {
                partial.get_or_insert(format!("There is no forecast: {}", error.message()));
                None
            }
        };
        let check = CostCheck {
            services: super::services::resolve(&self.service)?,
            from: Day(month_of(today)),
            to: Day(today),
            metric: Metric::UnblendedCost,
            currency: table.currency.clone().unwrap_or_else(|| "USD".to_owned()),
            month_to_date: table.total(),
            estimated: table.estimated(),
            month_estimate,
            note,
            partial,
            billed: Billed::new(requests),
        };
        let text = check.to_text();
        Ok(WithText::new(check, text))
    }
}

impl CostCheck {
    fn to_text(&self) -> String {
        let Self { services, from, to, month_to_date, currency, .. } = self;
        let estimated = if self.estimated { ", estimated" } else { "" };
        let mut text = format!(
            "{}: {month_to_date} from {from} to {to} ({}, {currency}{estimated}).",
            services.join(" and "),
            self.metric.name()
        );
        if let Some(estimate) = self.month_estimate {
            text += &format!(" The month will come to about {estimate}.");
        }
        if let Some(note) = &self.note {
            text += &format!(" {note}");
        }
        if let Some(partial) = &self.partial {
            text += &format!("\nPartial: {partial}");
        }
        text + "\n" + &self.billed.to_text()
    }
}
