//! What is told to Prometheus.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use mcp_telemetry::Telemetry;
use support::{all_outcomes, server};

/// What a line of the scrape has behind its name and labels.
fn value(scrape: &str, name: &str, labels: &[&str]) -> Option<f64> {
    scrape.lines().find_map(|line| {
        let (metric, value) = line.rsplit_once(' ')?;
        let (found, given) = metric.split_once('{').unwrap_or((metric, ""));
        let all = labels.iter().all(|label| given.contains(label));
        // A label without a value is one that is not there.
        let count = given.matches('=').count() - given.matches("=\"\"").count();
        (found == name && all && count == labels.len()).then(|| value.parse().unwrap())
    })
}

#[tokio::test]
async fn prometheus_counts_requests_by_method_tool_and_error() {
    let telemetry = Telemetry::new().prometheus();
    all_outcomes(&telemetry.measure(server())).await;
    let scrape = telemetry.scrape();
    let count =
        |labels: &[&str]| value(&scrape, "mcp_server_operation_duration_seconds_count", labels);
    let call = r#"mcp_method_name="tools/call""#;
    for (labels, expected) in [
        (&[call, r#"tool_name="add""#][..], 1.0),
        (&[call, r#"tool_name="add""#, r#"error_type="tool_error""#], 1.0),
        (&[call, r#"tool_name="fail""#, r#"error_type="tool_error""#], 1.0),
        (&[call, r#"tool_name="hang""#, r#"error_type="cancelled""#], 1.0),
        (&[call, r#"error_type="-32602""#], 1.0),
        (&[r#"mcp_method_name="tools/list""#], 1.0),
        (&[r#"mcp_method_name="_OTHER""#, r#"error_type="-32601""#], 1.0),
    ] {
        assert_eq!(count(labels), Some(expected), "{labels:?}\n{scrape}");
    }
    assert_eq!(value(&scrape, "mcp_server_active_operations", &[]), Some(0.0));
    for secret in ["made", "secret"] {
        assert!(!scrape.contains(secret), "{scrape}");
    }
    assert!(scrape.ends_with("# EOF\n"), "{scrape}");
}

#[tokio::test]
async fn nothing_is_counted_that_was_not_asked_for() {
    let telemetry = Telemetry::new();
    all_outcomes(&telemetry.measure(server())).await;
    assert_eq!(telemetry.scrape(), "");
}
