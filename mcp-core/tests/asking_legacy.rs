//! Calls that ask a legacy session, message by message.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` goes in by value")]
#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures_core::Stream as _;
use mcp_core::{
    LegacySession, Message, Reply, ReplyPart, Request, Server, ServerBuilder, ToolContext,
    ToolPack, ToolResult,
    model::{CreateMessageRequestParams, SamplingMessage},
    tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// Asks for a name.
#[tool]
async fn greet(cx: &ToolContext) -> ToolResult<String> {
    Ok(format!("{:?}", cx.elicit::<Name>("Name?").await?.accepted().map(|form| form.name)))
}

/// Asks to visit a page.
#[tool]
async fn pay(cx: &ToolContext) -> ToolResult<String> {
    Ok(format!("{:?}", cx.elicit_url("Pay", "https://example.com/pay").await?))
}

/// Asks the model and the client.
#[tool]
async fn ask_others(cx: &ToolContext) -> ToolResult<String> {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("Hi")], 10);
    let (message, roots) = tokio::try_join!(cx.sample(params), cx.roots())?;
    Ok(format!("{} {}", message.model, roots[0].uri))
}

/// Asks for a name and then works for some seconds.
#[tool(timeout = "10s")]
async fn work(cx: &ToolContext, before: u64, after: u64) -> ToolResult<String> {
    tokio::time::sleep(Duration::from_secs(before)).await;
    let name = cx.elicit::<Name>("Name?").await?.accepted();
    tokio::time::sleep(Duration::from_secs(after)).await;
    Ok(name.map_or_else(String::new, |form| form.name))
}

/// Takes steps and asks.
#[tool]
async fn steps(#[state] count: &Arc<AtomicUsize>, cx: &ToolContext) -> ToolResult<String> {
    let first = cx.step("count", async { Ok(count.fetch_add(1, Ordering::SeqCst)) }).await?;
    let _ = cx.elicit::<Name>("Name?").await?;
    let inside = cx
        .step("ask", async {
            let _ = cx.elicit::<Name>("Name?").await?;
            Ok(())
        })
        .await;
    Ok(format!("{first} {}", inside.is_err()))
}

fn builder() -> ServerBuilder {
    Server::builder("asking", "1")
        .tool::<greet>()
        .tool::<pay>()
        .tool::<ask_others>()
        .tool::<work>()
        .pack(ToolPack::new("count", Arc::<AtomicUsize>::default()).tool::<steps>())
}

struct Client {
    session: LegacySession,
    replies: Vec<Reply>,
}

fn parse(mut message: Value) -> Message {
    message["jsonrpc"] = "2.0".into();
    Message::parse(message.to_string()).unwrap()
}

