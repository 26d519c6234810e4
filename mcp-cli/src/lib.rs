//! The `mcp` command: calls Model Context Protocol servers wherever they are.
//!
//! This library is the two binaries' common part, `mcp` and `cargo mcp`; it has no other users.

mod args;
mod commands;
mod connect;
mod exit;
mod file;
mod output;
mod target;
mod user;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use crate::args::Cli;

/// Does what the words of a command line say, the program's name first, and returns the code to
/// exit with: see `mcp --help`.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    match commands::run(Cli::parse_from(words)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}
