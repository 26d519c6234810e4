//! Talking to a server as a binding does: bytes in, bytes out.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "`json!` goes in by value")]

use jsonschema::Validator;
use mcp_core::{
    Encoded, ErrorKind, Malformed, Message, Notification, Reply, ReplyPart, Request, Server,
};
use serde_json::{Map, Value, json};

/// `_meta` of a modern request.
pub fn modern_meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A modern request as text. `_meta` in `params` is added to what every request has.
pub fn modern(method: &str, mut params: Value) -> String {
    let mut meta = modern_meta();
    if let Some(Value::Object(more)) = params.get_mut("_meta").map(Value::take) {
        meta.as_object_mut().unwrap().extend(more);
    }
    params["_meta"] = meta;
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

pub fn modern_call(tool: &str, arguments: Value) -> String {
    modern("tools/call", json!({ "name": tool, "arguments": arguments }))
}

pub fn legacy(method: &str, params: Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

pub fn request(text: impl Into<String>) -> Request {
    match Message::parse(text.into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

pub fn malformed(text: impl AsRef<[u8]>) -> Malformed {
    match Message::parse(text.as_ref().to_vec()) {
        Err(malformed) => malformed,
        Ok(message) => panic!("well formed: {message:?}"),
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub notifications: Vec<Notification>,
    /// The response message.
    pub message: Value,
    /// Its `result`, or null.
    pub result: Value,
    /// Its `error`, or null.
    pub error: Value,
    pub kind: Option<ErrorKind>,
}

impl Answer {
    fn new(notifications: Vec<Notification>, response: Encoded) -> Self {
        let kind = response.error();
        let message: Value =
            serde_json::from_slice(&response.into_bytes()).expect("a response is JSON");
        assert_eq!(message["jsonrpc"], "2.0");
        assert_eq!(message["result"].is_null(), kind.is_some(), "{message}");
        let (result, error) = (message["result"].clone(), message["error"].clone());
        Self { notifications, message, result, error, kind }
    }

    /// The text of the only content block.
    #[track_caller]
    pub fn text(&self) -> &str {
        match self.result["content"].as_array().map(Vec::as_slice) {
            Some([block]) => block["text"].as_str().expect("the block is a text"),
            _ => panic!("not one content block: {}", self.message),
        }
    }

    /// The text of a tool error.
    #[track_caller]
    pub fn tool_error(&self) -> &str {
        assert_eq!(self.result["isError"], true, "{}", self.message);
        self.text()
    }

    #[track_caller]
    pub fn code(&self) -> i64 {
        self.error["code"].as_i64().unwrap_or_else(|| panic!("no error: {}", self.message))
    }

    #[track_caller]
    pub fn error_message(&self) -> &str {
        self.error["message"].as_str().unwrap_or_else(|| panic!("no error: {}", self.message))
    }

    pub fn progress(&self) -> Vec<f64> {
        self.notifications
            .iter()
            .filter_map(|notification| match notification {
                Notification::Progress { progress, .. } => Some(*progress),
                _ => None,
            })
            .collect()
    }
}

/// Sends text as it is, and reads the whole reply.
pub async fn send(server: &Server, text: impl Into<String>) -> Answer {
    match Message::parse(text.into()) {
        Ok(Message::Request(request)) => gather(server.call(request)).await,
        Ok(other) => panic!("not a request: {other:?}"),
        Err(malformed) => Answer::new(Vec::new(), server.refuse(malformed)),
    }
}

pub async fn gather(mut reply: Reply) -> Answer {
    let mut notifications = Vec::new();
    while let Some(part) = reply.next().await {
        match part {
            ReplyPart::Notification(notification) => notifications.push(notification),
            ReplyPart::Response(response) => {
                assert!(reply.next().await.is_none(), "a reply ends with its response");
                return Answer::new(notifications, response);
            }
            other => panic!("only sessions have this: {other:?}"),
        }
    }
    panic!("a reply without a response")
}

/// Calls a tool as a modern client.
pub async fn call(server: &Server, tool: &str, arguments: Value) -> Answer {
    send(server, modern_call(tool, arguments)).await
}

/// Calls a tool as a modern client that wants to hear of progress.
pub async fn call_with_progress(server: &Server, tool: &str, arguments: Value) -> Answer {
    let params =
        json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "here" } });
    send(server, modern("tools/call", params)).await
}

/// What `tools/list` says of each tool.
pub async fn listed(server: &Server) -> Vec<Value> {
    let answer = send(server, modern("tools/list", Value::Object(Map::new()))).await;
    answer.result["tools"].as_array().expect("tools are listed").clone()
}

/// A validator of one definition of the protocol's schema.
fn definition(name: &str) -> Validator {
    let mut schema: Value = serde_json::from_str(include_str!("../schema/2026-07-28.json"))
        .expect("the schema is JSON");
    assert!(schema["$defs"][name].is_object(), "no definition {name}");
    schema["$ref"] = format!("#/$defs/{name}").into();
    jsonschema::draft202012::new(&schema).expect("the schema is one")
}

#[track_caller]
pub fn assert_is(name: &str, value: &Value) {
    let errors: Vec<_> =
        definition(name).iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "no {name}: {errors:?}\n{value:#}");
}
