//! What is measured, from flags and the environment.

#[cfg(feature = "otlp")]
use std::time::Duration;

use clap::Args;
use mcp_core::Server;
use mcp_telemetry::Telemetry;

/// How long what has been measured may take to be sent at the end.
#[cfg(feature = "otlp")]
const LIMIT: Duration = Duration::from_secs(5);
/// How long sending may hold up the next invocation of Lambda.
#[cfg(all(feature = "lambda", feature = "otlp"))]
const LIMIT_OF_INVOCATION: Duration = Duration::from_secs(2);
/// What OpenTelemetry is told where to send to by.
#[cfg(feature = "otlp")]
const ENDPOINTS: [&str; 3] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
];

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Telemetry")]
pub(crate) struct TelemetryOptions {
    /// Answer GET /metrics for Prometheus (HTTP). Where callers show credentials, Prometheus has to,
    /// too.
    #[arg(long, global = true, env = "MCP_PROMETHEUS", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) metrics: bool,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum TelemetryError {
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] mcp_telemetry::OtlpError),
}

/// What measures, and the server that is measured, if anything is to be.
pub(crate) fn measure(
    server: Server,
    options: &TelemetryOptions,
    is_http: bool,
) -> Result<(Server, Option<Telemetry>), TelemetryError> {
    let mut telemetry = Telemetry::new();
    let mut is_measured = false;
    if options.metrics && is_http {
        (telemetry, is_measured) = (telemetry.prometheus(), true);
    }
    #[cfg(feature = "otlp")]
    if ENDPOINTS.iter().any(|name| std::env::var_os(name).is_some()) {
        let identity = server.identity();
        telemetry = telemetry.otlp_from_env(&identity.name, &identity.version)?;
        is_measured = true;
    }
    if !is_measured {
        return Ok((server, None));
    }
    Ok((telemetry.measure(server), Some(telemetry)))
}

/// Sends what one invocation of Lambda has measured, before the process is stopped.
#[cfg(all(feature = "lambda", feature = "otlp"))]
pub(crate) async fn flush(telemetry: Telemetry) {
    let sending = tokio::task::spawn_blocking(move || telemetry.flush());
    if tokio::time::timeout(LIMIT_OF_INVOCATION, sending).await.is_err() {
        tracing::warn!("what was measured could not be sent in time; is the collector there?");
    }
}

/// Sends what has been measured and not been sent.
pub(crate) async fn finish(telemetry: Option<Telemetry>) {
    #[cfg(feature = "otlp")]
    if let Some(telemetry) = telemetry {
        // An error would be that of a panic there, which has been told.
        let _ = tokio::task::spawn_blocking(move || telemetry.shutdown(LIMIT)).await;
    }
    #[cfg(not(feature = "otlp"))]
    drop(telemetry);
}
