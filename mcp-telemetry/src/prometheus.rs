//! Counters for whoever scrapes.

use std::fmt;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::operation::{BOUNDS, End, Operation, Target};

type Durations = Family<Labels, Histogram, fn() -> Histogram>;

pub(crate) struct Prometheus {
    registry: Registry,
    durations: Durations,
    active: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    mcp_method_name: &'static str,
    gen_ai_tool_name: Option<String>,
    gen_ai_prompt_name: Option<String>,
    error_type: Option<String>,
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prometheus").finish_non_exhaustive()
    }
}

impl Prometheus {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let durations: Durations = Family::new_with_constructor(|| Histogram::new(BOUNDS));
        registry.register_with_unit(
            "mcp_server_operation_duration",
            "How long requests took",
            Unit::Seconds,
            durations.clone(),
        );
        let active = Gauge::default();
        registry.register(
            "mcp_server_active_operations",
            "How many requests are being worked on",
            active.clone(),
        );
        Self { registry, durations, active }
    }

    pub(crate) fn begin(&self) {
        self.active.inc();
    }

    pub(crate) fn end(&self, operation: &Operation, end: End) {
        self.active.dec();
        let (tool, prompt) = match &operation.target {
            Target::Tool(name) => (Some(name.to_string()), None),
            Target::Prompt(name) => (None, Some(name.to_string())),
            Target::None => (None, None),
        };
        let labels = Labels {
            mcp_method_name: operation.method,
            gen_ai_tool_name: tool,
            gen_ai_prompt_name: prompt,
            error_type: end.error.map(crate::operation::Failure::name),
        };
        self.durations.get_or_create(&labels).observe(end.duration.as_secs_f64());
    }

    /// All of it as text (OpenMetrics 1.0).
    pub(crate) fn scrape(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
