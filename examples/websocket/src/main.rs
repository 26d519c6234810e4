//! Serves the notice board.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(websocket::server()).await
}
