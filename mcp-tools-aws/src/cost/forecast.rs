use aws_sdk_costexplorer::types;
use chrono::NaiveDate;
use mcp_core::ToolResult;

use super::{
    Granularity, Metric,
    query::{Filter, interval, money},
};
use crate::{Aws, Usd, aws::Action};

/// How sure the bounds of a forecast are, in percent.
pub(super) const CONFIDENCE: i32 = 80;

/// A question to `GetCostForecast`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ForecastQuery {
    /// Today or later.
    pub(super) from: NaiveDate,
    /// The last day, included.
    pub(super) to: NaiveDate,
    pub(super) granularity: Granularity,
    pub(super) metric: Metric,
    pub(super) filter: Filter,
}

/// The answer to a [`ForecastQuery`].
#[derive(Clone, Debug)]
pub(super) struct Forecast {
    pub(super) total: Usd,
    pub(super) currency: Option<String>,
    pub(super) periods: Vec<types::ForecastResult>,
}

impl ForecastQuery {
    pub(super) async fn ask(self, aws: Aws) -> ToolResult<Forecast> {
        let request = aws
            .explorer()
            .await
            .get_cost_forecast()
            .set_time_period(interval(self.from, self.to))
            .granularity(self.granularity.sdk())
            .metric(self.metric.sdk())
            .prediction_interval_level(CONFIDENCE)
            .set_filter(self.filter.sdk());
        let answer = aws.call(Action::GetCostForecast, None, request.send()).await?;
        let total = answer.total.as_ref();
        Ok(Forecast {
            total: money(total.and_then(|total| total.amount.as_deref())),
            currency: total.and_then(|total| total.unit.clone()),
            periods: answer.forecast_results_by_time.unwrap_or_default(),
        })
    }
}
