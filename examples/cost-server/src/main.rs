//! The program: AWS as the environment says, list prices as the crate carries them.

use std::process::ExitCode;

use mcp_tools_aws::{Aws, Prices};

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(cost_server::server(Aws::from_env(), Prices::built_in())).await
}
