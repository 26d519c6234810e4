//! OpenTelemetry: spans and metrics over OTLP.

use std::{borrow::Cow, time::Duration};

use mcp_core::{Request, TraceContext};
use opentelemetry::{
    Context, KeyValue,
    metrics::{Histogram, MeterProvider as _},
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    metrics::SdkMeterProvider,
    trace::{SdkTracer, SdkTracerProvider, Span},
};

use crate::operation::{BOUNDS, End, Failure, Operation, Target};

const SCOPE: &str = "mcp-telemetry";

#[derive(Debug)]
pub(crate) struct Otlp {
    tracers: SdkTracerProvider,
    tracer: SdkTracer,
    meters: SdkMeterProvider,
    durations: Histogram<f64>,
}

impl Otlp {
    /// Where to send to, how often, and what is sampled stands in the environment, in the
    /// variables that OpenTelemetry defines.
    pub(crate) fn from_env(service: &str, version: &str) -> Result<Self, ExporterBuildError> {
        let resource = Resource::builder();
        // What the environment says wins.
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource,
            None => resource.with_service_name(service.to_owned()),
        };
        let resource =
            resource.with_attribute(KeyValue::new("service.version", version.to_owned())).build();
        let spans = SpanExporter::builder().with_http().build()?;
        let metrics = MetricExporter::builder().with_http().build()?;
        let tracers = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_batch_exporter(spans)
            .build();
        let meters = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_periodic_exporter(metrics)
            .build();
        Ok(Self::new(tracers, meters))
    }

    pub(crate) fn new(tracers: SdkTracerProvider, meters: SdkMeterProvider) -> Self {
        let durations = meters
            .meter(SCOPE)
            .f64_histogram("mcp.server.operation.duration")
            .with_unit("s")
            .with_description("How long requests took")
            .with_boundaries(BOUNDS.to_vec())
            .build();
        Self { tracer: tracers.tracer(SCOPE), tracers, meters, durations }
    }

    /// Begins the span of a request, of which all that the request logs and sends onward is a
    /// part.
    pub(crate) fn begin(&self, operation: &Operation, request: &mut Request) -> Span {
        let client = request.trace_context();
        let parent = client.as_ref().map_or_else(Context::new, |client| {
            Context::new().with_remote_span_context(remote(client))
        });
        let mut attributes = attributes(operation);
        attributes.push(KeyValue::new("jsonrpc.request.id", operation.id.to_string()));
        if let Some(version) = operation.version {
            attributes.push(KeyValue::new("mcp.protocol.version", version));
        }
        let span = self
            .tracer
            .span_builder(Cow::Owned(operation.name()))
            .with_kind(SpanKind::Server)
            .with_attributes(attributes)
            .start_with_context(&self.tracer, &parent);
        let context = span.span_context();
        let trace = TraceContext::of_span(
            client,
            u128::from_be_bytes(context.trace_id().to_bytes()),
            u64::from_be_bytes(context.span_id().to_bytes()),
            context.is_sampled(),
        );
        request.extensions_mut().insert(trace);
        span
    }

    pub(crate) fn end(&self, mut span: Span, operation: &Operation, end: End) {
        let mut attributes = attributes(operation);
        if let Some(error) = end.error {
            let kind = KeyValue::new("error.type", error.name());
            span.set_attribute(kind.clone());
            attributes.push(kind);
            if let Failure::Rpc(code) = error {
                let code = KeyValue::new("rpc.response.status_code", code.to_string());
                span.set_attribute(code.clone());
                attributes.push(code);
            }
            span.set_status(Status::error(""));
        }
        span.end();
        self.durations.record(end.duration.as_secs_f64(), &attributes);
    }

    pub(crate) fn flush(&self) {
        // What cannot be sent is lost; the exporters log why.
        let _ = self.tracers.force_flush();
        let _ = self.meters.force_flush();
    }

    /// Sends what has not been sent yet.
    pub(crate) fn shutdown(&self, limit: Duration) {
        // What cannot be sent any more is lost; the exporters log why.
        let _ = self.tracers.shutdown_with_timeout(limit);
        let _ = self.meters.shutdown_with_timeout(limit);
    }
}

/// The attributes of spans and metrics alike.
fn attributes(operation: &Operation) -> Vec<KeyValue> {
    let mut attributes = vec![KeyValue::new("mcp.method.name", operation.method)];
    match &operation.target {
        Target::Tool(name) => {
            attributes.push(KeyValue::new("gen_ai.operation.name", "execute_tool"));
            attributes.push(KeyValue::new("gen_ai.tool.name", name.to_string()));
        }
        Target::Prompt(name) => {
            attributes.push(KeyValue::new("gen_ai.prompt.name", name.to_string()));
        }
        Target::None => {}
    }
    attributes
}

/// The client's span.
fn remote(client: &TraceContext) -> SpanContext {
    let trace = TraceId::from_hex(&client.trace_id()).unwrap_or(TraceId::INVALID);
    let span = SpanId::from_hex(&client.parent_span_id()).unwrap_or(SpanId::INVALID);
    let flags = if client.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let state = client.tracestate().and_then(|state| state.parse::<TraceState>().ok());
    SpanContext::new(trace, span, flags, true, state.unwrap_or_default())
}
