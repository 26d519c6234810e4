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
    conformance::run(&conformance::Options::default())
}

/// The packages that are tested against an emulator of AWS.
const NEED_MOTO: &[&str] = &["cost-server", "mcp-tools-aws"];

fn cargo_test() -> anyhow::Result<()> {
    let mut test = shell::cargo();
    test.args(["test", "--workspace", "--locked"]);
    match toolbox::python(toolbox::MOTO)? {
        Some(python) => _ = test.env("MCP_TEST_MOTO_PYTHON", python),
        None => {
            skip(&format!("tests of {}", NEED_MOTO.join(", ")), toolbox::NO_PYTHON)?;
            test.args(NEED_MOTO.iter().map(|package| format!("--exclude={package}")));
        }
    }
    shell::run(&mut test)
}

/// The official clients against the example servers' binaries.
fn clients() -> anyhow::Result<()> {
    const WHAT: &str = "tests with the official clients";
    let Some(python) = toolbox::python(toolbox::CLIENT)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
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
