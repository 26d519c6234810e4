//! `cargo xtask test`: everything that the project promises, tested.

use std::process::Command;

use crate::{
    conformance,
    shell::{self, skip, step},
    toolbox,
};

pub(crate) fn run(skip_clients: bool) -> anyhow::Result<()> {
    step("the workspace's own tests");
    cargo_test()?;
    if skip_clients {
        return Ok(());
    }
    clients()?;
    conformance::run(&conformance::Options::default())?;
    conformance::run(&conformance::Options::authenticated())
}

fn cargo_test() -> anyhow::Result<()> {
    shell::run(shell::cargo().args(["test", "--workspace", "--locked"]))
}

/// The official clients against the example servers' binaries.
fn clients() -> anyhow::Result<()> {
    const WHAT: &str = "tests with the official clients";
    let Some(python) = toolbox::python()? else {
        return skip(WHAT, "there is no python3 with venv; install it, or run as root on Debian");
    };
    let Some(npm) = toolbox::npm(toolbox::INSPECTOR)? else {
        return skip(WHAT, toolbox::NO_NPM);
    };
    step("the official clients");
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=hello",
        "--package=sales-server",
    ]))?;
    let binaries = shell::target_directory()?.join("debug");
    shell::run(
        Command::new(python)
            .arg(crate::root().join("xtask/clients/check.py"))
            .arg("--binaries")
            .arg(binaries)
            .arg("--npm")
            .arg(npm)
            .arg("--sales")
            .arg(crate::root().join("examples/sales-server/data/sales.csv")),
    )
}
