//! The operator's view: one line for each call, and never what is in its arguments.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt,
    future::{Future, pending, ready},
    sync::Once,
};

use mcp_core::{
    Contents, Principal, ReadResource, Resource, ResourceTemplate, Server, ToolContext, ToolError,
    ToolErrorKind, ToolResult, prompt, tool,
};
use serde_json::{Value, json};
use tokio::task::yield_now;
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt as _, registry};

use crate::support::{call, gather, modern, modern_call, request, send};

const SECRET: &str = "hunter2";

/// Answers.
#[tool]
async fn answer(text: String) -> usize {
    yield_now().await;
    text.len()
}

/// Fails.
#[tool]
async fn fail(text: String) -> ToolResult<()> {
    Err(ToolError::new(ToolErrorKind::NotFound, format!("no {text}")))
}

/// Fails because of something else.
#[tool]
async fn fail_inside(text: String) -> ToolResult<usize> {
    Ok(text.len() + "many".parse::<usize>()?)
}

/// Panics.
#[tool]
async fn panic(text: String) -> usize {
    assert!(text.is_empty(), "not empty");
    0
}

/// Never ends.
#[tool(timeout = "1s", scopes = ["hang"])]
async fn hang(_text: String) {
    pending::<()>().await;
}

/// A form.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[allow(dead_code, reason = "only its schema matters")]
struct Form {
    text: String,
}

/// Asks.
#[tool]
async fn ask(cx: &ToolContext, text: String) -> ToolResult<String> {
    let answer = cx.elicit::<Form>(text).await?;
    Ok(format!("{}", answer.accepted().is_some()))
}

fn server() -> Server {
    Server::builder("test", "1")
        .tool::<answer>()
        .tool::<fail>()
        .tool::<fail_inside>()
        .tool::<panic>()
        .tool::<hang>()
        .tool::<ask>()
        .build()
}

type Line = BTreeMap<String, String>;

thread_local!(static LINES: RefCell<Vec<(Level, Line)>> = const { RefCell::new(Vec::new()) });

/// Collects what is logged on each thread, and so in each test. There is one for all: those of a
/// single thread can miss what another thread has looked at first.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Fields(Line);

        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                self.0.insert(field.name().to_owned(), format!("{value:?}"));
            }

            fn record_str(&mut self, field: &Field, value: &str) {
                self.0.insert(field.name().to_owned(), value.to_owned());
            }
        }

        if event.metadata().target().starts_with("mcp_core") {
            let mut fields = Fields(Line::new());
            event.record(&mut fields);
            LINES.with_borrow_mut(|lines| lines.push((*event.metadata().level(), fields.0)));
        }
    }
}

/// What is logged while a future runs on this thread.
async fn logged(work: impl Future) -> Vec<(Level, Line)> {
    static COLLECT: Once = Once::new();
    COLLECT.call_once(|| tracing::subscriber::set_global_default(registry().with(Lines)).unwrap());
    LINES.take();
    work.await;
    let lines = LINES.take();
    for (_, line) in &lines {
        assert!(!line.values().any(|value| value.contains(SECRET)), "{line:?}");
    }
    lines
}

#[track_caller]
fn assert_call(lines: &[(Level, Line)], tool: &str, outcome: &str) {
    let calls: Vec<_> = lines.iter().filter(|(level, _)| *level == Level::INFO).collect();
    let [(_, line)] = calls.as_slice() else { panic!("not one line: {lines:?}") };
    let fields: Vec<_> = line.keys().map(String::as_str).collect();
    assert_eq!(fields, ["duration_ms", "message", "outcome", "request_id", "tool"]);
    assert_eq!((line["tool"].as_str(), line["outcome"].as_str()), (tool, outcome));
    assert_eq!((line["message"].as_str(), line["request_id"].as_str()), ("call", "1"));
    assert!(line["duration_ms"].parse::<f64>().unwrap() >= 0.0);
}

fn secret() -> Value {
    json!({ "text": SECRET })
}

