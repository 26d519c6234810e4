//! Events of a log group in CloudWatch Logs.

use mcp_aws::{Request, service};
use serde::Deserialize;

use crate::aws::{Api, page};

pub(super) const FILTER_LOG_EVENTS: Api =
    Api::new(&service::LOGS, "FilterLogEvents", "logs:FilterLogEvents");
pub(super) const DESCRIBE_LOG_GROUPS: Api =
    Api::new(&service::LOGS, "DescribeLogGroups", "logs:DescribeLogGroups");

pub(super) const APIS: &[&Api] = &[&FILTER_LOG_EVENTS, &DESCRIBE_LOG_GROUPS];

page!(pub(super) Events { events: Vec<Event> }, "camelCase", "nextToken", next_token);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    /// Milliseconds since 1970.
    pub(super) timestamp: i64,
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) log_stream_name: String,
}

/// The events of a log group from one millisecond to another, both included, oldest first.
pub(super) fn events(group: &str, from: i64, to: i64, pattern: Option<&str>) -> Request {
    let request = FILTER_LOG_EVENTS
        .request(&[])
        .with("logGroupName", group)
        .with("startTime", from)
        .with("endTime", to);
    match pattern {
        Some(pattern) => request.with("filterPattern", pattern),
        None => request,
    }
}
