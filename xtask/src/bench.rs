//! `cargo xtask bench`: the comparison of `mcp-bench`, built for release and run.

use clap::Args;

use crate::shell::{self, step};

#[derive(Args)]
pub(crate) struct Options {
    /// A fraction of the rounds, to see that everything runs.
    #[arg(long)]
    quick: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    step("building the servers for release");
    run_cargo(&["build", "--release", "--locked", "--package=mcp-bench", "--package=hello"])?;
    let mut arguments =
        vec!["run", "--release", "--locked", "--package=mcp-bench", "--bin=compare"];
    if options.quick {
        arguments.extend(["--", "--quick"]);
    }
    run_cargo(&arguments)
}

fn run_cargo(arguments: &[&str]) -> anyhow::Result<()> {
    shell::run(shell::cargo().args(arguments))
}