#[tokio::test]
async fn every_call_has_one_line_with_its_outcome() {
    let server = server();
    for (tool, arguments, outcome, others) in [
        ("answer", secret(), "ok", 0),
        ("answer", json!({ "text": [SECRET] }), "invalid_arguments", 0),
        ("answer", json!([SECRET]), "malformed", 0),
        ("fail", secret(), "not_found", 0),
        ("fail_inside", secret(), "internal", 1),
        ("panic", secret(), "panic", 1),
    ] {
        let lines = logged(call(&server, tool, arguments)).await;
        assert_call(&lines, tool, outcome);
        assert_eq!(lines.len(), 1 + others, "{lines:?}");
    }
}

#[tokio::test]
async fn a_call_that_asks_has_a_line_for_each_round() {
    let server = server();
    let with = |capabilities: Value, state: &Value, responses: &Value| {
        modern(
            "tools/call",
            json!({
                "name": "ask",
                "arguments": secret(),
                "inputResponses": responses,
                "requestState": state,
                "_meta": { "io.modelcontextprotocol/clientCapabilities": capabilities },
            }),
        )
    };
    let form = json!({ "elicitation": {} });
    let asked = send(&server, with(form.clone(), &Value::Null, &Value::Null)).await.result;
    let state = &asked["requestState"];
    let key = asked["inputRequests"].as_object().unwrap().keys().next().unwrap();
    let accepted = json!({ (key.clone()): { "action": "accept", "content": { "text": SECRET } } });
    let malformed = json!({ (key.clone()): SECRET });
    for (text, outcome) in [
        (with(form.clone(), &Value::Null, &Value::Null), "input_required"),
        (with(form.clone(), state, &accepted), "ok"),
        (with(form.clone(), state, &malformed), "malformed"),
        (with(form, &SECRET.into(), &accepted), "malformed"),
        (with(json!({}), state, &accepted), "client_lacks_capability"),
    ] {
        let lines = logged(send(&server, text)).await;
        assert_call(&lines, "ask", outcome);
        assert_eq!(lines.len(), 1, "{lines:?}");
    }
}

