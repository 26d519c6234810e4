//! Serves a tool whose work outlives its request.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(durable_task::server()).await
}
