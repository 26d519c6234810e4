//! `cargo xtask test`: everything that the project promises, tested.

use std::process::Command;

use crate::{
    arm64, bench, conformance, counts, image,
    shell::{self, skip, step},
    soak, templates, toolbox,
};

pub(crate) fn run(skip_clients: bool) -> anyhow::Result<()> {
    step("the workspace's own tests");
    cargo_test()?;
    bench::see_that_it_runs()?;
    counts::run(&counts::Options::default())?;
    soak::run(&soak::Options::default())?;
    templates::run(&templates::Options::default())?;
    image::run()?;
    arm64::run()?;
    if skip_clients {
        return Ok(());
    }
    clients()?;
    client_examples()?;
    conformance::run(&conformance::Options::default())?;
    conformance::run(&conformance::Options::authenticated())
}

/// The packages that are tested against an emulator of AWS.
const NEED_MOTO: &[&str] = &[
    "cost-server",
    "durable-task",
    "front-door",
    "lambda-websocket",
    "mcp-aws",
    "mcp-state-aws",
    "mcp-testing",
    "mcp-tools-aws",
    "mcp-tools-sales",
    "sales-server",
];

fn cargo_test() -> anyhow::Result<()> {
    // Its tests skip themselves where it is not there.
    toolbox::redis()?;
    let mut test = shell::cargo();
    test.args(["test", "--workspace", "--locked", "--no-fail-fast"]);
    // The comparison with Athena skips itself where it is not there.
    match toolbox::python(toolbox::MINISTACK)? {
        Some(python) => _ = test.env("MCP_TEST_MINISTACK_PYTHON", python),
        None => skip("the comparison with Athena", toolbox::NO_PYTHON)?,
    }
    match toolbox::python(toolbox::SQL)? {
        Some(python) => _ = test.env("MCP_TEST_SQL_PYTHON", python),
        None => skip("the comparison of sales with DuckDB", toolbox::NO_PYTHON)?,
    }
    match toolbox::python(toolbox::MOTO)? {
        // With data in S3, which that program is tested with then.
        Some(python) => {
            test.env("MCP_TEST_MOTO_PYTHON", python).arg("--features=sales-server/s3");
        }
        None => {
            skip(&format!("tests of {}", NEED_MOTO.join(", ")), toolbox::NO_PYTHON)?;
            test.args(NEED_MOTO.iter().map(|package| format!("--exclude={package}")));
        }
    }
    match toolbox::python(toolbox::PYTHON_SDK)? {
        Some(python) => {
            _ = test.env("MCP_TEST_TIME_SERVER", python.with_file_name("mcp-server-time"));
        }
        None => skip("the example that wraps a server of others", toolbox::NO_PYTHON)?,
    }
    match (toolbox::python(toolbox::CARGO_LAMBDA)?, toolbox::lambda_rie()?) {
        (Some(python), Some(rie)) => {
            test.env("MCP_TEST_CARGO_LAMBDA", python.with_file_name("cargo-lambda"));
            test.env("MCP_TEST_LAMBDA_RIE", rie);
        }
        _ => skip("tests on emulators of AWS Lambda that others have made", toolbox::NO_PYTHON)?,
    }
    // One of the tests asks a linter.
    if let Some(path) = templates::path_with_linters()? {
        test.env("MCP_TEST_LINTERS", path);
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
    let Some(moto) = toolbox::python(toolbox::MOTO)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    step("the official clients");
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=hello",
        "--package=sales-server",
        "--package=lambda-websocket",
        "--features=mcp-serve/ws",
    ]))?;
    // As the conformance suites have it, so that it is built once.
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=mcp-testing",
        "--features=conformance-server,lambda",
        "--bin=lambda-emulator",
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
            .arg(typescript)
            .arg("--moto")
            .arg(moto),
    )?;
    shell::run(
        Command::new(adk)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(scripts.join("check_adk.py"))
            .arg("--binaries")
            .arg(&binaries),
    )
}

/// The clients of `examples/clients`, against the example servers' binaries and a real sshd.
fn client_examples() -> anyhow::Result<()> {
    const WHAT: &str = "the examples of clients";
    let Some(python) = toolbox::python(toolbox::CLIENT_EXAMPLES)? else {
        return skip(WHAT, toolbox::NO_PYTHON);
    };
    if !toolbox::sshd()? {
        return skip(WHAT, "there is no /usr/sbin/sshd or no ssh; install OpenSSH");
    }
    step(WHAT);
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=sales-server",
        "--package=cost-server",
    ]))?;
    let root = crate::root();
    shell::run(
        Command::new(python)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(root.join("xtask/clients/check_examples.py"))
            .arg("--binaries")
            .arg(shell::target_directory()?.join("debug"))
            .arg("--mcp")
            .arg(templates::mcp()?)
            .arg("--examples")
            .arg(root.join("examples/clients"))
            .arg("--sales")
            .arg(root.join("examples/sales-server/data/sales.csv"))
            .arg("--authorized-keys")
            .arg(root.join("deploy/ec2/authorized_keys")),
    )
}
