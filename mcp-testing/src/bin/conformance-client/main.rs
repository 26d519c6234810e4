//! The client that the official conformance suites test: `cargo xtask conformance`.
//!
//! It is the harness, told what to do as a suite tells a client: the server's URL is the last
//! argument, all else is in the environment. It lists what there is, calls every tool, gets every
//! prompt, reads every resource, and answers what it is asked.
#![allow(deprecated, reason = "sampling and roots are deprecated, and suites ask for them")]

use std::env;

use mcp_core::{
    LATEST_VERSION,
    model::{CreateMessageResult, Root, SamplingMessage},
};
use mcp_testing::{Answer, Asked, Harness};
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = env::args().next_back().expect("the URL of a server is the last argument");
    let version = env::var("MCP_CONFORMANCE_PROTOCOL_VERSION");
    let connect = Harness::http(url);
    let is_modern = version.is_ok_and(|version| version == LATEST_VERSION);
    let mcp = if is_modern { connect } else { connect.legacy() }.await.answering(answer);

    let tools = mcp.list_tools().await;
    // A suite that wants certain calls says so.
    let context = env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_default();
    let context: Value = serde_json::from_str(&context).unwrap_or_default();
    let calls: Vec<(String, Value)> = match context["toolCalls"].as_array() {
        Some(calls) => calls.iter().map(wanted).collect(),
        None => tools
            .iter()
            .map(|tool| {
                let arguments = if tool.name == "json_schema_echo" {
                    // It wants to hear what the client was told of the tool beside it.
                    json!({ "schema": tools[0].input_schema })
                } else {
                    example(&Value::Object(Map::clone(&tool.input_schema)))
                };
                (tool.name.clone().into_owned(), arguments)
            })
            .collect(),
    };
    for (tool, arguments) in calls {
        // What the suite thinks of the call is not told here.
        if let Err(failure) = mcp.try_call(&tool, arguments).await {
            eprintln!("{tool}: {failure:?}");
        }
    }
    let capabilities = mcp.server_capabilities();
    if capabilities.prompts.is_some() {
        for prompt in mcp.list_prompts().await {
            let arguments = prompt.arguments.unwrap_or_default();
            let text = |name: String| (name, "text".into());
            let arguments = arguments.into_iter().map(|argument| text(argument.name)).collect();
            let _ = mcp.try_get_prompt(&prompt.name, Value::Object(arguments)).await;
        }
    }
    if capabilities.resources.is_some() {
        for resource in mcp.list_resources().await {
            let _ = mcp.try_read_resource(&resource.uri).await;
        }
    }
}

fn wanted(call: &Value) -> (String, Value) {
    (call["name"].as_str().unwrap_or_default().to_owned(), call["arguments"].clone())
}

/// A value that a schema allows, its default where it has one.
fn example(schema: &Value) -> Value {
    if let Some(default) = schema.get("default").or(schema["enum"].get(0)) {
        return default.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let properties = schema["properties"].as_object();
            let values = properties
                .into_iter()
                .flatten()
                .map(|(name, property)| (name.clone(), example(property)));
            Value::Object(values.collect())
        }
        Some("array") => json!([]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("null") => Value::Null,
        _ => json!("text"),
    }
}

fn answer(asked: Asked) -> Answer {
    match asked {
        Asked::Form { schema, .. } => Answer::Accept(example(&schema)),
        Asked::Url { .. } => Answer::Accept(Value::Null),
        Asked::Sample(_) => {
            let message = SamplingMessage::assistant_text("A short answer.");
            Answer::Sampled(Box::new(CreateMessageResult::new(message, "none".to_owned())))
        }
        Asked::Roots => Answer::Roots(vec![Root::new("file:///workspace")]),
        _ => Answer::Cancel,
    }
}
