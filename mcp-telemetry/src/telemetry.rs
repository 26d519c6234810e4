use std::{sync::Arc, time::Duration};

use mcp_core::{Request, Server};

use crate::{
    layer::TelemetryLayer,
    operation::{End, Operation},
    prometheus::Prometheus,
};

/// How a server is measured.
///
/// Nothing is measured until it is told what for; each of its ways costs a request something, which
/// the example `cost` of this crate measures.
#[derive(Clone, Debug, Default)]
pub struct Telemetry {
    recorders: Arc<Recorders>,
}

#[derive(Debug, Default)]
pub(crate) struct Recorders {
    prometheus: Option<Prometheus>,
    #[cfg(feature = "otlp")]
    otlp: Option<crate::otlp::Otlp>,
}

/// OpenTelemetry cannot be set up from what stands in the environment.
#[cfg(feature = "otlp")]
#[derive(Debug, thiserror::Error)]
#[error("OpenTelemetry cannot be set up: {0}")]
pub struct OtlpError(#[from] opentelemetry_otlp::ExporterBuildError);

impl Telemetry {
    /// Measures nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts for Prometheus: [`Self::scrape`].
    ///
    /// # Panics
    ///
    /// When a server is measured already.
    #[must_use]
    #[track_caller]
    pub fn prometheus(mut self) -> Self {
        self.set().prometheus = Some(Prometheus::new());
        self
    }

    /// Sends spans and metrics over OTLP (HTTP, Protobuf), as `OTEL_EXPORTER_OTLP_ENDPOINT`,
    /// `OTEL_TRACES_SAMPLER`, `OTEL_RESOURCE_ATTRIBUTES` and the others of OpenTelemetry say. It is
    /// done by threads of its own; call [`Self::shutdown`] at the end.
    ///
    /// # Errors
    ///
    /// When the environment does not say what it should.
    ///
    /// # Panics
    ///
    /// When a server is measured already.
    #[cfg(feature = "otlp")]
    #[track_caller]
    pub fn otlp_from_env(mut self, service: &str, version: &str) -> Result<Self, OtlpError> {
        self.set().otlp = Some(crate::otlp::Otlp::from_env(service, version)?);
        Ok(self)
    }

    /// The same with providers that the application has made.
    ///
    /// # Panics
    ///
    /// When a server is measured already.
    #[cfg(feature = "otlp")]
    #[must_use]
    #[track_caller]
    pub fn otlp(
        mut self,
        tracers: opentelemetry_sdk::trace::SdkTracerProvider,
        meters: opentelemetry_sdk::metrics::SdkMeterProvider,
    ) -> Self {
        self.set().otlp = Some(crate::otlp::Otlp::new(tracers, meters));
        self
    }

    #[track_caller]
    fn set(&mut self) -> &mut Recorders {
        Arc::get_mut(&mut self.recorders).expect("nothing is measured yet")
    }

    /// The server, measured. Requests that a binding refuses (a malformed message, a wrong token)
    /// do not reach it.
    #[must_use]
    pub fn measure(&self, server: Server) -> Server {
        let layer = TelemetryLayer::new(Arc::clone(&self.recorders), &server);
        server.layer(layer)
    }

    /// What Prometheus wants to read (OpenMetrics 1.0); empty unless it counts.
    pub fn scrape(&self) -> String {
        self.recorders.prometheus.as_ref().map(Prometheus::scrape).unwrap_or_default()
    }

    /// Sends what has not been sent yet, and goes on: for processes that are stopped between
    /// requests. Blocks the thread for as long as OpenTelemetry's exporters take, which is
    /// `OTEL_EXPORTER_OTLP_TIMEOUT` at most for the spans and as long for the metrics.
    pub fn flush(&self) {
        #[cfg(feature = "otlp")]
        if let Some(otlp) = &self.recorders.otlp {
            otlp.flush();
        }
    }

    /// Sends what has not been sent yet, which may take so long. Blocks the thread.
    pub fn shutdown(&self, limit: Duration) {
        #[cfg(feature = "otlp")]
        if let Some(otlp) = &self.recorders.otlp {
            otlp.shutdown(limit);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = limit;
    }
}

/// What is open of an operation under way.
#[derive(Debug, Default)]
pub(crate) struct Begun {
    #[cfg(feature = "otlp")]
    span: Option<opentelemetry_sdk::trace::Span>,
}

impl Recorders {
    pub(crate) fn begin(&self, operation: &Operation, request: &mut Request) -> Begun {
        if let Some(prometheus) = &self.prometheus {
            prometheus.begin();
        }
        #[cfg(feature = "otlp")]
        return Begun { span: self.otlp.as_ref().map(|otlp| otlp.begin(operation, request)) };
        #[cfg(not(feature = "otlp"))]
        {
            let _ = (operation, request);
            Begun::default()
        }
    }

    pub(crate) fn end(&self, begun: Begun, operation: &Operation, end: End) {
        if let Some(prometheus) = &self.prometheus {
            prometheus.end(operation, end);
        }
        #[cfg(feature = "otlp")]
        if let (Some(otlp), Some(span)) = (&self.otlp, begun.span) {
            otlp.end(span, operation, end);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = begun;
    }
}
