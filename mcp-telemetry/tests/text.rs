//! What is told as text: to Prometheus, and to CloudWatch.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use mcp_telemetry::Telemetry;
use serde_json::Value;
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

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn cloudwatch_gets_a_line_for_each_request() {
    let lines = Lines::default();
    let telemetry = Telemetry::new().emf("MCP", "measured", lines.clone());
    all_outcomes(&telemetry.measure(server())).await;
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains("made") && !text.contains("secret"), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 7);
    let (first, failed) = (&lines[0], &lines[2]);
    assert_eq!((&first["Method"], &first["Tool"]), (&"tools/call".into(), &"add".into()));
    assert_eq!(first["Errors"], 0);
    assert!(first["Duration"].is_number());
    assert_eq!((&failed["Errors"], &failed["ErrorType"]), (&1.into(), &"tool_error".into()));
    for line in &lines {
        // Whatever the format refers to is a member of the line.
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "MCP");
        let timestamp = line["_aws"]["Timestamp"].as_u64().unwrap();
        assert!(timestamp > 1_700_000_000_000, "milliseconds");
        let dimensions = metrics["Dimensions"].as_array().unwrap().iter();
        for name in dimensions.flat_map(|set| set.as_array().unwrap()) {
            assert!(line[name.as_str().unwrap()].is_string(), "{name}: {line}");
        }
        for metric in metrics["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}: {line}");
        }
    }
}

#[tokio::test]
async fn nothing_is_counted_that_was_not_asked_for() {
    let telemetry = Telemetry::new();
    all_outcomes(&telemetry.measure(server())).await;
    assert_eq!(telemetry.scrape(), "");
}
