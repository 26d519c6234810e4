//! `cargo xtask bench`: the comparison of `mcp-bench`, built for release and run.

use std::{path::PathBuf, process::Command};

use clap::Args;

use crate::shell::{self, step};

#[derive(Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds, to see that everything runs.
    #[arg(long)]
    quick: bool,
    /// Also write all figures of all rounds to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    step("building the servers for release");
    shell::run(shell::cargo().args([
        "build",
        "--release",
        "--locked",
        "--package=mcp-bench",
        "--package=hello",
        "--package=sales-server",
        "--package=cost-server",
    ]))?;
    step("measuring functions of AWS Lambda");
    let mut lambda = Command::new(shell::target_directory()?.join("release/lambda"));
    if options.quick {
        lambda.arg("--quick");
    }
    shell::run(&mut lambda)?;
    step("measuring");
    let mut compare = Command::new(shell::target_directory()?.join("release/compare"));
    if options.quick {
        compare.arg("--quick");
    }
    if let Some(file) = &options.json {
        compare.arg("--json").arg(file);
    }
    shell::run(&mut compare)
}
