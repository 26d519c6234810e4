use std::fmt::Write as _;

use chrono::{Days, NaiveDate, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolError, ToolErrorKind, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Billed, Day, Granularity, Metric,
    cache::once,
    forecast::{CONFIDENCE, ForecastQuery},
    get_cost_breakdown::filter,
    period::{back, next_month},
    query::money,
};
use crate::{Aws, Usd};

/// Forecasts what an AWS account will cost, from today on, with AWS's own model.
///
/// The forecast is of the days from today to `to`; what the month has cost until yesterday is not in
/// it (see aws_simple_cost_check for both). The bounds hold with a probability of 80 %. AWS needs
/// some weeks of history. One question to Cost Explorer ($0.01). This only reads.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Cost forecast",
    aliases = ["get-cost-forecast"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["cost:read"]
)]
pub struct GetCostForecast {
    /// The last day to forecast, as yyyy-mm-dd: within three months for days, within a year for
    /// months; the last day of this month when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
    /// How long each row is.
    #[serde(default)]
    pub granularity: Granularity,
    /// Which costs count.
    #[serde(default)]
    pub metric: Metric,
    /// Only this service: a short name such as "lambda", or Cost Explorer's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What an account will cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CostForecast {
    /// The first day: today.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// Which costs count.
    pub metric: Metric,
    /// Whether AWS may still change it, as always with a forecast.
    pub estimated: bool,
    /// The currency of all amounts.
    pub currency: String,
    /// The expected sum.
    pub total: Usd,
    /// How sure the bounds are, in percent.
    pub confidence_percent: i32,
    /// The days or months.
    pub periods: Vec<ForecastPeriod>,
    /// What it cost to find out.
    pub billed: Billed,
}

/// What a day or a month will cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastPeriod {
    /// The first day.
    pub from: String,
    /// What is expected.
    pub mean: Usd,
    /// What it will hardly be less than.
    pub lower: Usd,
    /// What it will hardly be more than.
    pub upper: Usd,
}

impl GetCostForecast {
    fn last_day(&self, today: NaiveDate) -> ToolResult<NaiveDate> {
        let to = self.to.map_or_else(|| back(next_month(today), 1), |to| to.0);
        let most = match self.granularity {
            Granularity::Daily => 93,
            Granularity::Monthly => 365,
        };
        let latest = today.checked_add_days(Days::new(most)).unwrap_or(NaiveDate::MAX);
        if (today..=latest).contains(&to) {
            return Ok(to);
        }
        Err(ToolError::new(
            ToolErrorKind::InvalidArguments,
            format!(
                "`to`: expected a day from {today} to {latest} at this granularity, found {to}."
            ),
        ))
    }
}

impl Call<Aws> for GetCostForecast {
    type Output = WithText<CostForecast>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let from = Utc::now().date_naive();
        let to = self.last_day(from)?;
        let query = ForecastQuery {
            from,
            to,
            granularity: self.granularity,
            metric: self.metric,
            filter: filter(self.service.as_deref(), None, None)?,
        };
        let (answer, paid) = once(aws, |cache| &cache.forecasts, query, ForecastQuery::ask).await?;
        let forecast = CostForecast {
            from: Day(from),
            to: Day(to),
            metric: self.metric,
            estimated: true,
            currency: answer.currency.clone().unwrap_or_else(|| "USD".to_owned()),
            total: answer.total,
            confidence_percent: CONFIDENCE,
            periods: answer
                .periods
                .iter()
                .map(|period| ForecastPeriod {
                    from: period
                        .time_period
                        .as_ref()
                        .map_or_else(String::new, |at| at.start.clone()),
                    mean: money(period.mean_value.as_deref()),
                    lower: money(period.prediction_interval_lower_bound.as_deref()),
                    upper: money(period.prediction_interval_upper_bound.as_deref()),
                })
                .collect(),
            billed: Billed::new(u32::from(paid)),
        };
        let text = forecast.to_text();
        Ok(WithText::new(forecast, text))
    }
}

impl CostForecast {
    fn to_text(&self) -> String {
        let Self { from, to, total, currency, .. } = self;
        let mut text =
            format!("Forecast for {from} to {to}: {total} ({}, {currency}).", self.metric.name());
        // Writing to a string does not fail.
        for ForecastPeriod { from, mean, lower, upper } in &self.periods {
            let _ = write!(text, "\n{from}: {mean} ({lower} to {upper})");
        }
        let _ = write!(text, "\n{}", self.billed.to_text());
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_ends_with_the_month_unless_told_otherwise() {
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        let ask = |to: Option<&str>, granularity| {
            let to = to.map(|to| Day(day(to)));
            let tool = GetCostForecast { to, granularity, ..GetCostForecast::default() };
            tool.last_day(day("2026-03-31")).map_err(|error| error.to_string())
        };
        assert_eq!(ask(None, Granularity::Daily), Ok(day("2026-03-31")));
        assert_eq!(ask(Some("2026-07-02"), Granularity::Daily), Ok(day("2026-07-02")));
        for (to, granularity) in [
            ("2026-07-03", Granularity::Daily),
            ("2026-03-30", Granularity::Daily),
            ("2027-04-01", Granularity::Monthly),
        ] {
            let error = ask(Some(to), granularity).expect_err("refused");
            assert!(error.contains("from 2026-03-31 to"), "{error}");
        }
    }
}
