//! A server whose tools do what a test of a transport needs, and messages for it.
//!
//! For the tests of this workspace. Tests of tools and of servers are what `mcp-testing` is for.

#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]
#![allow(clippy::missing_panics_doc, reason = "a failure is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and tests read better so")]

mod replica;
pub mod session_store;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mcp_core::{Principal, Server, ServerBuilder, ToolContext, ToolPack, ToolResult, tool};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use replica::{Answer, Replica, within};

/// What tests see of the tools, and tell them.
#[derive(Debug, Default)]
pub struct Stage {
    /// Lets calls of `wait` go on.
    pub gate: Notify,
    /// Calls of `wait` and `flood` that are under way.
    pub waiting: AtomicUsize,
    /// Cancelled by `stop`.
    pub stopped: CancellationToken,
    /// Progress that `flood` got rid of.
    pub sent: AtomicUsize,
}

/// Counts a call for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A form.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Name {
    name: String,
}

/// Asks for a name.
#[tool]
async fn ask(cx: &ToolContext) -> ToolResult<String> {
    let answer = cx.elicit::<Name>("What is your name?").await?;
    Ok(answer.accepted().map_or_else(|| "nobody".to_owned(), |form| form.name))
}

/// Waits, and then asks for a name.
#[tool]
async fn wait_and_ask(#[state] stage: &Arc<Stage>, cx: &ToolContext) -> ToolResult<String> {
    let waiting = Counted::new(&stage.waiting);
    stage.gate.notified().await;
    drop(waiting);
    let answer = cx.elicit::<Name>("What is your name?").await?;
    Ok(answer.accepted().map_or_else(|| "nobody".to_owned(), |form| form.name))
}

/// Says the same again.
#[tool]
pub async fn echo(
    /// What to say.
    text: String,
) -> String {
    text
}

/// Adds two integers.
#[tool]
pub async fn add(
    /// The first addend.
    a: i64,
    /// The second addend.
    b: i64,
) -> i64 {
    a + b
}

/// Waits until the test says so.
#[tool]
async fn wait(#[state] stage: &Arc<Stage>) -> String {
    let _counted = Counted::new(&stage.waiting);
    stage.gate.notified().await;
    "released".into()
}

/// Stops the server.
#[tool]
async fn stop(#[state] stage: &Arc<Stage>) -> String {
    stage.stopped.cancel();
    "stopped".into()
}

/// Reports progress.
#[tool]
async fn count(
    /// How many steps.
    n: u64,
    cx: &ToolContext,
) -> String {
    for step in 1..=n {
        cx.progress_of(step, n, format!("step {step}")).await;
    }
    "counted".into()
}

/// Reports progress without an end.
#[tool]
async fn flood(#[state] stage: &Arc<Stage>, cx: &ToolContext) -> String {
    let _counted = Counted::new(&stage.waiting);
    for step in 0.. {
        cx.progress(f64::from(step), "more").await;
        stage.sent.fetch_add(1, Ordering::SeqCst);
    }
    String::new()
}

/// Gives up its turn once, as a call does that waits for other work.
#[tool]
async fn yields(
    /// What to say then.
    text: String,
) -> String {
    tokio::task::yield_now().await;
    text
}

/// Makes a text.
#[tool]
async fn text_of(
    /// How many bytes.
    bytes: usize,
) -> String {
    "x".repeat(bytes)
}

/// Fails in the worst way.
#[tool]
pub async fn panics() -> String {
    panic!("as the test wants it")
}

/// Takes longer than it may.
#[tool(timeout = "20ms")]
async fn too_slow() -> String {
    std::future::pending().await
}

/// Names the caller.
#[tool]
pub async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or("nobody", Principal::subject).to_owned()
}

/// Prints to standard output, as does a child process.
#[tool]
#[allow(clippy::print_stdout, reason = "this is what is tested")]
async fn print() -> String {
    println!("printed by a tool");
    print!("without a line break");
    let child = tokio::task::spawn_blocking(|| {
        std::process::Command::new("sh")
            .args(["-c", "echo printed by a child; wc -c"])
            .status()
            .unwrap()
    });
    child.await.unwrap().to_string()
}

/// The server with all of the tools.
pub fn server(stage: &Arc<Stage>) -> Server {
    builder(stage).build()
}

/// The server with all of the tools, for more to be added.
pub fn builder(stage: &Arc<Stage>) -> ServerBuilder {
    let pack = ToolPack::new("stage", Arc::clone(stage))
        .tool::<wait>()
        .tool::<flood>()
        .tool::<stop>()
        .tool::<wait_and_ask>();
    Server::builder("stage", "4.2")
        .tool::<echo>()
        .tool::<add>()
        .tool::<count>()
        .tool::<yields>()
        .tool::<text_of>()
        .tool::<panics>()
        .tool::<too_slow>()
        .tool::<print>()
        .tool::<ask>()
        .tool::<whoami>()
        .pack(pack)
}

/// The `_meta` of a modern request.
pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// A modern call.
pub fn modern(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id.into(),
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": meta()},
    })
}

/// A legacy call.
pub fn legacy(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id.into(),
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    })
}

/// A call of either era that asks for progress.
pub fn with_progress(mut call: Value, token: impl Into<Value>) -> Value {
    call["params"]["_meta"]["progressToken"] = token.into();
    call
}

/// The request that opens a legacy session.
pub fn initialize(id: impl Into<Value>, version: &str) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": id.into(),
        "method": "initialize",
        "params": {
            "protocolVersion": version,
            "capabilities": {"elicitation": {}},
            "clientInfo": {"name": "test", "version": "1"},
        },
    })
}

/// What a client says once its session is open.
pub fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// What cancels a request.
pub fn cancelled(id: impl Into<Value>) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": id.into(), "reason": "the test wants it"},
    })
}

/// The text of a tool's answer.
#[track_caller]
pub fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text: {answer}"))
}

/// The code of an error response.
#[track_caller]
pub fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"))
}
