//! Light tools here, heavy ones on another server: one address for the client.

use std::{env, process::Command};

use mcp_remote::{ConnectError, Remote};
use mcp_serve::{Server, tool};

/// The server, for `main` and for tests: what is quick to answer, and beside it what the other
/// server has, under `heavy_`.
pub fn server(heavy: Option<Remote>) -> Server {
    let server = Server::builder("gateway", env!("CARGO_PKG_VERSION"))
        .tool::<word_count>()
        .tool::<reading_time>();
    match heavy {
        Some(heavy) => server.mount("heavy", heavy).build(),
        None => server.build(),
    }
}

/// The other server, as the environment names it: `HEAVY_URL` is one that listens (`HEAVY_TOKEN`
/// is what it wants to see of us), `HEAVY_FUNCTION` a function of AWS Lambda, by name or ARN, and
/// `HEAVY_COMMAND` a program with its arguments, separated by spaces, that speaks stdio.
///
/// # Errors
///
/// When the server cannot be reached now. One that is down later makes its tools unavailable until
/// it is back.
pub async fn heavy() -> Result<Option<Remote>, ConnectError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(url) = variable("HEAVY_URL") {
        let mut remote = Remote::http(url);
        if let Some(token) = variable("HEAVY_TOKEN") {
            remote = remote.bearer(token);
        }
        return remote.connect().await.map(Some);
    }
    if let Some(function) = variable("HEAVY_FUNCTION") {
        return Remote::lambda(function).connect().await.map(Some);
    }
    let Some(line) = variable("HEAVY_COMMAND") else { return Ok(None) };
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    // It is not to mount itself, should it be a gateway, too.
    command.env_remove("HEAVY_COMMAND");
    Remote::command(command).connect().await.map(Some)
}

/// Counts the words of a text. Words are separated by white space.
#[tool(read_only, idempotent)]
pub async fn word_count(
    /// The text.
    text: String,
) -> usize {
    text.split_whitespace().count()
}

/// Estimates how long a text takes to read, in minutes, at 238 words a minute (Brysbaert 2019, for
/// adults who read English silently).
#[tool(read_only, idempotent)]
pub async fn reading_time(
    /// The text.
    text: String,
) -> f64 {
    text.split_whitespace().count() as f64 / 238.0
}
