//! The reference server for times (PyPI `mcp-server-time`), which speaks stdio alone, behind doors of
//! AWS Lambda and over HTTP. `cargo xtask test` installs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{path::PathBuf, process::Command};

use mcp_testing::{
    __private::block_on,
    Harness,
    lambda::{Door, Emulator},
};
use serde_json::json;
use wrap_stdio_server::server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_wrap-stdio-server");
/// Where the server to be wrapped is.
const TIME: &str = "MCP_TEST_TIME_SERVER";

/// `None` where there is none, unless nothing may be left out (`CI=true`).
fn time_server() -> Option<PathBuf> {
    let path = std::env::var_os(TIME).map(PathBuf::from);
    if path.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{TIME} is not set");
        eprintln!("SKIPPED: {TIME} is not set; `cargo xtask test` installs what it names");
    }
    path
}

async fn tells_time(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["get_current_time", "convert_time"]);
    // Neither has daylight saving time.
    let noon =
        json!({ "source_timezone": "UTC", "time": "16:30", "target_timezone": "Asia/Tokyo" });
    let converted = mcp.try_call("convert_time", noon).await.unwrap().text();
    assert!(converted.contains("T01:30:00+09:00"), "{converted}");
    let nowhere =
        json!({ "source_timezone": "UTC", "time": "16:30", "target_timezone": "Mars/Olympus" });
    let fault = mcp.try_call("convert_time", nowhere).await.unwrap().tool_error();
    assert!(fault.contains("Mars/Olympus"), "{fault}");
}

#[test]
fn clients_of_both_eras_call_it_behind_lambda() {
    let Some(time) = time_server() else { return };
    let function = || {
        let command = format!("'{}' --local-timezone UTC", time.display());
        Emulator::new(PROGRAM).env("WRAPPED_COMMAND", &command)
    };
    block_on(async {
        tells_time(Harness::behind(Door::FunctionUrl, function()).await).await;
        tells_time(Harness::behind(Door::Alb, function()).legacy().await).await;
    });
}

#[test]
fn clients_call_it_over_http() {
    let Some(time) = time_server() else { return };
    block_on(async {
        let mut command = Command::new(time);
        command.args(["--local-timezone", "UTC"]);
        tells_time(Harness::over_http(server(command).await.unwrap()).await).await;
    });
}

#[test]
fn without_a_server_to_wrap_the_program_ends_and_says_why() {
    for (command, wanted) in [
        (None, "WRAPPED_COMMAND"),
        (Some(""), "WRAPPED_COMMAND"),
        (Some("'unfinished"), "WRAPPED_COMMAND"),
        (Some("/no/such/program"), "/no/such/program"),
        (Some("true"), "true"),
    ] {
        let mut program = Command::new(PROGRAM);
        program
            .arg("stdio")
            .env_remove("WRAPPED_COMMAND")
            .envs(command.map(|c| ("WRAPPED_COMMAND", c)));
        let output = program.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains(wanted), "{command:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}