fn request(message: Value) -> Request {
    match parse(message) {
        Message::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

impl Client {
    async fn new(server: Server, capabilities: Value) -> Self {
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        let initialize = request(json!({ "id": 0, "method": "initialize", "params": params }));
        let session = server.open_session(&initialize).unwrap();
        let replies = vec![session.call(initialize)];
        let mut client = Self { session, replies };
        assert_eq!(client.next().await["result"]["protocolVersion"], "2025-11-25");
        client
    }

    async fn send(&mut self, message: Value) {
        match parse(message) {
            Message::Request(request) => self.replies.push(self.session.call(request)),
            Message::Response(response) => assert!(self.session.accept(&response)),
            other => panic!("{other:?}"),
        }
    }

    async fn next(&mut self) -> Value {
        let part = poll_fn(|cx| {
            let ready =
                self.replies.iter_mut().find_map(|reply| match Pin::new(reply).poll_next(cx) {
                    Poll::Ready(part) => part,
                    Poll::Pending => None,
                });
            ready.map_or(Poll::Pending, Poll::Ready)
        });
        let text = match part.await {
            ReplyPart::Request(request) => request,
            ReplyPart::Response(response) => response.into_bytes(),
            other => panic!("{other:?}"),
        };
        serde_json::from_slice(&text).unwrap()
    }

    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.send(json!({ "id": 1, "method": "tools/call", "params": params })).await;
        self.next().await
    }

    async fn answer(&mut self, question: &Value, result: Value) -> Value {
        self.send(json!({ "id": question["id"], "result": result })).await;
        self.next().await
    }
}

fn all() -> Value {
    json!({ "elicitation": { "form": {}, "url": {} }, "sampling": {}, "roots": {} })
}

#[track_caller]
fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[track_caller]
fn failure(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    text(answer)
}

fn validate(definition: &str, value: &Value) {
    let mut schema: Value = serde_json::from_str(include_str!("schema/2025-11-25.json")).unwrap();
    assert!(schema["$defs"][definition].is_object());
    schema["$ref"] = format!("#/$defs/{definition}").into();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{definition}: {faults:?}: {value:#}");
}

#[tokio::test]
async fn a_question_is_a_request_of_the_session() {
    let mut client = Client::new(builder().build(), all()).await;
    for (result, outcome) in [
        (json!({ "action": "accept", "content": { "name": "Ada" } }), r#"Some("Ada")"#),
        (json!({ "action": "decline" }), "None"),
        (json!({ "action": "cancel" }), "None"),
    ] {
        let question = client.call("greet", json!({})).await;
        validate("ElicitRequest", &question);
        assert_eq!(text(&client.answer(&question, result).await), outcome);
    }
    let page = client.call("pay", json!({})).await;
    validate("ElicitRequest", &page);
    let other = client.call("pay", json!({})).await;
    assert_ne!(page["params"]["elicitationId"], other["params"]["elicitationId"]);
    let accepted = client.answer(&page, json!({ "action": "accept" })).await;
    assert_eq!(text(&accepted), "Accepted(())");
}

#[tokio::test]
async fn models_and_clients_are_asked_at_once() {
    let mut client = Client::new(builder().build(), all()).await;
    let mut questions = [client.call("ask_others", json!({})).await, client.next().await];
    questions.sort_by_key(|question| question["method"].to_string());
    validate("ListRootsRequest", &questions[0]);
    validate("CreateMessageRequest", &questions[1]);
    let roots = json!({ "roots": [{ "uri": "file:///home" }] });
    client.send(json!({ "id": questions[0]["id"], "result": roots })).await;
    let message = json!({
        "role": "assistant",
        "content": { "type": "text", "text": "Hello" },
        "model": "m",
    });
    assert_eq!(text(&client.answer(&questions[1], message).await), "m file:///home");
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_gives_a_tool_error() {
    for (tool, capabilities, missing) in [
        ("greet", json!({}), "elicitation.form"),
        ("greet", json!({ "elicitation": { "url": {} } }), "elicitation.form"),
        ("pay", json!({ "elicitation": {} }), "elicitation.url"),
        ("ask_others", json!({ "roots": {} }), "sampling"),
    ] {
        let mut client = Client::new(builder().build(), capabilities).await;
        let answer = client.call(tool, json!({})).await;
        assert!(failure(&answer).contains(&format!("`{missing}`")), "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_is_a_tool_error() {
    let mut client = Client::new(builder().build(), all()).await;
    for result in [
        json!({ "action": "accept", "content": { "name": 1 } }),
        json!({ "action": "accept" }),
        json!({ "roots": [] }),
        json!({}),
    ] {
        let question = client.call("greet", json!({})).await;
        let answer = client.answer(&question, result).await;
        assert!(failure(&answer).starts_with("the client's answer is none"), "{answer}");
    }
    let question = client.call("greet", json!({})).await;
    let error = json!({ "code": -32603, "message": "no window" });
    client.send(json!({ "id": question["id"], "error": error })).await;
    assert_eq!(failure(&client.next().await), "the client failed to ask");
}

#[tokio::test(start_paused = true)]
async fn a_persons_time_is_not_the_tools() {
    let mut client = Client::new(builder().build(), all()).await;
    let accepted = json!({ "action": "accept", "content": { "name": "Ada" } });
    for (before, thinking, after, name) in [
        (0, 25, 9, Some("Ada")),
        (9, 95, 9, Some("Ada")),
        (0, 1, 11, None),
        (0, 25, 11, None),
        (11, 0, 0, None),
    ] {
        let message = client.call("work", json!({ "before": before, "after": after })).await;
        let answer = if message["method"].is_null() {
            message
        } else {
            tokio::time::sleep(Duration::from_secs(thinking)).await;
            client.answer(&message, accepted.clone()).await
        };
        match name {
            Some(name) => assert_eq!(text(&answer), name),
            None => assert_eq!(answer["error"]["code"], -31504, "{before} {thinking} {after}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_does_not_stay_open_for_ever() {
    let server = builder().answer_within(Duration::from_secs(120)).build();
    let mut client = Client::new(server, all()).await;
    let question = client.call("greet", json!({})).await;
    let mut rest = [client.next().await, client.next().await];
    rest.sort_by_key(|message| message["id"].is_null());
    assert_eq!(failure(&rest[0]), "the client did not answer in time");
    assert_eq!(rest[1]["method"], "notifications/cancelled");
    assert_eq!(rest[1]["params"]["requestId"], question["id"]);
}

#[tokio::test]
async fn a_step_is_taken_and_must_not_ask() {
    let mut client = Client::new(builder().build(), all()).await;
    let question = client.call("steps", json!({})).await;
    let answer = client.answer(&question, json!({ "action": "decline" })).await;
    assert_eq!(text(&answer), "0 true");
}
