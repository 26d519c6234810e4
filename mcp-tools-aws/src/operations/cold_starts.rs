use mcp_core::ToolResult;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    log_events::{Events, FILTER_LOG_EVENTS, events},
    metric_data::{Measured, Query, Window},
    place::Place,
};

/// A log is read for so many pages of 1 MB at most.
const MOST_PAGES: usize = 10;
/// The reports of Lambda that have an INIT phase, as text and as JSON.
const REPORTS: &str = r#"?"Init Duration" ?initDurationMs"#;

/// The environments that Lambda had to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ColdStarts {
    /// How many.
    pub count: u64,
    /// Whether there may be more: the log is longer than is read at once.
    pub at_least: bool,
    /// What their INIT phases took, in milliseconds: half of them no longer than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_init_ms: Option<f64>,
    /// Where this is from.
    pub source: ColdStartSource,
}

/// Where cold starts are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColdStartSource {
    /// The metrics of Lambda Insights.
    LambdaInsights,
    /// The reports in the function's log.
    Log,
}

/// What is asked of Lambda Insights, which has data where its extension is in the function.
pub(super) fn queries(function: &str) -> [Query; 2] {
    ["SampleCount", "p50"].map(|statistic| Query {
        namespace: "LambdaInsights",
        name: "init_duration",
        statistic,
        dimensions: vec![("function_name", function.to_owned())],
    })
}

/// What Lambda Insights has answered to [`queries`], if it had data.
pub(super) fn of_insights(count: &Measured, median: &Measured) -> Option<ColdStarts> {
    (!count.is_empty()).then(|| ColdStarts {
        count: count.sum(),
        at_least: false,
        median_init_ms: median.most(),
        source: ColdStartSource::LambdaInsights,
    })
}

/// Counts the reports in a function's log. It costs nothing.
pub(super) async fn of_log(
    place: &Place<'_>,
    group: &str,
    window: Window,
) -> ToolResult<ColdStarts> {
    let (from, to) = (window.from.timestamp_millis(), window.to.timestamp_millis());
    let request = events(group, from, to, Some(REPORTS));
    let (pages, at_least) = place.pages::<Events>(&FILTER_LOG_EVENTS, request, MOST_PAGES).await?;
    let mut inits: Vec<f64> = pages
        .iter()
        .flat_map(|page| &page.events)
        .filter_map(|event| init_ms(&event.message))
        .collect();
    inits.sort_by(f64::total_cmp);
    Ok(ColdStarts {
        count: inits.len() as u64,
        at_least,
        median_init_ms: inits.get(inits.len().saturating_sub(1) / 2).copied(),
        source: ColdStartSource::Log,
    })
}

/// The INIT phase that a report tells of, in milliseconds.
fn init_ms(report: &str) -> Option<f64> {
    let plain = || report.strip_prefix("REPORT ")?.split_once("Init Duration: ");
    let json = || {
        let is_report = report.contains(r#""platform.report""#);
        report.split_once(r#""initDurationMs":"#).filter(|_| is_report)
    };
    let (_, rest) = plain().or_else(json)?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_with_an_init_phase_count() {
        for (report, init) in [
            (
                "REPORT RequestId: 1\tDuration: 3.1 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t\
                 Max Memory Used: 30 MB\tInit Duration: 41.25 ms\t\n",
                Some(41.25),
            ),
            ("REPORT RequestId: 2\tDuration: 3.1 ms\tBilled Duration: 4 ms", None),
            (
                r#"{"time":"2026-05-01T10:20:30Z","type":"platform.report","record":{"metrics":{"durationMs":3.1,"initDurationMs": 52}}}"#,
                Some(52.0),
            ),
            ("a user wrote: Init Duration: 9 ms", None),
            (r#"{"message":"\"initDurationMs\":9"}"#, None),
            ("REPORT Init Duration: ", None),
        ] {
            assert_eq!(init_ms(report), init, "{report}");
        }
    }
}
