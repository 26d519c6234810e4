//! Metrics of CloudWatch, many at a time.

use std::sync::atomic::Ordering;

use chrono::{SecondsFormat, TimeDelta};
use mcp_aws::{List, Page, service};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    check::Api,
    scope::{Problem, Scope},
};

/// How far back is looked.
pub(super) const WINDOW_DAYS: i64 = 14;
/// What one request may ask for.
const MOST_QUERIES: usize = 500;

pub(super) const GET_METRIC_DATA: Api =
    Api::new(&service::CLOUDWATCH, "GetMetricData", "cloudwatch:GetMetricData");

/// What the values of a window come to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Statistic {
    Sum,
    Maximum,
    /// The mean of the days' means.
    Average,
}

/// One metric of one resource.
#[derive(Debug)]
pub(super) struct Metric<'a> {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
    pub(super) statistic: Statistic,
    pub(super) dimensions: Vec<(&'static str, &'a str)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricData {
    #[serde(default)]
    metric_data_results: List<Series>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    id: String,
    #[serde(default)]
    values: List<f64>,
}

impl Page for MetricData {
    const TOKEN: &'static str = "NextToken";

    fn next_token(&mut self) -> Option<String> {
        self.next_token.take()
    }
}

impl Scope {
    /// What each metric came to over the last [`WINDOW_DAYS`]; nothing where there are no data. A
    /// metric costs $0.00001.
    pub(super) async fn measure(
        &self,
        metrics: &[Metric<'_>],
    ) -> Result<Vec<Option<f64>>, Problem> {
        let start = self.scan.now - TimeDelta::days(WINDOW_DAYS);
        let time =
            |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let mut measured = Vec::with_capacity(metrics.len());
        for batch in metrics.chunks(MOST_QUERIES) {
            let queries: Vec<Value> =
                batch.iter().enumerate().map(|(index, metric)| query(index, metric)).collect();
            let request = GET_METRIC_DATA
                .request(&[])
                .billed()
                .with("StartTime", time(start))
                .with("EndTime", time(self.scan.now))
                .with("MetricDataQueries", queries);
            self.scan.metrics.fetch_add(batch.len() as u64, Ordering::Relaxed);
            let mut values: Vec<Vec<f64>> = vec![Vec::new(); batch.len()];
            for page in self.pages::<MetricData>(&GET_METRIC_DATA, request).await? {
                for series in page.metric_data_results {
                    let index = series.id.strip_prefix('m').and_then(|id| id.parse::<usize>().ok());
                    if let Some(slot) = index.and_then(|index| values.get_mut(index)) {
                        slot.extend(series.values);
                    }
                }
            }
            let batch = batch.iter().zip(values);
            measured.extend(batch.map(|(metric, values)| reduce(metric.statistic, &values)));
        }
        Ok(measured)
    }
}

fn query(index: usize, metric: &Metric<'_>) -> Value {
    let dimensions: Vec<Value> = metric
        .dimensions
        .iter()
        .map(|(name, value)| json!({ "Name": name, "Value": value }))
        .collect();
    let statistic = match metric.statistic {
        Statistic::Sum => "Sum",
        Statistic::Maximum => "Maximum",
        Statistic::Average => "Average",
    };
    json!({
        "Id": format!("m{index}"),
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": dimensions,
            },
            "Period": 86_400,
            "Stat": statistic,
        },
        "ReturnData": true,
    })
}

fn reduce(statistic: Statistic, values: &[f64]) -> Option<f64> {
    let first = *values.first()?;
    #[expect(clippy::cast_precision_loss, reason = "a few days")]
    Some(match statistic {
        Statistic::Sum => values.iter().sum(),
        Statistic::Maximum => values.iter().copied().fold(first, f64::max),
        Statistic::Average => values.iter().sum::<f64>() / values.len() as f64,
    })
}
