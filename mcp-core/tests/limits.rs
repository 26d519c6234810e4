//! What a binding's platform allows a request.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::{Deadline, Resource, ResponseLimit, Server, Tenant, ToolContext, ToolPack, tool};
use serde_json::{Value, json};
use support::{legacy, modern, modern_call, request};
use tokio::time::Instant;

/// Never ends.
#[tool(timeout = "60m")]
async fn hang() -> u32 {
    std::future::pending().await
}

/// Tells how many seconds it has.
#[tool(timeout = "60m")]
async fn time_left(cx: &ToolContext) -> u64 {
    (cx.deadline() - Instant::now()).as_secs()
}

/// Repeats a text.
#[tool]
async fn repeat(text: String, times: usize) -> String {
    text.repeat(times)
}

/// Tells for whom it works.
#[tool]
async fn tenant(cx: &ToolContext) -> String {
    cx.tenant().unwrap_or("nobody").to_owned()
}

fn server() -> Server {
    let large = Resource::text("notes://large", "large", "x".repeat(2000));
    Server::builder("limits", "1")
        .tool::<hang>()
        .tool::<time_left>()
        .tool::<repeat>()
        .tool::<tenant>()
        .pack(ToolPack::new("notes", ()).resource(large))
        .build()
}

async fn answer<T: Clone + Send + Sync + 'static>(text: String, fact: T) -> Value {
    let mut request = request(text);
    request.extensions_mut().insert(fact);
    let response = server().call(request).response().await;
    serde_json::from_slice(&response.into_bytes()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_bindings_deadline() {
    for call in [modern_call("hang", json!({})), legacy("tools/call", json!({ "name": "hang" }))] {
        let deadline = Instant::now() + Duration::from_secs(3);
        let answer = answer(call, Deadline(deadline)).await;
        assert_eq!(answer["error"]["code"], -31504, "{answer}");
        assert!(Instant::now() >= deadline && Instant::now() < deadline + Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_knows_the_earlier_deadline() {
    let call = || modern_call("time_left", json!({}));
    let seconds = |answer: Value| answer["result"]["content"][0]["text"].clone();
    let near = Deadline(Instant::now() + Duration::from_secs(5));
    assert_eq!(seconds(answer(call(), near).await), "5");
    let far = Deadline(Instant::now() + Duration::from_secs(100_000));
    assert_eq!(seconds(answer(call(), far).await), "3600");
}

#[tokio::test]
async fn a_call_whose_time_is_over_ends_at_once() {
    let past = Deadline(Instant::now() - Duration::from_secs(1));
    assert_eq!(answer(modern_call("hang", json!({})), past).await["error"]["code"], -31504);
}

#[tokio::test]
async fn too_large_an_answer_of_a_tool_is_a_tool_error() {
    let limit = ResponseLimit::new(1000, "a postcard");
    let call = |times: usize| modern_call("repeat", json!({ "text": "x", "times": times }));
    let answer_of = async |times: usize| answer(call(times), limit).await;
    assert_eq!(answer_of(100).await["result"]["isError"], Value::Null);
    let refused = answer_of(1000).await;
    assert_eq!(refused["result"]["isError"], true);
    assert_eq!(refused["result"]["resultType"], "complete");
    let text = refused["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("a postcard holds 1000 at most"), "{text}");
}

#[tokio::test]
async fn a_string_is_counted_with_its_escapes() {
    // 400 quotes are 800 bytes in a text, and 1600 in a text that is in a string itself.
    let call = || modern_call("repeat", json!({ "text": "\"", "times": 400 }));
    let limit = ResponseLimit::new(1500, "a postcard");
    assert_eq!(answer(call(), limit).await["result"]["isError"], Value::Null);
    assert_eq!(answer(call(), limit.in_string()).await["result"]["isError"], true);
}

#[tokio::test]
async fn any_other_result_that_is_too_large_is_an_error() {
    let read = modern("resources/read", json!({ "uri": "notes://large" }));
    let answer = answer(read, ResponseLimit::new(1000, "a postcard")).await;
    assert_eq!(answer["error"]["code"], -31413);
}

#[tokio::test]
async fn a_tool_knows_its_tenant() {
    let answer = answer(modern_call("tenant", json!({})), Tenant("blue".into())).await;
    assert_eq!(answer["result"]["content"][0]["text"], "blue");
}

#[tokio::test]
async fn initialize_without_a_session_is_answered_by_the_dispatch() {
    let initialize = legacy(
        "initialize",
        json!({
            "protocolVersion": "2025-03-26",
            "capabilities": {},
            "clientInfo": { "name": "c", "version": "1" },
        }),
    );
    let result = &answer(initialize, ()).await["result"];
    assert_eq!(result["protocolVersion"], "2025-03-26");
    assert_eq!(result["capabilities"], json!({ "tools": {}, "resources": {} }));
    let malformed = answer(legacy("initialize", json!({})), ()).await;
    assert_eq!(malformed["error"]["code"], -32602);
}
