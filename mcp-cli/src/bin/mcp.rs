//! `mcp`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mcp_cli::main(std::env::args_os())
}
