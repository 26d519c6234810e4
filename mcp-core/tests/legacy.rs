//! The shape of results before 2026-07-28, where requests reach the dispatch as they are.

mod support;

use mcp_core::{Server, tool};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{legacy, send};

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Lists.
#[tool]
async fn list() -> Vec<i64> {
    vec![1]
}

/// A point.
#[derive(Serialize, JsonSchema)]
struct Point {
    x: i64,
}

/// Points.
#[tool]
async fn point() -> Point {
    Point { x: 1 }
}

fn server() -> Server {
    Server::builder("test", "1").page_size(2).tool::<add>().tool::<list>().tool::<point>().build()
}

async fn call(name: &str, arguments: Value) -> Value {
    let params = json!({ "name": name, "arguments": arguments });
    send(&server(), legacy("tools/call", params)).await.result
}

#[tokio::test]
async fn results_have_nothing_of_the_modern_era() {
    assert_eq!(
        call("add", json!({ "a": 1, "b": 2 })).await,
        json!({ "content": [{ "type": "text", "text": "3" }] })
    );
    let list = send(&server(), legacy("tools/list", json!({}))).await.result;
    let mut members: Vec<_> = list.as_object().into_iter().flatten().map(|(key, _)| key).collect();
    members.sort_unstable();
    assert_eq!(members, ["nextCursor", "tools"]);
}

#[tokio::test]
async fn only_objects_are_structured_content() {
    assert_eq!(call("list", json!({})).await.get("structuredContent"), None);
    assert_eq!(call("point", json!({})).await["structuredContent"], json!({ "x": 1 }));
    let first = send(&server(), legacy("tools/list", json!({}))).await.result;
    for tool in first["tools"].as_array().into_iter().flatten() {
        assert_eq!(tool.get("outputSchema"), None, "{tool}");
    }
    let params = json!({ "cursor": first["nextCursor"] });
    let second = send(&server(), legacy("tools/list", params)).await.result;
    assert_eq!(second["tools"][0]["outputSchema"]["type"], "object");
}

#[tokio::test]
async fn a_client_may_ping() {
    let answer = send(&server(), legacy("ping", json!({}))).await;
    assert_eq!(answer.message, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
}

#[tokio::test]
async fn errors_have_the_codes_of_the_modern_era() {
    for (method, params, code) in [
        ("tools/call", json!({ "name": "none" }), -32602),
        ("tools/call", json!({}), -32602),
        ("tools/list", json!({ "cursor": "none" }), -32602),
        ("no/such/method", json!({}), -32601),
    ] {
        assert_eq!(send(&server(), legacy(method, params)).await.code(), code, "{method}");
    }
    let result = call("add", json!({ "a": "1", "b": 2 })).await;
    assert_eq!(result["isError"], true);
}
