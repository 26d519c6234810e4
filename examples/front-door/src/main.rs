//! The server as a program.

use std::process::ExitCode;

use front_door::{Stock, server};

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(server(Stock::default())).await
}