#[tokio::test]
async fn what_the_client_is_not_told_is_told_here() {
    let lines = logged(call(&server(), "fail_inside", secret())).await;
    let (level, line) = &lines[0];
    assert_eq!((*level, line["message"].as_str()), (Level::ERROR, "a tool failed"));
    assert_eq!((line["tool"].as_str(), line["pack"].as_str()), ("fail_inside", "test"));
    assert!(line["error"].contains("invalid digit"), "{line:?}");

    let lines = logged(call(&server(), "panic", secret())).await;
    let (level, line) = &lines[0];
    assert_eq!((*level, line["message"].as_str()), (Level::ERROR, "a tool panicked"));
    assert_eq!((line["tool"].as_str(), line["panic"].as_str()), ("panic", "not empty"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_an_outcome() {
    let lines = logged(call(&server(), "hang", secret())).await;
    assert_call(&lines, "hang", "deadline_exceeded");
    assert_eq!(lines[0].1["duration_ms"].parse::<f64>().unwrap(), 1000.0);
}

#[tokio::test]
async fn a_cancelled_call_has_its_line_too() {
    let server = server();
    let lines = logged(async {
        let mut reply = server.call(request(modern_call("hang", secret())));
        tokio::select! {
            biased;
            part = reply.next() => panic!("{part:?}"),
            () = ready(()) => {}
        }
    })
    .await;
    assert_call(&lines, "hang", "cancelled");
}

#[tokio::test]
async fn a_call_that_the_caller_may_not_make_has_its_line_too() {
    let mut request = request(modern_call("hang", secret()));
    request.extensions_mut().insert(Principal::new("ada", ["read"]));
    let lines = logged(async { gather(server().call(request)).await }).await;
    assert_call(&lines, "hang", "forbidden");
}

#[tokio::test]
async fn what_calls_no_tool_has_no_line() {
    let server = server();
    let lines = logged(async {
        call(&server, SECRET, secret()).await;
        send(&server, modern("tools/list", json!({}))).await;
        send(&server, modern(SECRET, json!({}))).await;
        send(&server, format!("{{{SECRET}")).await;
    })
    .await;
    assert_eq!(lines.len(), 0, "{lines:?}");
}

/// Fails, panics, or is read.
#[derive(ResourceTemplate)]
#[resource(uri = "test://{how}/{secret}")]
struct Page {
    how: String,
    secret: String,
}

impl ReadResource<()> for Page {
    async fn read(self, (): &(), _: &ToolContext) -> ToolResult<Contents> {
        match self.how.as_str() {
            "fail" => Err("x".parse::<i32>().unwrap_err())?,
            "panic" => panic!("not empty"),
            _ => Ok(Contents::text(self.secret)),
        }
    }
}

/// Greets someone.
#[prompt]
async fn greet(#[prompt(values = ["Ada"])] name: String) -> String {
    name
}

#[tokio::test]
async fn resources_and_prompts_have_their_lines_without_any_value() {
    let server = Server::builder("test", "1")
        .template::<Page>()
        .resource(Resource::text("test://known", "known", SECRET))
        .prompt::<greet>()
        .build();
    let read = |uri: String| ("resources/read", json!({ "uri": uri }));
    let page = "test://{how}/{secret}";
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let typed = json!({ "name": "name", "value": SECRET });
    for ((method, params), verb, kind, name, outcome) in [
        (read(format!("test://read/{SECRET}")), "read", "resource", page, "ok"),
        (read(format!("test://fail/{SECRET}")), "read", "resource", page, "internal"),
        (read(format!("test://panic/{SECRET}")), "read", "resource", page, "panic"),
        (read("test://known".into()), "read", "resource", "test://known", "ok"),
        (
            ("prompts/get", json!({ "name": "greet", "arguments": { "name": SECRET } })),
            "get",
            "prompt",
            "greet",
            "ok",
        ),
        (
            ("prompts/get", json!({ "name": "greet", "arguments": { SECRET: SECRET } })),
            "get",
            "prompt",
            "greet",
            "malformed",
        ),
        (
            ("completion/complete", json!({ "ref": reference, "argument": typed })),
            "complete",
            "prompt",
            "greet",
            "ok",
        ),
    ] {
        let lines = logged(send(&server, modern(method, params))).await;
        let (_, line) = lines.last().unwrap();
        assert_eq!((line["message"].as_str(), line[kind].as_str()), (verb, name));
        assert_eq!(line["outcome"], outcome);
        if lines.len() == 2 {
            let told = lines[0].1["message"].as_str();
            let expected = if outcome == "panic" { "panicked" } else { "failed" };
            assert_eq!((lines[0].0, told), (Level::ERROR, &*format!("a {kind} {expected}")));
        }
    }
}

#[tokio::test]
async fn an_error_of_a_layer_is_told_here() {
    let layer = tower::util::MapErrLayer::new(|error: mcp_core::BoxError| error);
    let failing = tower::layer::layer_fn(|_| {
        tower::service_fn(|_: mcp_core::Request| {
            ready(Err::<mcp_core::Response, mcp_core::BoxError>("the disk is full".into()))
        })
    });
    let server = Server::builder("test", "1").tool::<answer>().layer(layer).layer(failing).build();
    let lines = logged(call(&server, "answer", secret())).await;
    let [(level, line)] = lines.as_slice() else { panic!("not one line: {lines:?}") };
    assert_eq!((*level, line["message"].as_str()), (Level::ERROR, "a layer failed"));
    assert!(line["error"].contains("the disk is full"));
}

#[tokio::test]
async fn a_call_in_a_trace_says_where_it_stands() {
    let server = server();
    let trace = |meta: Value| {
        let params = json!({ "name": "answer", "arguments": secret(), "_meta": meta });
        send(&server, modern("tools/call", params))
    };
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let lines = logged(trace(json!({ "traceparent": parent }))).await;
    let (_, line) = &lines[0];
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(line["parent_span_id"], "b7ad6b7169203331");
    assert_eq!(line["span_id"].len(), 16);
    assert_ne!(line["span_id"], line["parent_span_id"]);
    for invalid in [json!("00-nonsense"), json!(7), Value::Null] {
        assert_call(&logged(trace(json!({ "traceparent": invalid }))).await, "answer", "ok");
    }
}
