//! The gateway in front of another server, as a library and as a program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{net::SocketAddr, process::Command};

use gateway::{reading_time, word_count};
use mcp_remote::Remote;
use mcp_serve::{Server, Transport as _};
use mcp_testing::{
    __private::block_on,
    Harness,
    lambda::{Door, Emulator},
};
use mcp_transport_sse::HttpTransport;
use serde_json::json;
use tokio_util::sync::CancellationToken;

const PROGRAM: &str = env!("CARGO_BIN_EXE_gateway");

/// The program with an environment that says nothing of other servers.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in [
        "AWS_LAMBDA_RUNTIME_API",
        "MCP_LISTEN",
        "PORT",
        "RUST_LOG",
        "HEAVY_URL",
        "HEAVY_TOKEN",
        "HEAVY_FUNCTION",
        "HEAVY_COMMAND",
    ] {
        command.env_remove(name);
    }
    command
}

/// `hello` on a port of loopback, as long as the test's runtime lives.
async fn hello() -> String {
    let transport = HttpTransport::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = transport.local_addr().unwrap();
    tokio::spawn(transport.serve(hello::server(), CancellationToken::new()));
    format!("http://{address}/mcp")
}

async fn server() -> Server {
    gateway::server(Some(Remote::http(hello().await).connect().await.unwrap()))
}

#[mcp_testing::test(server().await)]
async fn light_and_heavy_tools_stand_side_by_side(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["word_count", "reading_time", "heavy_add", "heavy_echo", "heavy_count"]);
    let text = || "to be or not to be".to_owned();
    assert_eq!(mcp.call(word_count { text: text() }).await.text(), "6");
    let minutes: f64 = mcp.call(reading_time { text: text() }).await.text().parse().unwrap();
    assert!((minutes * 238.0 - 6.0).abs() < 1e-9);
    let sum = mcp.try_call("heavy_add", json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(sum.text(), "3");
}

#[test]
fn the_program_mounts_what_the_environment_names() {
    block_on(async {
        let mut over_http = program();
        over_http.arg("stdio").env("HEAVY_URL", hello().await);
        let mcp = Harness::stdio(over_http).await;
        let sum = mcp.try_call("heavy_add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(sum.text(), "3");

        let mut over_stdio = program();
        over_stdio.arg("stdio").env("HEAVY_COMMAND", format!("{PROGRAM} stdio"));
        let mcp = Harness::stdio(over_stdio).await;
        let count = mcp.try_call("heavy_word_count", json!({"text": "a b c"})).await.unwrap();
        assert_eq!(count.text(), "3");

        let function = Emulator::new(PROGRAM);
        let url = function.open(Door::Invoke).await.unwrap();
        let (endpoint, _) = url.split_once("/2015-03-31").unwrap();
        let mut over_lambda = program();
        over_lambda
            .arg("stdio")
            .env("HEAVY_FUNCTION", "heavy")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        let mcp = Harness::stdio(over_lambda).await;
        let count = mcp.try_call("heavy_word_count", json!({"text": "a b c d"})).await.unwrap();
        assert_eq!(count.text(), "4");
        assert_eq!(function.processes(), 1);

        let mut alone = program();
        alone.arg("stdio");
        assert_eq!(Harness::stdio(alone).await.list_tools().await.len(), 2);
    });
}

#[test]
fn on_lambda_it_mounts_a_server_that_listens_elsewhere() {
    block_on(async {
        let function = Emulator::new(PROGRAM).env("HEAVY_URL", &hello().await);
        let mcp = Harness::behind(Door::FunctionUrl, function).await;
        let sum = mcp.try_call("heavy_add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(sum.text(), "3");
        assert_eq!(mcp.call(word_count { text: "a b".to_owned() }).await.text(), "2");
    });
}

#[test]
fn a_server_that_is_not_there_ends_the_program() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let output =
        program().env("HEAVY_URL", format!("http://{address}/mcp")).arg("stdio").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(&format!("cannot connect to http://{address}/mcp")), "{error}");
    assert!(output.stdout.is_empty());
}
