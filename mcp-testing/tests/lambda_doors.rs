//! Every front door of AWS Lambda, in both protocol eras.
#![cfg(feature = "web-socket-api")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use mcp_core::{Server, ToolContext, tool};
use mcp_testing::{Failure, Harness};
use serde_json::json;

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Repeats a text.
#[tool]
async fn echo(text: String) -> String {
    text
}

/// Counts to n, and says so at each step.
#[tool]
async fn count(cx: &ToolContext, n: u32) -> u32 {
    for step in 1..=n {
        cx.progress_of(step.into(), n.into(), "counting").await;
    }
    n
}

/// Fails in the worst way.
#[tool]
async fn panics() -> u32 {
    panic!("on purpose")
}

fn server() -> Server {
    Server::builder("doors", "1.0")
        .tool::<add>()
        .tool::<echo>()
        .tool::<count>()
        .tool::<panics>()
        .build()
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn tools_are_listed_and_called(mcp: Harness) {
    assert_eq!(mcp.server_info().name, "doors");
    assert_eq!(mcp.list_tools().await.len(), 4);
    assert_eq!(mcp.call(add { a: 2, b: 40 }).await.text(), "42");
    let failure = mcp.try_call("subtract", json!({})).await.unwrap_err();
    assert_eq!(failure, Failure { code: -32602, message: "unknown tool: subtract".into() });
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn every_character_comes_back(mcp: Harness) {
    for text in ["", "line\nbreak\r\n", "quote \" backslash \\", "naïve 世界 🦀", "\u{0}\u{1f}"]
    {
        assert_eq!(mcp.call(echo { text: text.to_owned() }).await.text(), text);
    }
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn a_panic_fails_its_call_alone(mcp: Harness) {
    assert_eq!(mcp.try_call("panics", json!({})).await.unwrap_err().code, -32603);
    assert_eq!(mcp.call(add { a: 1, b: 1 }).await.text(), "2");
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn bad_arguments_are_explained_to_the_model(mcp: Harness) {
    let outcome = mcp.try_call("add", json!({ "a": "one" })).await.unwrap();
    assert!(outcome.tool_error().contains("`b`: required"));
}
