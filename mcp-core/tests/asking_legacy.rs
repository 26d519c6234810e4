//! Calls that ask a legacy session, message by message.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` goes in by value")]
#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    Server, ServerBuilder, ToolContext, ToolPack, ToolResult,
    model::{CreateMessageRequestParams, SamplingMessage},
    tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};

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
    to_server: WriteHalf<DuplexStream>,
    from_server: Lines<BufReader<ReadHalf<DuplexStream>>>,
}

impl Client {
    async fn new(server: Server, capabilities: Value) -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let session = rmcp::service::serve_server(server.legacy_session(), theirs).await;
            let _ = session.unwrap().waiting().await;
        });
        let (from_server, to_server) = tokio::io::split(ours);
        let mut client = Self { to_server, from_server: BufReader::new(from_server).lines() };
        let params = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": { "name": "test", "version": "1" },
        });
        client.send(json!({ "id": 0, "method": "initialize", "params": params })).await;
        client.next().await;
        client.send(json!({ "method": "notifications/initialized" })).await;
        client
    }

    async fn send(&mut self, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        self.to_server.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Value {
        let line = self.from_server.next_line().await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
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
