//! Connects to the server with the heavy tools, and serves them with the light ones.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    // Whoever starts a gateway that cannot do its work wants to know at once, and starts it again;
    // serving without the heavy tools would be the other choice.
    match gateway::heavy().await {
        Ok(heavy) => mcp_serve::run(gateway::server(heavy)).await,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
