//! Tasks of the program: in the memory of one process, and of a function with a table in DynamoDB.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{f64::consts::PI, time::Duration};

use durable_task::estimate_pi;
use mcp_testing::{
    __private::block_on,
    Harness, Moto,
    lambda::{Emulator, Outcome},
};
use serde_json::{Value, json};

#[mcp_testing::test(durable_task::server())]
async fn a_client_without_tasks_waits_for_the_answer(mcp: Harness) {
    let estimate: f64 = mcp.call(estimate_pi { thousands: 20 }).await.text().parse().unwrap();
    assert!((estimate - PI).abs() < 0.01, "{estimate}");
}

/// The function, with a table of its own.
async fn function() -> Emulator {
    let account = Moto::shared().account().await;
    let table = json!({
        "TableName": "tasks",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            { "AttributeName": "pk", "AttributeType": "S" },
            { "AttributeName": "sk", "AttributeType": "S" },
        ],
        "KeySchema": [
            { "AttributeName": "pk", "KeyType": "HASH" },
            { "AttributeName": "sk", "KeyType": "RANGE" },
        ],
    });
    let create = "DynamoDB_20120810.CreateTable";
    Moto::shared().call(create, "dynamodb", &account.access_key_id, &table).await;
    Emulator::new(env!("CARGO_BIN_EXE_durable-task"))
        .env("TASK_TABLE", "tasks")
        .env("AWS_ENDPOINT_URL_DYNAMODB", Moto::shared().url())
        .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
        .env("AWS_SESSION_TOKEN", &account.session_token)
        .env("MCP_STATE_KEY", &"ab".repeat(32))
}

/// What the function answers to a client that knows tasks.
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
            let mut reply: Value = serde_json::from_slice(&reply).unwrap();
            assert!(reply["error"].is_null(), "{reply}");
            reply["result"].take()
        }
        other => panic!("{other:?}\n{}", function.output().join("\n")),
    }
}

async fn begin(function: &Emulator, thousands: u32) -> String {
    let call = json!({ "name": "estimate_pi", "arguments": { "thousands": thousands } });
    let task = send(function, "tools/call", call).await;
    assert_eq!(task["resultType"], "task", "{task}");
    task["taskId"].as_str().unwrap().to_owned()
}

/// The task, once nobody works on it any more.
async fn end(function: &Emulator, id: &str) -> Value {
    loop {
        let task = send(function, "tasks/get", json!({ "taskId": id })).await;
        if task["status"] != "working" {
            return task;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[test]
fn on_lambda_the_work_goes_on_in_an_invocation_of_its_own() {
    block_on(async {
        let function = function().await;
        let id = begin(&function, 20).await;
        let task = end(&function, &id).await;
        let estimate = task["result"]["content"][0]["text"].as_str().unwrap();
        assert!((estimate.parse::<f64>().unwrap() - PI).abs() < 0.01, "{task}");
        assert_eq!(function.faults(), [""; 0]);
    });
}

#[test]
fn on_lambda_a_task_is_cancelled_wherever_it_is_worked_on() {
    block_on(async {
        let function = function().await;
        let id = begin(&function, 4_000_000).await;
        send(&function, "tasks/cancel", json!({ "taskId": id })).await;
        assert_eq!(end(&function, &id).await["status"], "cancelled");
    });
}
