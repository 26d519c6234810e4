//! A server that somebody else wrote for stdio, over HTTP and on AWS Lambda. Its program runs as a
//! child of this one, which offers its tools.

use std::{env, process::Command, time::Duration};

use mcp_remote::{ConnectError, Remote};
use mcp_serve::{Server, ToolPack};

/// Why there is no server to wrap.
#[derive(Debug)]
pub enum WrapError {
    /// `WRAPPED_COMMAND` is not set, is empty, or has a quotation mark too many.
    Command,
    /// The program cannot be started, or does not answer as a server does.
    Connect(ConnectError),
}

impl std::fmt::Display for WrapError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command => f.write_str(
                "set WRAPPED_COMMAND to the program and its arguments, quoted as for a shell",
            ),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for WrapError {}

/// How long the program may take to start: an interpreter has much to read on a small processor.
const START: Duration = Duration::from_secs(60);

/// The program that `WRAPPED_COMMAND` names, with the environment of this one.
///
/// # Errors
///
/// When it names none.
pub fn command() -> Result<Command, WrapError> {
    let line = env::var("WRAPPED_COMMAND").map_err(|_| WrapError::Command)?;
    let words = shell_words::split(&line).map_err(|_| WrapError::Command)?;
    let (program, arguments) = words.split_first().ok_or(WrapError::Command)?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

/// Starts the program and offers its tools under their own names. One that dies is started again
/// by the next call.
///
/// # Errors
///
/// When it cannot be started, or does not speak the protocol.
pub async fn server(command: Command) -> Result<Server, WrapError> {
    let wrapped = Remote::command(command)
        .connect_timeout(START)
        .connect()
        .await
        .map_err(WrapError::Connect)?;
    let tools = wrapped.into_iter().fold(ToolPack::new("wrapped", ()), ToolPack::dyn_tool);
    Ok(Server::builder("wrap-stdio-server", env!("CARGO_PKG_VERSION")).pack(tools).build())
}
