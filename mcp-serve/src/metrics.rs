//! Metrics in CloudWatch's embedded metric format: a line of JSON for each call, of which CloudWatch
//! Logs makes metrics without anyone calling its API.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context};

/// What turns metrics on: `emf` is the only kind.
pub(crate) const VARIABLE: &str = "MCP_METRICS";

/// Writes a line for each call that ends: `Calls`, `Errors`, `Duration` and, for a process's first
/// call, `ColdStarts`, by server and by tool.
pub(crate) struct EmbeddedMetrics<W> {
    server: String,
    write: W,
    is_warm: AtomicBool,
}

impl<W: Fn(&str) + Send + Sync + 'static> EmbeddedMetrics<W> {
    pub(crate) fn new(server: &str, write: W) -> Self {
        Self { server: server.to_owned(), write, is_warm: AtomicBool::new(false) }
    }

    /// As a layer that sees the core's line about each call and nothing else.
    pub(crate) fn layer<S>(self) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    {
        self.with_filter(filter_fn(is_call))
    }

    fn line(&self, call: Call) -> String {
        let is_first = !self.is_warm.swap(true, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut line = json!({
            "_aws": {
                "Timestamp": u64::try_from(now.as_millis()).unwrap_or_default(),
                "CloudWatchMetrics": [{
                    "Namespace": "MCP",
                    "Dimensions": [["Server"], ["Server", "Subject"]],
                    "Metrics": [
                        { "Name": "Calls", "Unit": "Count" },
                        { "Name": "Errors", "Unit": "Count" },
                        { "Name": "Duration", "Unit": "Milliseconds" },
                        { "Name": "ColdStarts", "Unit": "Count" },
                    ],
                }],
            },
            "Server": self.server,
            "Calls": 1,
            "Errors": i32::from(!matches!(call.outcome.as_str(), "ok" | "input_required")),
            "Duration": call.duration_ms,
            "ColdStarts": i32::from(is_first),
            "Outcome": call.outcome,
        });
        if let Value::Object(line) = &mut line {
            line.extend(call.others);
        }
        line.to_string()
    }
}

fn is_call(metadata: &Metadata<'_>) -> bool {
    // Not `is_event`: the core asks first whether anyone listens, which is neither event nor span.
    !metadata.is_span()
        && *metadata.level() == Level::INFO
        && metadata.target() == "mcp_core::server::call"
}

impl<S: Subscriber, W: Fn(&str) + Send + Sync + 'static> Layer<S> for EmbeddedMetrics<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut call = Call::default();
        event.record(&mut call);
        (self.write)(&self.line(call));
    }
}

/// What the core says of a call.
#[derive(Default)]
struct Call {
    outcome: String,
    duration_ms: f64,
    others: Map<String, Value>,
}

impl Visit for Call {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "duration_ms" {
            self.duration_ms = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "outcome" => value.clone_into(&mut self.outcome),
            "tool" | "resource" | "prompt" => {
                self.others.insert("Subject".to_owned(), value.into());
                self.others.insert("Kind".to_owned(), field.name().into());
            }
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if matches!(field.name(), "request_id" | "trace_id") {
            self.others.insert(field.name().to_owned(), format!("{value:?}").into());
        }
    }
}

/// Writes to standard output, which Lambda makes log lines of.
pub(crate) fn to_stdout(line: &str) {
    // In one write, so that lines of several calls do not mix. Nobody can be told of an error.
    let _ = std::io::stdout().lock().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use mcp_core::{Message, Server, ToolError, ToolErrorKind, ToolResult, tool};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Fails if it is told to.
    #[tool]
    async fn fail(fails: bool) -> ToolResult<u8> {
        if fails { Err(ToolError::new(ToolErrorKind::NotFound, "no")) } else { Ok(1) }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_call_is_a_line_of_metrics() {
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let written = Arc::clone(&lines);
        let metrics = EmbeddedMetrics::new("shop", move |line: &str| {
            written.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        let _logs =
            tracing::subscriber::set_default(tracing_subscriber::registry().with(metrics.layer()));
        let server = Server::builder("shop", "1").tool::<fail>().build();
        for fails in [false, true] {
            let call = format!(
                r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"fail","arguments":{{"fails":{fails}}}}}}}"#
            );
            let Ok(Message::Request(request)) = Message::parse(call) else { panic!() };
            server.call(request).response().await;
        }
        let lines = lines.lock().unwrap();
        let [first, second] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(first["Subject"], "fail");
        assert_eq!(first["Server"], "shop");
        assert_eq!((&first["Calls"], &first["Errors"]), (&json!(1), &json!(0)));
        assert_eq!((&second["Calls"], &second["Errors"]), (&json!(1), &json!(1)));
        assert_eq!((&first["ColdStarts"], &second["ColdStarts"]), (&json!(1), &json!(0)));
        assert!(first["Duration"].is_number() && first["_aws"]["Timestamp"].is_number());
        // Every metric and dimension that is announced stands in the line.
        let announced = &first["_aws"]["CloudWatchMetrics"][0];
        for metric in announced["Metrics"].as_array().unwrap() {
            assert!(first[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in announced["Dimensions"].as_array().unwrap() {
            for name in dimension.as_array().unwrap() {
                assert!(first[name.as_str().unwrap()].is_string(), "{name}");
            }
        }
    }
}
