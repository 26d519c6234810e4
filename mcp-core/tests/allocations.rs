//! How often a call asks for memory. Alone in its binary, which counts all allocations.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use mcp_core::{
    CallResult, DynTool, Message, Resource, Server, ToolContext, ToolDefinition, ToolResult, model,
    prompt, tool,
};
use serde_json::{Map, Value, json};

use crate::support::{modern, modern_call};

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Greets someone.
#[prompt]
async fn greet(name: String) -> String {
    name
}

/// Runs a future that never has to wait, without a runtime's own allocations.
fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future has to wait"),
    }
}

/// One request: parsed, called, and its response written.
fn answer(server: &Server, text: Bytes) -> Bytes {
    let Ok(Message::Request(request)) = Message::parse(text) else { panic!("not a request") };
    run(server.call(request).response()).into_bytes()
}

/// The allocations of a request whose text is in memory already.
fn count(server: &Server, text: &str) -> u64 {
    let text = Bytes::from(text.to_owned());
    drop(answer(server, text.clone()));
    let allocations = allocation_counter::measure(|| {
        black_box(answer(server, text.clone()));
    });
    assert_eq!(allocations.count_current, 0, "nothing outlives its request");
    allocations.count_total
}

#[test]
fn requests_allocate_little() {
    let server = Server::builder("test", "1").tool::<add>().build();
    let call = count(&server, &modern_call("add", json!({ "a": 1, "b": 2 })));
    let list = count(&server, &modern("tools/list", json!({})));
    let discover = count(&server, &modern("server/discover", json!({})));
    // Skipping nested JSON, the arguments' object and its two keys, the call's future, the value's
    // text, the response, and the handle that shares it.
    assert!(call <= 8, "a call of `add` allocates {call} times");
    assert!(list <= 3, "tools/list allocates {list} times");
    assert!(discover <= 3, "server/discover allocates {discover} times");

    let server = Server::builder("test", "1")
        .resource(Resource::text("test://text", "text", "x".repeat(10_000)))
        .prompt::<greet>()
        .build();
    let list = count(&server, &modern("resources/list", json!({})));
    let read = count(&server, &modern("resources/read", json!({ "uri": "test://text" })));
    let get = json!({ "name": "greet", "arguments": { "name": "Ada" } });
    let get = count(&server, &modern("prompts/get", get));
    assert!(list <= 3, "resources/list allocates {list} times");
    // The one more is the list of its parts; the text itself is copied once, into the response.
    assert!(read <= 4, "a read of what does not change allocates {read} times");
    assert!(get <= 16, "a prompt allocates {get} times");
}

/// A tool that is there to be listed.
struct Listed(usize);

impl DynTool for Listed {
    fn definition(&self) -> ToolDefinition {
        let schema = json!({ "type": "object", "properties": {
            "query": { "type": "string", "description": "What to look for." },
        } });
        let Value::Object(schema) = schema else { unreachable!() };
        model::Tool::new(format!("tool_{}", self.0), "One of many.", schema).into()
    }

    async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> ToolResult<CallResult> {
        Ok(CallResult::default())
    }
}

#[test]
fn a_page_of_a_hundred_tools_is_not_written_anew() {
    let server =
        (0..150).fold(Server::builder("test", "1"), |server, n| server.dyn_tool(Listed(n)));
    let server = server.build();
    let first = answer(&server, modern("tools/list", json!({})).into());
    let cursor = serde_json::from_slice::<Value>(&first).unwrap()["result"]["nextCursor"].clone();
    for params in [json!({}), json!({ "cursor": cursor })] {
        let text = Bytes::from(modern("tools/list", params));
        let written = answer(&server, text.clone()).len();
        assert!(written > 5_000, "{written} bytes");
        let asked = allocation_counter::measure(|| {
            black_box(answer(&server, text.clone()));
        });
        // The answer's own bytes, once, and no more than a small answer has besides.
        assert!(asked.count_total <= 3, "{asked:?}");
        let beside = asked.bytes_total - written as u64;
        assert!(beside < 512, "{beside} bytes beside the {written} of the answer");
    }
}
