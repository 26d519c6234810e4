//! Runs the server over whatever the arguments or the environment say.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(ask::server()).await
}
