//! `cargo xtask soak`: what a server endures, measured.

use std::process::Command;

use clap::Args;

use crate::{
    shell::{self, step},
    toolbox,
};

#[derive(Args)]
pub(crate) struct Options {
    /// How long the scenarios that could go on for ever do so, each, in seconds.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
    /// Run only the scenarios whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { seconds: 2, only: None }
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    step("what a server endures");
    toolbox::redis()?;
    shell::run(shell::cargo().args(["build", "--locked", "--package=mcp-soak"]))?;
    let mut soak = Command::new(shell::target_directory()?.join("debug/mcp-soak"));
    soak.arg("--seconds").arg(options.seconds.to_string());
    if let Some(only) = &options.only {
        soak.arg("--only").arg(only);
    }
    shell::run(&mut soak)
}
