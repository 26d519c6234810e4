use std::fmt::Write as _;

use chrono::{SecondsFormat, Utc};
use mcp_core::{Call, Tool, ToolContext, ToolResult, WithText};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ColdStarts, ecs, lambda, metric_data::Window, place::Place};
use crate::{Aws, Usd};

/// Tells how a server on AWS is doing: calls, errors, response times (p50, p99) and cold starts.
///
/// The server is a Lambda function, or with `cluster` an ECS service, whose calls its Application
/// Load Balancer counts. Figures are CloudWatch's over one window of time and a minute or two behind;
/// a call is an invocation, or a request to the load balancer, and an error an invocation that failed
/// or an answer of 500 to 599: what a tool reports as its own error is not among them. Ten metrics are
/// read at most, for $0.0001; 28 for a service with five target groups. For the reasons of errors use
/// tail_logs. This only reads.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(
    title = "Server metrics",
    aliases = ["get-server-metrics"],
    read_only,
    idempotent,
    timeout = "90s",
    scopes = ["operations:read"]
)]
pub struct GetServerMetrics {
    /// The name of the Lambda function, or of the ECS service.
    #[schemars(length(min = 1, max = 255), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub name: String,
    /// The ECS cluster that the service is in; absent for a Lambda function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = "^[A-Za-z0-9_-]+$"))]
    pub cluster: Option<String>,
    /// The last so many hours. 24 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 336))]
    pub hours: Option<u16>,
    /// The region, such as "eu-west-1"; the server's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What a server runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerKind {
    /// A Lambda function.
    Lambda,
    /// An ECS service.
    Ecs,
}

/// How a server is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerMetrics {
    /// What it runs as.
    pub kind: ServerKind,
    /// The function or service.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// When the window begins, as RFC 3339.
    pub from: String,
    /// When it ends.
    pub to: String,
    /// How often it was called; absent where nobody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// How many of the calls failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors: Option<u64>,
    /// The errors in a hundred calls; absent where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_percent: Option<f64>,
    /// How many calls Lambda turned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttles: Option<u64>,
    /// Half of the calls took no longer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// 99 of a hundred calls took no longer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// The longest call, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_ms: Option<f64>,
    /// How many calls the function worked on at once, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_concurrent: Option<u64>,
    /// The environments that Lambda had to start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cold_starts: Option<ColdStarts>,
    /// The function's memory, in MB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u32>,
    /// How long the function lets a call take, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// The service's tasks now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
    /// How much of its CPU the service used on average, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// The same of its busiest minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent_most: Option<f64>,
    /// How much of its memory the service used at most, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_percent_most: Option<f64>,
    /// What to know about the figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Why some of it is missing, if so, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// What CloudWatch bills for this answer, in US dollars.
    pub billed: Usd,
}

/// The tasks of an ECS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tasks {
    /// Those that run.
    pub running: u32,
    /// Those that should run.
    pub desired: u32,
    /// Those that are being started.
    pub pending: u32,
}

impl ServerMetrics {
    pub(super) fn new(kind: ServerKind, name: &str, region: &str, window: Window) -> Self {
        let time = |time: chrono::DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
        Self {
            kind,
            name: name.to_owned(),
            region: region.to_owned(),
            from: time(window.from),
            to: time(window.to),
            calls: None,
            errors: None,
            error_percent: None,
            throttles: None,
            p50_ms: None,
            p99_ms: None,
            longest_ms: None,
            most_concurrent: None,
            cold_starts: None,
            memory_mb: None,
            timeout_seconds: None,
            tasks: None,
            cpu_percent: None,
            cpu_percent_most: None,
            memory_percent_most: None,
            notes: Vec::new(),
            partial: None,
            billed: Usd::ZERO,
        }
    }

    /// Notes that something could not be read.
    pub(super) fn lacks(&mut self, why: String) {
        match &mut self.partial {
            Some(partial) => {
                partial.push(' ');
                partial.push_str(&why);
            }
            None => self.partial = Some(why),
        }
    }

    pub(super) fn counted(&mut self, calls: u64, errors: u64) {
        self.calls = Some(calls);
        self.errors = Some(errors);
        if calls > 0 {
            let percent = errors as f64 * 100.0 / calls as f64;
            self.error_percent = Some((percent * 100.0).round() / 100.0);
        } else {
            self.notes.push("CloudWatch has no calls in this window.".to_owned());
        }
    }
}

impl Call<Aws> for GetServerMetrics {
    type Output = WithText<ServerMetrics>;

    async fn call(self, aws: &Aws, _cx: &ToolContext) -> ToolResult<Self::Output> {
        let place = Place::new(aws, self.region.as_deref()).await?;
        let window = Window::last(self.hours.unwrap_or(24), Utc::now());
        let metrics = match &self.cluster {
            None => lambda::metrics(&place, &self.name, window).await?,
            Some(cluster) => ecs::metrics(&place, cluster, &self.name, window).await?,
        };
        let text = metrics.to_text();
        Ok(WithText::new(metrics, text))
    }
}

impl ServerMetrics {
    fn to_text(&self) -> String {
        let kind = match self.kind {
            ServerKind::Lambda => "Lambda function",
            ServerKind::Ecs => "ECS service",
        };
        let Self { name, region, from, to, .. } = self;
        let mut text = format!("{kind} {name} in {region}, {from} to {to}:");
        // Writing to a string does not fail.
        if let (Some(calls), Some(errors)) = (self.calls, self.errors) {
            let _ = write!(text, "\n- {calls} calls, {errors} errors");
            if let Some(percent) = self.error_percent {
                let _ = write!(text, " ({percent} %)");
            }
            if let Some(throttles) = self.throttles {
                let _ = write!(text, ", {throttles} throttled");
            }
        }
        if let (Some(p50), Some(p99)) = (self.p50_ms, self.p99_ms) {
            let _ = write!(text, "\n- p50 {p50:.1} ms, p99 {p99:.1} ms");
            if let Some(longest) = self.longest_ms {
                let _ = write!(text, ", longest {longest:.1} ms");
            }
            if let Some(timeout) = self.timeout_seconds {
                let _ = write!(text, " (timeout {timeout} s)");
            }
        }
        if let Some(ColdStarts { count, at_least, median_init_ms, .. }) = &self.cold_starts {
            let at_least = if *at_least { "at least " } else { "" };
            let _ = write!(text, "\n- {at_least}{count} cold starts");
            if let Some(median) = median_init_ms {
                let _ = write!(text, ", half of them with an INIT phase of up to {median:.1} ms");
            }
        }
        if let Some(Tasks { running, desired, pending }) = self.tasks {
            let _ =
                write!(text, "\n- {running} of {desired} tasks run, {pending} are being started");
        }
        if let (Some(mean), Some(most)) = (self.cpu_percent, self.cpu_percent_most) {
            let _ = write!(text, "\n- CPU {mean:.1} % on average, {most:.1} % at most");
        }
        if let Some(most) = self.memory_percent_most {
            let _ = write!(text, "\n- memory {most:.1} % at most");
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}");
        }
        if let Some(partial) = &self.partial {
            let _ = write!(text, "\nPartial: {partial}");
        }
        text
    }
}
