use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::{
    cli::LogFormat,
    metrics::{self, EmbeddedMetrics},
};

/// Writes logs to standard error, unless the program has already set up its own.
///
/// `RUST_LOG` takes targets and levels (`warn,mcp_core=debug`), not the span filters of
/// `EnvFilter`, which would add a regular expression engine to every binary.
///
/// `MCP_METRICS=emf` adds a line of CloudWatch's embedded metrics for each call, on standard output;
/// not where that is the protocol's wire.
pub(crate) fn init(server: &str, format: LogFormat, is_stdio: bool) {
    let wanted = std::env::var("RUST_LOG").ok();
    let parsed = wanted.as_deref().map(str::parse::<Targets>);
    let filter = match &parsed {
        Some(Ok(filter)) => filter.clone(),
        _ => default_filter(),
    };
    let lines = fmt::layer().with_writer(stderr);
    let lines = match format {
        LogFormat::Text => {
            let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            lines.with_ansi(colours).boxed()
        }
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let wants_metrics =
        !is_stdio && std::env::var(metrics::VARIABLE).is_ok_and(|kind| kind == "emf");
    let metrics = wants_metrics.then(|| EmbeddedMetrics::new(server, metrics::to_stdout).layer());
    let logs = tracing_subscriber::registry().with(metrics).with(lines.with_filter(filter));
    let ours = logs.try_init().is_ok();
    if ours && let Some(Err(error)) = parsed {
        tracing::warn!(RUST_LOG = wanted, %error, "RUST_LOG is ignored");
    }
}

/// Our own events, and of the client of mounted servers only what needs attention.
fn default_filter() -> Targets {
    use tracing::level_filters::LevelFilter;
    Targets::new().with_default(LevelFilter::INFO).with_target("rmcp", LevelFilter::WARN)
}
