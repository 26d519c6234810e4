//! Tasks of a function behind the emulator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::time::Duration;

use mcp_core::{ServerBuilder, ToolContext, tool};
use mcp_testing::lambda::{Emulator, Outcome};
use serde_json::{Value, json};

use super::Stage;

/// Works longer than any connection lasts.
#[tool(task)]
async fn work(cx: &ToolContext, milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    format!("worked {milliseconds} ms for {:?}", cx.principal().map(mcp_core::Principal::subject))
}

/// Notes in the file that it has begun, and goes on until the file says `end`.
#[tool(task)]
async fn last(file: String) -> String {
    if std::fs::read(&file).unwrap_or_default() != b"end" {
        std::fs::write(&file, "begun").unwrap();
    }
    while std::fs::read(&file).unwrap() != b"end" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    "lasted".to_owned()
}

/// Takes its process along so many times. The file counts them.
#[tool(task)]
async fn crash(file: String, times: usize) -> String {
    let crashed = std::fs::read(&file).unwrap_or_default();
    if crashed.len() < times {
        std::fs::write(&file, vec![b'x'; crashed.len() + 1]).unwrap();
        std::process::exit(9);
    }
    format!("lived after {}", crashed.len())
}

/// Notes in the file that it has been run.
#[tool(task)]
async fn note(file: String) -> usize {
    let noted = std::fs::read(&file).unwrap_or_default().len() + 1;
    std::fs::write(&file, vec![b'x'; noted]).unwrap();
    noted
}

pub fn tools(builder: ServerBuilder) -> ServerBuilder {
    builder.tool::<work>().tool::<last>().tool::<crash>().tool::<note>()
}

/// The function with what a deployment tells it.
pub fn deployed(function: Emulator, stage: &Stage, endpoint: &str) -> Emulator {
    function
        .env("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
        .env("AWS_ENDPOINT_URL_SQS", endpoint)
        .env("AWS_ACCESS_KEY_ID", &stage.account.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &stage.account.secret_access_key)
        .env("AWS_SESSION_TOKEN", &stage.account.session_token)
        .env("MCP_LAMBDA_RESPONSE", "buffered")
        .env("MCP_STATE_KEY", &"ab".repeat(32))
        .retry_after(Duration::from_millis(50))
}

/// What the function answers to a request: the result, or the error.
pub async fn try_send(
    function: &Emulator,
    method: &str,
    mut params: Value,
) -> Result<Value, Value> {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    match function.invoke(message.to_string(), None).await {
        Outcome::Answered(reply) => {
            let mut reply: Value = serde_json::from_slice(&reply).unwrap();
            if reply["error"].is_null() { Ok(reply["result"].take()) } else { Err(reply) }
        }
        other => panic!("{other:?}\n{}", function.output().join("\n")),
    }
}

pub async fn send(function: &Emulator, method: &str, params: Value) -> Value {
    let answer = try_send(function, method, params).await;
    answer.unwrap_or_else(|reply| panic!("{reply}\n{}", function.output().join("\n")))
}

pub async fn begin(function: &Emulator, tool: &str, arguments: Value) -> String {
    let task = send(function, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    assert_eq!(task["resultType"], "task", "{task}");
    task["taskId"].as_str().unwrap().to_owned()
}

pub async fn end(function: &Emulator, id: &str) -> Value {
    loop {
        let task = send(function, "tasks/get", json!({ "taskId": id })).await;
        if !matches!(task["status"].as_str(), Some("working" | "input_required")) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A file that is not there, removed with this value.
pub struct Temporary(pub String);

pub fn temporary(name: &str) -> Temporary {
    let name = format!("mcp-durable-{}-{name}", std::process::id());
    Temporary(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
}

impl Temporary {
    /// Waits for it.
    pub async fn is_there(&self) {
        while std::fs::read(&self.0).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn says(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
