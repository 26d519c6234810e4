//! `cargo xtask test`: everything that the project promises, tested.

use std::process::Command;

use crate::{
    conformance,
    shell::{self, skip, step},
    soak, templates, toolbox,
};

pub(crate) fn run(skip_clients: bool) -> anyhow::Result<()> {
    step("the workspace's own tests");
    cargo_test()?;
    soak::run(&soak::Options::default())?;
    templates::run(&templates::Options::default())?;
    if skip_clients {
        return Ok(());
    }
    clients()?;
    conformance::run(&conformance::Options::default())?;
    conformance::run(&conformance::Options::authenticated())
}

/// The packages that are tested against an emulator of AWS.
const NEED_MOTO: &[&str] = &[
    "cost-server",
    "front-door",
    "lambda-websocket",
    "mcp-aws",
    "mcp-state-aws",
    "mcp-testing",
    "mcp-tools-aws",
];

fn cargo_test() -> anyhow::Result<()> {
    // Its tests skip themselves where it is not there.
    toolbox::redis()?;
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
    let python = (toolbox::python(toolbox::PYTHON_SDK)?, toolbox::python(toolbox::PYTHON_SDK_V1)?);
    let (Some(python), Some(python_v1)) = python else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    let Some(adk) = toolbox::python(toolbox::CLIENT_EXAMPLES)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    let npm = (toolbox::npm(toolbox::INSPECTOR)?, toolbox::npm(toolbox::TYPESCRIPT_SDK)?);
    let (Some(inspector), Some(typescript)) = npm else {
        return skip(WHAT, toolbox::NO_NPM);
    };
    step("the official clients");
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=hello",
        "--package=sales-server",
        "--features=mcp-serve/ws",
    ]))?;
    let binaries = shell::target_directory()?.join("debug");
    let scripts = crate::root().join("xtask/clients");
    shell::run(
        Command::new(python)
            // Nothing is written into the checkout.
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts.join("check.py"))
            .arg("--binaries")
            .arg(&binaries)
            .arg("--npm")
            .arg(inspector)
            .arg("--sales")
            .arg(crate::root().join("examples/sales-server/data/sales.csv")),
    )?;
    shell::run(
        Command::new(python_v1)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts.join("check_v1.py"))
            .arg("--binaries")
            .arg(&binaries)
            .arg("--npm")
            .arg(typescript),
    )?;
    shell::run(
        Command::new(adk)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts.join("check_adk.py"))
            .arg("--binaries")
            .arg(&binaries),
    )
}
