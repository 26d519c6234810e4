//! What the tools answer, the same over every transport and in both eras.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hello::{add, count, echo, server};
use mcp_testing::{Failure, Harness};
use serde_json::json;

#[mcp_testing::test(server())]
async fn add_adds(mcp: Harness) {
    assert_eq!(mcp.call(add { a: 2, b: 40 }).await.text(), "42");
    assert_eq!(mcp.call(add { a: i64::MAX, b: 1 }).await.text(), i64::MAX.to_string());
}

#[mcp_testing::test(server())]
async fn echo_keeps_every_character(mcp: Harness) {
    for text in
        ["", "plain", "line\nbreak\r\n", "quote \" backslash \\", "naïve 世界 🦀", "\u{0}\u{1f}"]
    {
        assert_eq!(mcp.call(echo { text: text.to_owned() }).await.text(), text);
    }
}

#[mcp_testing::test(server())]
async fn echo_takes_a_megabyte(mcp: Harness) {
    let text = "x".repeat(1 << 20);
    assert_eq!(mcp.call(echo { text: text.clone() }).await.text(), text);
}

#[mcp_testing::test(server())]
async fn count_reports_every_step_in_order(mcp: Harness) {
    let outcome = mcp.call(count { n: 100 }).await;
    assert_eq!(outcome.text(), "counted to 100");
    let steps: Vec<f64> = outcome.progress().iter().map(|step| step.progress).collect();
    assert_eq!(steps, (1..=100).map(f64::from).collect::<Vec<_>>());
    assert_eq!(outcome.progress()[6].message.as_deref(), Some("step 7"));
    assert_eq!(outcome.progress()[6].total, Some(100.0));
}

#[mcp_testing::test(server())]
async fn calls_run_side_by_side(mcp: Harness) {
    let calls = (0..50).map(|n| mcp.call(add { a: n, b: n }));
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    // Awaited in the reverse of the order in which they are sent.
    for call in &mut calls {
        let _ = futures_poll_once(call.as_mut()).await;
    }
    for (n, call) in calls.into_iter().enumerate().rev() {
        assert_eq!(call.await.text(), (2 * n).to_string());
    }
}

/// Begins a future without waiting for its end.
async fn futures_poll_once<F: Future + Unpin>(mut future: F) {
    std::future::poll_fn(|cx| {
        let poll = std::pin::Pin::new(&mut future).poll(cx);
        assert!(poll.is_pending(), "an answer needs a turn of the runtime");
        std::task::Poll::Ready(())
    })
    .await;
}

#[mcp_testing::test(server())]
async fn tools_are_listed_in_order_with_their_descriptions(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(names, ["add", "echo", "count"]);
    assert_eq!(tools[0].description.as_deref(), Some("Adds two integers."));
    assert_eq!(tools[0].input_schema["properties"]["a"]["description"], "The first addend.");
    assert_eq!(tools[0].annotations.as_ref().unwrap().read_only_hint, Some(true));
}

#[mcp_testing::test(server())]
async fn bad_arguments_are_explained_to_the_model(mcp: Harness) {
    let outcome = mcp.try_call("add", json!({"a": "one", "c": 3})).await.unwrap();
    let text = outcome.tool_error();
    for fault in ["`a`: expected integer, found \"one\"", "`b`: required", "`c`: no such argument"]
    {
        assert!(text.contains(fault), "no {fault:?} in {text}");
    }
}

#[mcp_testing::test(server())]
async fn unknown_tool_is_invalid_params(mcp: Harness) {
    let failure = mcp.try_call("subtract", json!({})).await.unwrap_err();
    assert_eq!(failure, Failure { code: -32602, message: "unknown tool: subtract".into() });
}

#[mcp_testing::test(server())]
async fn the_server_tells_its_own_name_and_version(mcp: Harness) {
    let info = mcp.server_info();
    assert_eq!((info.name.as_str(), info.version.as_str()), ("hello", env!("CARGO_PKG_VERSION")));
}
