//! Tools that speak before they answer.

use std::time::Duration;

use mcp_core::{LogLevel, ServerBuilder, ToolContext, tool};

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool::<test_tool_with_logging>()
        .tool::<test_tool_with_progress>()
        .tool::<test_logging_tool>()
        .tool::<test_reconnection>()
}

/// Logs three messages.
#[tool(read_only, idempotent)]
async fn test_tool_with_logging(cx: &ToolContext) -> &'static str {
    for message in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
        cx.log(LogLevel::Info, message).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    "Logging test completed"
}

/// Reports progress three times.
#[tool(read_only, idempotent)]
async fn test_tool_with_progress(cx: &ToolContext) -> &'static str {
    for (done, message) in [(0, "Starting"), (50, "Halfway"), (100, "Complete")] {
        cx.progress_of(done, 100, message).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    "Progress test completed"
}

/// Logs a message of every severity; the client gets those that it has asked for.
#[tool(read_only, idempotent)]
async fn test_logging_tool(cx: &ToolContext) -> &'static str {
    for level in [
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Notice,
        LogLevel::Warning,
        LogLevel::Error,
        LogLevel::Critical,
        LogLevel::Alert,
        LogLevel::Emergency,
    ] {
        cx.log(level, format!("a message of the level {level:?}")).await;
    }
    "Logging tool completed"
}

/// Takes long enough for a client to reconnect.
#[tool(read_only, idempotent)]
async fn test_reconnection() -> &'static str {
    tokio::time::sleep(Duration::from_millis(100)).await;
    "Reconnection test completed"
}
