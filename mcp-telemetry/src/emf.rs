//! Lines in CloudWatch's embedded metric format.

use std::{
    fmt,
    io::Write,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use crate::operation::{End, Operation, Target};

pub(crate) struct Emf {
    namespace: String,
    service: String,
    out: Mutex<Box<dyn Write + Send>>,
}

impl fmt::Debug for Emf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emf").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Emf {
    pub(crate) fn new(namespace: String, service: String, out: Box<dyn Write + Send>) -> Self {
        Self { namespace, service, out: Mutex::new(out) }
    }

    pub(crate) fn end(&self, operation: &Operation, end: End) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = self.line(operation, end, now.as_millis() as u64).to_string();
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody is there to be told that standard output is closed.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }

    fn line(&self, operation: &Operation, end: End, timestamp: u64) -> Value {
        let mut dimensions = vec![vec!["Service"], vec!["Service", "Method"]];
        let mut line = json!({
            "Service": self.service,
            "Method": operation.method,
            "RequestId": operation.id.to_string(),
            "Duration": end.duration.as_micros() as f64 / 1e3,
            "Errors": u8::from(end.error.is_some()),
        });
        match &operation.target {
            Target::Tool(name) => {
                line["Tool"] = (**name).into();
                dimensions.push(vec!["Service", "Tool"]);
            }
            Target::Prompt(name) => line["Prompt"] = (**name).into(),
            Target::None => {}
        }
        if let Some(error) = end.error {
            line["ErrorType"] = error.name().into();
        }
        line["_aws"] = json!({
            "Timestamp": timestamp,
            "CloudWatchMetrics": [{
                "Namespace": self.namespace,
                "Dimensions": dimensions,
                "Metrics": [
                    { "Name": "Duration", "Unit": "Milliseconds" },
                    { "Name": "Errors", "Unit": "Count" },
                ],
            }],
        });
        line
    }
}
