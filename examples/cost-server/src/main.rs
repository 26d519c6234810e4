//! The program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(cost_server::server()).await
}
