//! Our side of the comparison on AWS Lambda: a server as any user writes it.

use std::{
    process::ExitCode,
    time::{Duration, SystemTime},
};

use mcp_serve::{Server, ToolContext, tool};

/// Adds two integers.
#[tool(read_only, idempotent)]
async fn add(
    /// The first addend.
    a: i64,
    /// The second addend.
    b: i64,
) -> i64 {
    a.saturating_add(b)
}

/// Says when it says it, in nanoseconds since the Unix epoch, and ends a while later.
#[tool(read_only)]
async fn stamp(cx: &ToolContext) -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    cx.progress(0.5, format!("stamp {}.", now.as_nanos())).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    "stamped".to_owned()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let server = Server::builder("bench", env!("CARGO_PKG_VERSION")).tool::<add>().tool::<stamp>();
    mcp_serve::run(server.build()).await
}
