//! `/rpc`: JSON-RPC for callers that know nothing of MCP.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use serde_json::{Value, json};
use support::{Listening, Reply, call, call_with_progress, meta, start};

async fn post(listening: &Listening, headers: &str, message: &Value) -> Reply {
    let body = message.to_string();
    let length = body.len();
    let mut client = listening.connect().await;
    client
        .write(format!(
            "POST /rpc HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
    client.reply().await
}

fn request(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

#[tokio::test]
async fn tools_are_listed_and_called_without_a_handshake_or_headers() {
    let listening = start().await;
    let reply = post(&listening, "", &request("tools/list", json!({}))).await;
    assert_eq!(reply.status, 200);
    assert!(reply.json()["result"]["tools"].as_array().unwrap().len() > 3);
    let add = request("tools/call", call("add", json!({"a": 1, "b": 2})));
    let reply = post(&listening, "", &add).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "3");
}

#[tokio::test]
async fn the_answer_is_json_whatever_is_accepted() {
    let listening = start().await;
    listening.gate.steps.add_permits(100);
    let step = request("tools/call", call_with_progress("step", json!({"steps": 3})));
    for accept in ["", "accept: text/event-stream\r\n", "accept: text/html\r\n", "accept: */*\r\n"]
    {
        let reply = post(&listening, accept, &step).await;
        assert_eq!(reply.json()["result"]["content"][0]["text"], "took 3 steps", "{accept}");
    }
}

#[tokio::test]
async fn a_modern_request_needs_no_headers_here() {
    let listening = start().await;
    let mut params = call("add", json!({"a": 1, "b": 2}));
    params["_meta"] = meta();
    let reply = post(&listening, "", &request("tools/call", params)).await;
    assert_eq!(reply.json()["result"]["resultType"], "complete");
}

#[tokio::test]
async fn there_are_no_sessions_here() {
    let listening = start().await;
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}});
    let reply = post(&listening, "", &request("initialize", params)).await;
    reply.assert_error(404, -32601, json!(1));
    let list = request("tools/list", json!({}));
    let reply = post(&listening, "mcp-session-id: any\r\n", &list).await;
    assert_eq!(reply.status, 200);
    let reply = listening.bare("GET", "/rpc", "mcp-session-id: any\r\n").await;
    reply.assert_error(405, -32600, Value::Null);
}

#[tokio::test]
async fn errors_are_json_rpc_with_their_status() {
    let listening = start().await;
    for (message, status, code, id) in [
        (request("no/such", json!({})), 404, -32601, json!(1)),
        (request("tools/call", json!({})), 400, -32602, json!(1)),
        (request("tools/call", call("no_such_tool", json!({}))), 200, -32602, json!(1)),
        (json!([]), 400, -32600, Value::Null),
        (json!({"jsonrpc": "2.0", "id": 1, "result": {}}), 400, -32600, Value::Null),
    ] {
        post(&listening, "", &message).await.assert_error(status, code, id);
    }
    let list = request("tools/list", json!({}));
    let reply = post(&listening, "origin: https://evil.example\r\n", &list).await;
    reply.assert_error(403, -32600, Value::Null);
    let reply = post(&listening, "content-type: text/plain\r\n", &list).await;
    reply.assert_error(415, -32600, Value::Null);
    let told = json!({"jsonrpc": "2.0", "method": "notifications/cancelled"});
    assert_eq!(post(&listening, "", &told).await.status, 202);
}
