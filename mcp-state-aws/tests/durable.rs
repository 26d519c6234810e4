//! Tasks that outlive the invocation that made them, behind the emulator.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{path::Path, time::Duration};

use mcp_core::{Server, ToolContext, tasks::TaskOptions, tool};
use mcp_state_aws::{DynamoDbTaskStore, LambdaTaskRunner};
use mcp_testing::{
    __private::{block_on, lambda::this_binary},
    Moto,
    lambda::{Emulator, Outcome},
};
use serde_json::{Value, json};
use support::{Stage, TABLE};

/// Works longer than any connection lasts.
#[tool(task)]
async fn work(cx: &ToolContext, milliseconds: u64) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    format!("worked {milliseconds} ms for {:?}", cx.principal().map(mcp_core::Principal::subject))
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

fn server() -> Server {
    let tasks = TaskOptions::new()
        .store(DynamoDbTaskStore::new(TABLE))
        .runner(LambdaTaskRunner::new())
        .poll_interval(Duration::from_millis(20));
    Server::builder("durable", "1").tool::<work>().tool::<crash>().tasks(tasks).build()
}

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    mcp_testing::__private::lambda::serve(async || server());
}

fn function(stage: &Stage) -> Emulator {
    this_binary(concat!(module_path!(), "::lambda_function"))
        .env("AWS_ENDPOINT_URL_DYNAMODB", Moto::shared().url())
        .env("AWS_ACCESS_KEY_ID", &stage.account.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &stage.account.secret_access_key)
        .env("AWS_SESSION_TOKEN", &stage.account.session_token)
        .env("MCP_LAMBDA_RESPONSE", "buffered")
        .env("MCP_STATE_KEY", &"ab".repeat(32))
        .retry_after(Duration::from_millis(50))
}

async fn send(function: &Emulator, method: &str, mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {
            "extensions": { "io.modelcontextprotocol/tasks": {} },
        },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    match function.invoke(message.to_string(), None).await {
        Outcome::Answered(reply) => {
            let reply: Value = serde_json::from_slice(&reply).unwrap();
            assert!(reply["error"].is_null(), "{reply}\n{}", function.output().join("\n"));
            reply["result"].clone()
        }
        other => panic!("{other:?}\n{}", function.output().join("\n")),
    }
}

async fn begin(function: &Emulator, tool: &str, arguments: Value) -> String {
    let task = send(function, "tools/call", json!({ "name": tool, "arguments": arguments })).await;
    assert_eq!(task["resultType"], "task", "{task}");
    task["taskId"].as_str().unwrap().to_owned()
}

async fn end(function: &Emulator, id: &str) -> Value {
    loop {
        let task = send(function, "tasks/get", json!({ "taskId": id })).await;
        if !matches!(task["status"].as_str(), Some("working" | "input_required")) {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn work_goes_on_after_its_invocation_in_another() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let id = begin(&function, "work", json!({ "milliseconds": 500 })).await;
        let task = send(&function, "tasks/get", json!({ "taskId": id })).await;
        assert_eq!(task["status"], "working");
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "worked 500 ms for None", "{task}");
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn a_process_that_dies_in_the_midst_loses_nothing() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let file = temporary("twice");
        let id = begin(&function, "crash", json!({ "file": file.0, "times": 2 })).await;
        let task = end(&function, &id).await;
        assert_eq!(task["result"]["content"][0]["text"], "lived after 2", "{task}");
        assert_eq!(function.faults().len(), 2, "{:?}", function.faults());
    });
}

#[test]
fn cancelling_reaches_the_work() {
    block_on(async {
        let stage = Stage::set().await;
        let function = function(&stage);
        let id = begin(&function, "work", json!({ "milliseconds": 60_000 })).await;
        send(&function, "tasks/cancel", json!({ "taskId": id })).await;
        assert_eq!(end(&function, &id).await["status"], "cancelled");
        // The invocation that works hears of it, and ends.
        let (mut free, started) = (false, std::time::Instant::now());
        while !free && started.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            free = function.idle() == function.processes();
        }
        assert!(free, "the work goes on");
    });
}

/// A file that is not there, removed with this value.
struct Temporary(String);

fn temporary(name: &str) -> Temporary {
    let name = format!("mcp-durable-{}-{name}", std::process::id());
    Temporary(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Path::new(&self.0));
    }
}
