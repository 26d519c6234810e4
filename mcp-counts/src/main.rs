//! The hot paths, to have their instructions counted: `mcp-counts PATH ROUNDS` goes a path that often, and
//! `mcp-counts` names all of them. What a round costs is the difference between two numbers of rounds,
//! which `cargo xtask counts` has valgrind find out.

#![allow(clippy::print_stdout, reason = "the names are asked for")]

mod paths;
mod tools;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let Some(name) = arguments.next() else {
        for (name, _) in paths::ALL {
            println!("{name}");
        }
        return Ok(());
    };
    let (_, path) = paths::ALL
        .iter()
        .find(|(known, _)| *known == name)
        .with_context(|| format!("there is no path `{name}`; without arguments, all are named"))?;
    let rounds = arguments.next().context("how many rounds? `mcp-counts PATH ROUNDS`")?;
    path(rounds.parse().context("the number of rounds is a whole number")?)
}
