//! The server of `hello` as a Lambda function. That it is one is found out where it runs: the same
//! program speaks stdio and HTTP elsewhere.

use std::process::ExitCode;

// One invocation at a time needs one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    mcp_serve::run(hello::server()).await
}
