//! Tools of the tasks extension.

use std::time::Duration;

use mcp_core::{ServerBuilder, ToolContext, ToolError, ToolErrorKind, ToolResult, tool};

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool::<greet>()
        .tool::<slow_compute>()
        .tool::<failing_job>()
        .tool::<protocol_error_job>()
}

/// Greets someone, and is never a task.
#[tool(read_only, idempotent)]
async fn greet(
    /// Whom to greet.
    name: String,
) -> String {
    format!("Hello, {name}!")
}

/// Computes for some seconds.
#[tool(task, read_only, idempotent)]
async fn slow_compute(
    cx: &ToolContext,
    /// How long, in seconds.
    #[schemars(range(max = 3600))]
    seconds: u64,
    /// A name for the computation.
    label: Option<String>,
) -> String {
    let label = label.unwrap_or_else(|| "nameless".to_owned());
    cx.progress(0.0, format!("computing {label}")).await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    format!("computed {label} for {seconds} s")
}

/// Fails as a tool does, after a second; always a task.
#[tool(task = "required")]
async fn failing_job() -> ToolResult<String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Err(ToolError::new(ToolErrorKind::Unavailable, "the job failed"))
}

/// Fails as a server does: it panics.
#[tool(task)]
async fn protocol_error_job() -> String {
    tokio::time::sleep(Duration::from_millis(50)).await;
    panic!("this job always panics")
}
