//! Starts the program to be wrapped, and serves its tools.

use std::process::ExitCode;

use wrap_stdio_server::{command, server};

#[tokio::main]
async fn main() -> ExitCode {
    // On AWS Lambda this is the init phase: the first client does not wait for the program.
    let wrapped = match command() {
        Ok(command) => server(command).await,
        Err(error) => Err(error),
    };
    match wrapped {
        Ok(server) => mcp_serve::run(server).await,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
