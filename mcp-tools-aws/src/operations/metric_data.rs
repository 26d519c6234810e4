//! Metrics of CloudWatch over one window of time.

use chrono::{DateTime, DurationRound as _, SecondsFormat, TimeDelta, Utc};
use mcp_aws::{List, service};
use mcp_core::ToolResult;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Value, json};

use super::place::Place;
use crate::{Usd, aws::Api};

const GET_METRIC_DATA: Api =
    Api::new(&service::CLOUDWATCH, "GetMetricData", "cloudwatch:GetMetricData");

pub(super) const APIS: &[&Api] = &[&GET_METRIC_DATA];

/// From one minute to another, as CloudWatch keeps metrics by minutes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) from: DateTime<Utc>,
    pub(super) to: DateTime<Utc>,
}

impl Window {
    /// The last so many hours, the minute that has begun included.
    pub(super) fn last(hours: u16, now: DateTime<Utc>) -> Self {
        let minute = TimeDelta::minutes(1);
        let to = now.duration_trunc(minute).unwrap_or(now) + minute;
        Self { from: to - TimeDelta::hours(hours.into()), to }
    }
}

/// A metric and what is asked of it over the window.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    /// `Sum`, `Maximum`, `SampleCount`, `p99` and so on.
    pub(super) statistic: &'static str,
    pub(super) dimensions: Vec<(&'static str, String)>,
}

/// What CloudWatch answers to a [`Query`]: one value as a rule, two where it cuts the window, none
/// where nothing has been measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured(Vec<f64>);

impl Measured {
    /// Of sums: all of it; 0 where nothing has been measured.
    pub(super) fn sum(&self) -> u64 {
        self.0.iter().sum::<f64>().round() as u64
    }

    /// Of maxima and percentiles: the greatest.
    pub(super) fn most(&self) -> Option<f64> {
        self.0.iter().copied().reduce(f64::max)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricData {
    #[serde(default)]
    metric_data_results: List<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    #[serde(default)]
    values: List<f64>,
}

/// Asks for some metrics at once, fifty at most, for $0.00001 each; in their order.
pub(super) async fn measure(
    place: &Place<'_>,
    window: Window,
    queries: &[Query],
) -> ToolResult<Vec<Measured>> {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let seconds = (window.to - window.from).num_seconds();
    let asked: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(index, query)| {
            let dimensions: Vec<Value> = query
                .dimensions
                .iter()
                .map(|(name, value)| json!({ "Name": name, "Value": value }))
                .collect();
            json!({
                "Id": format!("m{index}"),
                "MetricStat": {
                    "Metric": {
                        "Namespace": query.namespace,
                        "MetricName": query.name,
                        "Dimensions": dimensions,
                    },
                    "Period": seconds,
                    "Stat": query.statistic,
                },
                "ReturnData": true,
            })
        })
        .collect();
    let request = GET_METRIC_DATA
        .request(&[])
        .billed()
        .with("StartTime", time(window.from))
        .with("EndTime", time(window.to))
        .with("MetricDataQueries", asked);
    let answer: MetricData = place.ask(&GET_METRIC_DATA, request).await?;
    let mut measured = vec![Measured::default(); queries.len()];
    for series in answer.metric_data_results {
        let index = series.id.strip_prefix('m').and_then(|id| id.parse::<usize>().ok());
        if let Some(slot) = index.and_then(|index| measured.get_mut(index)) {
            slot.0.extend(series.values);
        }
    }
    Ok(measured)
}

/// What CloudWatch bills for so many metrics:
/// <https://aws.amazon.com/cloudwatch/pricing/>.
pub(super) fn billed(metrics: usize) -> Usd {
    Usd::from(Decimal::from(metrics) * Decimal::new(1, 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_whole_minutes_and_ends_after_now() {
        let now: DateTime<Utc> = "2026-05-01T10:20:30.5Z".parse().unwrap();
        let window = Window::last(3, now);
        assert_eq!(window.to.to_rfc3339(), "2026-05-01T10:21:00+00:00");
        assert_eq!(window.from.to_rfc3339(), "2026-05-01T07:21:00+00:00");
    }

    #[test]
    fn a_window_that_was_cut_is_put_together() {
        let two = Measured(vec![2.0, 3.0]);
        assert_eq!((two.sum(), two.most()), (5, Some(3.0)));
        let none = Measured::default();
        assert_eq!((none.sum(), none.most(), none.is_empty()), (0, None, true));
    }
}
