//! A server with a tool of each outcome.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use mcp_core::{CallResult, Message, Request, Server, ToolContext, tool};
use serde_json::{Value, json};

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Fails.
#[tool]
async fn fail() -> CallResult {
    CallResult::error("there is no such thing")
}

/// Never ends.
#[tool]
async fn hang() -> String {
    std::future::pending().await
}

/// Tells its place in the trace.
#[tool]
async fn place(cx: &ToolContext) -> String {
    cx.trace_context().map(mcp_core::TraceContext::traceparent).unwrap_or_default()
}

pub fn server() -> Server {
    Server::builder("measured", "1.2.3")
        .tool::<add>()
        .tool::<fail>()
        .tool::<hang>()
        .tool::<place>()
        .build()
}

pub fn request(method: &str, mut params: Value) -> Request {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    match Message::parse(message.to_string()) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

pub fn call(tool: &str, arguments: Value) -> Request {
    request("tools/call", json!({"name": tool, "arguments": arguments}))
}

pub async fn answer(server: &Server, request: Request) -> Value {
    serde_json::from_slice(&server.call(request).response().await.into_bytes()).unwrap()
}

/// Makes one call of each outcome.
pub async fn all_outcomes(server: &Server) {
    answer(server, call("add", json!({"a": 1, "b": 2}))).await;
    answer(server, call("add", json!({"a": "secret"}))).await;
    answer(server, call("fail", json!({}))).await;
    answer(server, call("made-up-by-a-caller", json!({}))).await;
    answer(server, request("tools/list", json!({}))).await;
    answer(server, request("made/up", json!({}))).await;
    let hanging = tokio::time::timeout(
        std::time::Duration::from_millis(5),
        answer(server, call("hang", json!({}))),
    );
    assert!(hanging.await.is_err());
}
