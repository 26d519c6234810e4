//! The program, invoked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use hello::{add, count};
use mcp_testing::{
    __private::block_on,
    lambda::{Door, Emulator, Outcome, at_doors},
};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lambda-invoke");

async fn invoke(event: Value, client_context: Option<&str>) -> Value {
    let function = Emulator::new(PROGRAM);
    match function.invoke(event.to_string(), client_context).await {
        Outcome::Answered(reply) => serde_json::from_slice(&reply).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn call(id: u32, a: i64, b: i64) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id,
        "method": "tools/call",
        "params": { "name": "add", "arguments": { "a": a, "b": b } },
    })
}

#[test]
fn clients_of_both_eras_call_tools() {
    at_doors(PROGRAM, &[Door::Invoke], async |mcp| {
        assert_eq!(mcp.call(add { a: 2, b: 40 }).await.text(), "42");
        assert_eq!(mcp.call(count { n: 3 }).await.text(), "counted to 3");
    });
}

#[test]
fn an_array_of_messages_is_answered_in_its_order() {
    block_on(async {
        let ping = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let replies = invoke(json!([call(1, 1, 2), ping, call(2, 3, 4), "nonsense"]), None).await;
        let replies = replies.as_array().unwrap();
        assert_eq!(replies.len(), 3);
        assert_eq!(replies[0]["result"]["content"][0]["text"], "3");
        assert_eq!(replies[1]["result"]["content"][0]["text"], "7");
        assert_eq!(replies[2]["error"]["code"], -32600);
        let refused = invoke(json!([]), None).await;
        assert_eq!(refused["error"]["code"], -32600);
    });
}

#[test]
fn agentcore_gateway_gets_a_tools_result() {
    block_on(async {
        let context = |tool: &str| {
            json!({ "custom": { "bedrockAgentCoreToolName": tool, "bedrockAgentCoreTargetId": "T" } })
                .to_string()
        };
        let result = invoke(json!({ "a": 20, "b": 22 }), Some(&context("math___add"))).await;
        assert_eq!(result["content"][0]["text"], "42");
        assert_ne!(result["isError"], true);
        let fault = invoke(json!({ "a": "x" }), Some(&context("math___add"))).await;
        assert_eq!(fault["isError"], true);
        let unknown = invoke(json!({}), Some(&context("math___subtract"))).await;
        assert_eq!(unknown["isError"], true);
        assert_eq!(unknown["content"][0]["text"], "unknown tool: subtract");
    });
}

#[test]
fn a_schedule_keeps_warm_and_what_nobody_knows_fails() {
    block_on(async {
        let schedule = json!({ "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {} });
        assert_eq!(invoke(schedule, None).await, Value::Null);
        let function = Emulator::new(PROGRAM);
        match function.invoke(r#"{"Records":[]}"#, None).await {
            Outcome::Failed(failure) => {
                assert_eq!(failure.error_type, "UnknownEvent");
                assert!(failure.message.contains("JSON-RPC"), "{}", failure.message);
            }
            other => panic!("{other:?}"),
        }
    });
}
