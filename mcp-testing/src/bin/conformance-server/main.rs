//! The server that the official conformance suites test: `cargo xtask conformance`.
//!
//! Its tools, resources and prompts are those that the suites call by name; what they answer is
//! what the suites expect. It runs wherever any other server runs, over whatever the arguments or
//! the environment say.

use std::process::ExitCode;

use mcp_core::Server;

mod asking;
mod changing;
mod content;
mod notifying;
mod prompts;
mod resources;
mod schemas;
mod tasks;

fn server() -> Server {
    let server = Server::builder("conformance-server", env!("CARGO_PKG_VERSION"))
        .title("Conformance fixture")
        .instructions("Tools for the official conformance suites.");
    let server = content::add(server);
    let server = notifying::add(server);
    let server = schemas::add(server);
    let server = asking::add(server);
    let server = resources::add(server);
    let server = prompts::add(server);
    let server = tasks::add(server);
    let server = changing::add(server);
    server.build()
}

#[tokio::main]
async fn main() -> ExitCode {
    mcp_serve::run(server()).await
}
