//! Calls of AgentCore Gateway, as AWS documents them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use lambda_runtime::{Context, FunctionResponse, LambdaEvent};
use mcp_core::{Server, tool};
use mcp_transport_lambda::{Function, HttpConfig, LambdaConfig};
use serde_json::{Value, json, value::RawValue};

/// The map of the tool's arguments.
const EVENT: &str = include_str!("events/agentcore-gateway-event.json");
/// What the client context has under `custom`.
const CUSTOM: &str = include_str!("events/agentcore-gateway-context.json");

/// Says what it was asked for.
#[tool]
async fn get_order_tool(keywords: String, category: String) -> String {
    format!("{keywords} in {category}")
}

async fn answer(custom: &Value) -> Value {
    let server = Server::builder("orders", "1.0").tool::<get_order_tool>().build();
    let function = Function::new(server, LambdaConfig::new(HttpConfig::new()));
    let mut context = Context::default();
    context.client_context = Some(serde_json::from_value(json!({ "custom": custom })).unwrap());
    let event: Box<RawValue> = serde_json::from_str(EVENT).unwrap();
    match function.answer(LambdaEvent::new(event, context)).await.unwrap() {
        FunctionResponse::BufferedResponse(payload) => serde_json::to_value(&payload).unwrap(),
        FunctionResponse::StreamingResponse(_) => panic!("a stream"),
    }
}

#[tokio::test]
async fn the_tool_is_named_in_the_context_and_the_event_is_its_arguments() {
    let mut custom: Value = serde_json::from_str(CUSTOM).unwrap();
    // As it stands there, the name is that of a type.
    let unknown = answer(&custom).await;
    assert_eq!(unknown["content"][0]["text"], "unknown tool: string");
    assert_eq!(unknown["isError"], true);

    // "Understand how AgentCore Gateway tools are named" has this one.
    custom["bedrockAgentCoreToolName"] = "LambdaUsingSDK___get_order_tool".into();
    let result = answer(&custom).await;
    assert_eq!(result["content"][0]["text"], "wireless headphones in electronics");
    assert_ne!(result["isError"], true);
}
