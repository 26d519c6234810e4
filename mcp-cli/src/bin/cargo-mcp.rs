//! `cargo mcp …` is `mcp …`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut words: Vec<_> = std::env::args_os().collect();
    // Cargo says the name that it was called by once more.
    if words.get(1).is_some_and(|word| word == "mcp") {
        words.remove(1);
    }
    mcp_cli::main(words)
}
