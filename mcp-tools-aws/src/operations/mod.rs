//! How a server that runs on AWS is doing: metrics, logs and alarms of CloudWatch.

mod cold_starts;
mod ecs;
mod get_alarm_status;
mod get_server_metrics;
mod lambda;
mod log_events;
mod metric_data;
mod place;
mod tail_logs;

use std::collections::BTreeSet;

use mcp_core::ToolPack;

pub use self::{
    cold_starts::{ColdStartSource, ColdStarts},
    get_alarm_status::{Alarm, AlarmKind, AlarmState, AlarmStatus, GetAlarmStatus},
    get_server_metrics::{GetServerMetrics, ServerKind, ServerMetrics, Tasks},
    tail_logs::{LogEvent, LogTail, TailLogs},
};
use crate::Aws;

/// The tools that tell how a Lambda function or an ECS service is doing. All of them only read.
///
/// CloudWatch bills $0.01 for a thousand metrics, of which a question takes ten at most; searching
/// logs and listing alarms cost nothing.
pub fn operations_pack(aws: Aws) -> ToolPack<Aws> {
    ToolPack::new("operations", aws)
        .tool::<GetServerMetrics>()
        .tool::<TailLogs>()
        .tool::<GetAlarmStatus>()
}

/// The actions of IAM that the tools need, in the order of the alphabet.
pub(crate) fn actions() -> BTreeSet<&'static str> {
    let apis =
        [lambda::APIS, ecs::APIS, metric_data::APIS, log_events::APIS, get_alarm_status::APIS];
    apis.into_iter().flatten().map(|api| api.action).collect()
}
