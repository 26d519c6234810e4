//! How often an invocation copies what it brings. Alone in its binary, which counts all allocations.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::hint::black_box;

use lambda_runtime::{Context, FunctionResponse, LambdaEvent};
use mcp_core::{Server, tool};
use mcp_transport_lambda::{Function, HttpConfig, LambdaConfig};
use serde_json::{Value, json, value::to_raw_value};

/// Tells how long a text is.
#[tool]
async fn measure(text: String) -> usize {
    text.len()
}

/// A text of so many bytes.
#[tool]
async fn make(length: usize) -> String {
    "x".repeat(length)
}

const LARGE: usize = 1 << 19;

/// The events that bring this message: from a Function URL, a REST API, a load balancer, and directly.
fn events(message: &Value) -> [(&'static str, Value); 4] {
    let body = message.to_string();
    let headers = json!({
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    });
    let url = json!({
        "version": "2.0",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "domainName": "id.lambda-url.us-east-1.on.aws",
            "stage": "$default",
            "http": { "method": "POST", "path": "/mcp" },
        },
        "body": body,
        "isBase64Encoded": false,
    });
    let rest = json!({
        "httpMethod": "POST",
        "path": "/mcp",
        "headers": headers,
        "multiValueHeaders": null,
        "requestContext": { "stage": "v1", "identity": {} },
        "body": body,
        "isBase64Encoded": false,
    });
    let alb = json!({
        "httpMethod": "POST",
        "path": "/mcp",
        "headers": headers,
        "requestContext": { "elb": { "targetGroupArn": "arn" } },
        "body": body,
        "isBase64Encoded": false,
    });
    [
        ("a Function URL", url),
        ("a REST API", rest),
        ("a load balancer", alb),
        ("an invoke", message.clone()),
    ]
}

/// How many times the large text the invocation allocates, from the event's text to the reply's.
fn copies(function: &Function, event: &Value) -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let event = to_raw_value(event).unwrap();
    let answer = |event| {
        let event = LambdaEvent::new(event, Context::default());
        let answer = runtime.block_on(function.answer(event));
        let FunctionResponse::BufferedResponse(payload) = answer.unwrap() else {
            panic!("a stream")
        };
        let mut reply = Vec::with_capacity(0);
        serde_json::to_writer(&mut reply, &payload).unwrap();
        assert!(!String::from_utf8_lossy(&reply).contains("isError\\\":true"), "it has failed");
        black_box(reply);
    };
    answer(event.clone());
    let mut event = Some(event);
    let counted = allocation_counter::measure(|| answer(event.take().unwrap()));
    counted.bytes_total as f64 / LARGE as f64
}

#[test]
fn a_large_body_is_copied_few_times() {
    let server = Server::builder("test", "1").tool::<measure>().tool::<make>().build();
    let config = LambdaConfig::new(HttpConfig::new()).allow_anonymous(true);
    let function = Function::new(server, config);
    let call = |tool: &str, arguments: Value| {
        json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": tool, "arguments": arguments },
        })
    };
    // A string with escapes, as the body in an event is one, is read into a buffer that doubles, and copied
    // out of it; the argument is taken out of that once more.
    let brought = events(&call("measure", json!({ "text": "x".repeat(LARGE) })));
    for ((name, event), most) in brought.into_iter().zip([5.1, 5.1, 5.1, 2.1]) {
        let copies = copies(&function, &event);
        assert!(copies <= most, "what comes in from {name} is copied {copies:.2} times");
    }
    // The text itself, the message that it is written into, and the reply, whose buffer doubles.
    let taken = events(&call("make", json!({ "length": LARGE })));
    for ((name, event), most) in taken.into_iter().zip([5.2, 5.2, 5.2, 3.2]) {
        let copies = copies(&function, &event);
        assert!(copies <= most, "what goes out to {name} is copied {copies:.2} times");
    }
}
