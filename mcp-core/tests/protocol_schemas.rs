//! Every result and every notification, in every version of the protocol, against the schema that
//! the specification publishes for that version.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` goes in by value")]
#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

mod support;

use std::{future::poll_fn, pin::Pin, task::Poll};

use futures_core::Stream as _;
use jsonschema::Validator;
use mcp_core::{
    CallResult, Completing, Contents, DynamicPrompts, DynamicResources, DynamicTools, GetPrompt,
    LegacySession, LogLevel, Message, Prompt, PromptMessages, ReadResource, Reply, ReplyPart,
    Resource, ResourceTemplate, Server, ToolContext, ToolPack, ToolResult,
    apps::App,
    content,
    model::{CreateMessageRequestParams, SamplingMessage},
    tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::{modern, request};

const ICON: &str = "https://example.com/icon.png";

/// The schemas of a version.
struct Schema {
    document: Value,
    definitions: &'static str,
}

impl Schema {
    fn of(version: &str) -> Self {
        let (text, definitions) = match version {
            "2024-11-05" => (include_str!("schema/2024-11-05.json"), "definitions"),
            "2025-03-26" => (include_str!("schema/2025-03-26.json"), "definitions"),
            "2025-06-18" => (include_str!("schema/2025-06-18.json"), "definitions"),
            "2025-11-25" => (include_str!("schema/2025-11-25.json"), "$defs"),
            _ => (include_str!("schema/2026-07-28.json"), "$defs"),
        };
        Self { document: serde_json::from_str(text).unwrap(), definitions }
    }

    fn has(&self, name: &str) -> bool {
        self.document[self.definitions][name].is_object()
    }

    fn validator(&self, name: &str) -> Validator {
        assert!(self.has(name), "no definition {name}");
        let mut schema = self.document.clone();
        schema["$ref"] = format!("#/{}/{name}", self.definitions).into();
        jsonschema::validator_for(&schema).unwrap()
    }

    #[track_caller]
    fn check(&self, name: &str, value: &Value) {
        let validator = self.validator(name);
        let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "no {name}: {errors:#?}\n{value:#}");
    }
}

#[derive(Serialize, JsonSchema)]
struct Sum {
    /// The sum.
    sum: i64,
}

/// Adds two integers, and tells of it.
#[tool(title = "Addition", read_only, idempotent, icons = ["https://example.com/icon.png"])]
async fn add(a: i64, b: i64, cx: &ToolContext) -> Sum {
    cx.log(LogLevel::Info, json!({ "adding": [a, b] })).await;
    cx.progress_of(1, 2, "adding").await;
    Sum { sum: a + b }
}

/// Answers a number alone.
#[tool]
async fn number() -> u64 {
    7
}

/// Answers content of every kind.
#[tool]
async fn every_kind() -> CallResult {
    CallResult::text("text")
        .with_content(content::image(b"image", "image/png"))
        .with_content(content::audio(b"audio", "audio/wav"))
        .with_content(content::link("test://text", "text"))
        .with_content(content::embedded_text("test://text", "text/plain", "text"))
        .with_content(content::embedded_blob("test://blob", "image/png", b"blob"))
}

/// Fails.
#[tool]
async fn fail() -> ToolResult<String> {
    Err(mcp_core::ToolError::new(mcp_core::ToolErrorKind::NotFound, "there is no such thing"))
}

/// Has an app.
#[tool(ui = "ui://test/app")]
async fn shown() -> &'static str {
    "shown"
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    /// The name.
    name: String,
}

/// Asks for a name.
#[tool]
async fn ask(cx: &ToolContext) -> ToolResult<String> {
    Ok(cx.elicit::<Name>("Name?").await?.accepted().map_or_else(String::new, |form| form.name))
}

/// Asks the model and the client.
#[tool]
async fn ask_others(cx: &ToolContext) -> ToolResult<String> {
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("Hi")], 10);
    let message = cx.sample(params).await?;
    let roots = cx.roots().await?;
    Ok(format!("{} {}", message.model, roots[0].uri))
}

/// Takes a while.
#[tool(task)]
async fn slow() -> &'static str {
    "done"
}

/// Greets someone.
#[derive(Debug, Prompt)]
#[prompt(title = "Greeting", icons = ["https://example.com/icon.png"])]
struct Greet {
    /// Whom.
    #[prompt(complete)]
    name: String,
}

impl GetPrompt<()> for Greet {
    async fn get(self, (): &(), _: &ToolContext) -> ToolResult<PromptMessages> {
        Ok(PromptMessages::new()
            .user(format!("Greet {}.", self.name))
            .assistant("Hello.")
            .user(content::audio(b"audio", "audio/wav"))
            .user(content::link("test://text", "text")))
    }

    async fn complete(_: &Completing, (): &(), _: &ToolContext) -> ToolResult<Vec<String>> {
        Ok(vec!["Ada".to_owned()])
    }
}

/// A thing by its number.
#[derive(Debug, ResourceTemplate)]
#[resource(uri = "test://thing/{number}", mime_type = "text/plain", title = "Thing")]
struct Thing {
    #[resource(values = ["1", "2"])]
    number: u32,
}

impl ReadResource<()> for Thing {
    async fn read(self, (): &(), _: &ToolContext) -> ToolResult<Contents> {
        Ok(Contents::text(self.number.to_string()))
    }
}

/// A server with all that there is.
fn server() -> Server {
    Server::builder("test", "1")
        .title("Test")
        .instructions("Test it.")
        .tool::<add>()
        .tool::<number>()
        .tool::<every_kind>()
        .tool::<fail>()
        .tool::<shown>()
        .tool::<ask>()
        .tool::<ask_others>()
        .tool::<slow>()
        .app(App::new("ui://test/app", "app", "<!doctype html>").prefers_border(true))
        .resource(
            Resource::text("test://text", "text", "text")
                .title("Text")
                .description("A text.")
                .mime_type("text/plain")
                .icons(&[ICON]),
        )
        .resource(Resource::blob("test://blob", "blob", &b"blob"[..]))
        .pack(ToolPack::new("more", ()).template::<Thing>().prompt::<Greet>())
        .dynamic_tools(&DynamicTools::new())
        .dynamic_prompts(&DynamicPrompts::new())
        .dynamic_resources(&DynamicResources::new())
        .page_size(4)
        .build()
}

/// What is asked in every version, with the name of its result.
fn requests() -> Vec<(&'static str, Value, &'static str)> {
    let call = |tool: &str, arguments: Value| json!({ "name": tool, "arguments": arguments });
    let complete = |reference: Value, argument: &str| json!({ "ref": reference, "argument": { "name": argument, "value": "" } });
    let prompt = json!({ "type": "ref/prompt", "name": "greet" });
    let resource = json!({ "type": "ref/resource", "uri": "test://thing/{number}" });
    vec![
        ("tools/list", json!({}), "ListToolsResult"),
        ("resources/list", json!({}), "ListResourcesResult"),
        ("resources/templates/list", json!({}), "ListResourceTemplatesResult"),
        ("prompts/list", json!({}), "ListPromptsResult"),
        ("tools/call", call("add", json!({ "a": 1, "b": 2 })), "CallToolResult"),
        ("tools/call", call("number", json!({})), "CallToolResult"),
        ("tools/call", call("every_kind", json!({})), "CallToolResult"),
        ("tools/call", call("fail", json!({})), "CallToolResult"),
        ("tools/call", call("add", json!({ "a": "one" })), "CallToolResult"),
        ("tools/call", call("slow", json!({})), "CallToolResult"),
        ("resources/read", json!({ "uri": "test://text" }), "ReadResourceResult"),
        ("resources/read", json!({ "uri": "test://blob" }), "ReadResourceResult"),
        ("resources/read", json!({ "uri": "test://thing/2" }), "ReadResourceResult"),
        ("resources/read", json!({ "uri": "ui://test/app" }), "ReadResourceResult"),
        (
            "prompts/get",
            json!({ "name": "greet", "arguments": { "name": "Ada" } }),
            "GetPromptResult",
        ),
        ("completion/complete", complete(prompt, "name"), "CompleteResult"),
        ("completion/complete", complete(resource, "number"), "CompleteResult"),
    ]
}

/// The name of a notification's definition.
fn notification(method: &str) -> &'static str {
    match method {
        "notifications/message" => "LoggingMessageNotification",
        "notifications/progress" => "ProgressNotification",
        "notifications/tools/list_changed" => "ToolListChangedNotification",
        "notifications/prompts/list_changed" => "PromptListChangedNotification",
        "notifications/resources/list_changed" => "ResourceListChangedNotification",
        "notifications/resources/updated" => "ResourceUpdatedNotification",
        "notifications/subscriptions/acknowledged" => "SubscriptionsAcknowledgedNotification",
        other => panic!("what is {other}?"),
    }
}

struct Client {
    schema: Schema,
    session: LegacySession,
    reply: Option<Reply>,
    /// The methods of what the server has said by itself.
    heard: Vec<String>,
}

fn parse(mut message: Value) -> Message {
    message["jsonrpc"] = "2.0".into();
    Message::parse(message.to_string()).unwrap()
}

impl Client {
    fn new(server: &Server, version: &str, initialize: Value) -> Self {
        let message = json!({ "id": 1, "method": "initialize", "params": initialize });
        let Message::Request(initialize) = parse(message) else { unreachable!() };
        let session = server.open_session(&initialize).unwrap();
        Self { schema: Schema::of(version), session, reply: None, heard: Vec::new() }
    }

    fn send(&mut self, message: Value) {
        match parse(message) {
            Message::Request(request) => self.reply = Some(self.session.call(request)),
            Message::Response(response) => assert!(self.session.accept(&response)),
            other => panic!("{other:?}"),
        }
    }

    /// The next message, which is an answer unless it is a notification or a question.
    async fn next(&mut self) -> Value {
        let text = poll_fn(|cx| {
            if let Some(reply) = &mut self.reply
                && let Poll::Ready(Some(part)) = Pin::new(reply).poll_next(cx)
            {
                return Poll::Ready(match part {
                    ReplyPart::Notification(notification) => notification.to_bytes(),
                    ReplyPart::Request(request) => request.to_vec(),
                    ReplyPart::Response(response) => response.into_bytes().to_vec(),
                    other => panic!("{other:?}"),
                });
            }
            self.session.poll_notification(cx).map(|told| told.to_vec())
        });
        let message: Value = serde_json::from_slice(&text.await).unwrap();
        self.schema.check("JSONRPCMessage", &message);
        let Some(method) = message["method"].as_str() else { return message };
        self.heard.push(method.to_owned());
        let answer = match method {
            "elicitation/create" => {
                self.schema.check("ElicitRequest", &message);
                json!({ "action": "accept", "content": { "name": "Ada" } })
            }
            "sampling/createMessage" => {
                self.schema.check("CreateMessageRequest", &message);
                let content = json!({ "type": "text", "text": "Hi" });
                json!({ "role": "assistant", "content": content, "model": "none" })
            }
            "roots/list" => {
                self.schema.check("ListRootsRequest", &message);
                json!({ "roots": [{ "uri": "file:///" }] })
            }
            method => {
                self.schema.check(notification(method), &message);
                return message;
            }
        };
        self.send(json!({ "id": message["id"], "result": answer }));
        message
    }

    /// The result of a request, of the schema that is named.
    async fn ask(&mut self, method: &str, mut params: Value, result: &str) -> Value {
        params["_meta"] = json!({ "progressToken": "here" });
        self.send(json!({ "id": 1, "method": method, "params": params }));
        loop {
            let message = self.next().await;
            if message["id"] == 1 && message.get("method").is_none() {
                assert!(message["error"].is_null(), "{method}: {message}");
                self.schema.check(result, &message["result"]);
                return message["result"].clone();
            }
        }
    }
}

async fn legacy(version: &str) {
    let server = server();
    let has_elicitation = Schema::of(version).has("ElicitRequest");
    let mut capabilities = json!({ "sampling": {}, "roots": {} });
    if has_elicitation {
        capabilities["elicitation"] = json!({});
    }
    let opening = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "clientInfo": { "name": "test", "version": "1" },
    });
    let mut client = Client::new(&server, version, opening.clone());
    let opened = client.ask("initialize", opening, "InitializeResult").await;
    assert_eq!(opened["protocolVersion"], version);
    client.ask("ping", json!({}), "EmptyResult").await;
    client.ask("logging/setLevel", json!({ "level": "debug" }), "EmptyResult").await;
    for (method, params, result) in requests() {
        let result = client.ask(method, params.clone(), result).await;
        // The other pages, too.
        let mut cursor = result["nextCursor"].clone();
        while cursor.is_string() {
            let mut next = params.clone();
            next["cursor"] = cursor;
            cursor = client.ask(method, next, "PaginatedResult").await["nextCursor"].clone();
        }
    }
    if has_elicitation {
        client.ask("tools/call", json!({ "name": "ask" }), "CallToolResult").await;
    }
    client.ask("tools/call", json!({ "name": "ask_others" }), "CallToolResult").await;

    client.ask("resources/subscribe", json!({ "uri": "test://text" }), "EmptyResult").await;
    server.notify_tools_changed();
    server.notify_prompts_changed();
    server.notify_resources_changed();
    server.notify_resource_updated("test://text");
    while client.heard.last().is_none_or(|heard| heard != "notifications/resources/updated") {
        client.next().await;
    }
    client.ask("resources/unsubscribe", json!({ "uri": "test://text" }), "EmptyResult").await;
    for expected in [
        "notifications/progress",
        "notifications/message",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "sampling/createMessage",
        "roots/list",
    ] {
        assert!(client.heard.iter().any(|heard| heard == expected), "{expected}");
    }
}

#[tokio::test]
async fn version_2024_11_05() {
    legacy("2024-11-05").await;
}

#[tokio::test]
async fn version_2025_03_26() {
    legacy("2025-03-26").await;
}

#[tokio::test]
async fn version_2025_06_18() {
    legacy("2025-06-18").await;
}

#[tokio::test]
async fn version_2025_11_25() {
    legacy("2025-11-25").await;
}

/// The result of a modern request, and the methods of what came before it.
async fn ask_modern(
    server: &Server,
    schema: &Schema,
    method: &str,
    params: Value,
) -> (Value, Vec<String>) {
    let mut reply = server.call(request(modern(method, params)));
    let mut heard = Vec::new();
    loop {
        match reply.next().await.unwrap() {
            ReplyPart::Notification(told) => {
                let message: Value = serde_json::from_slice(&told.to_bytes()).unwrap();
                let method = message["method"].as_str().unwrap().to_owned();
                schema.check(notification(&method), &message);
                if method == "notifications/subscriptions/acknowledged" {
                    server.notify_tools_changed();
                    server.notify_prompts_changed();
                    server.notify_resources_changed();
                    server.notify_resource_updated("test://text");
                    reply.close();
                }
                heard.push(method);
            }
            ReplyPart::Response(response) => {
                let message: Value = serde_json::from_slice(&response.into_bytes()).unwrap();
                assert!(message["error"].is_null(), "{method}: {message}");
                schema.check("JSONRPCResultResponse", &message);
                return (message["result"].clone(), heard);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn version_2026_07_28() {
    let (server, schema) = (server(), Schema::of("2026-07-28"));
    let mut all = requests();
    all.push(("server/discover", json!({}), "DiscoverResult"));
    let filter = json!({
        "toolsListChanged": true,
        "promptsListChanged": true,
        "resourcesListChanged": true,
        "resourceSubscriptions": ["test://text"],
    });
    let listen = json!({ "notifications": filter });
    all.push(("subscriptions/listen", listen, "SubscriptionsListenResult"));
    all.push(("tools/call", json!({ "name": "ask" }), "InputRequiredResult"));
    all.push(("tools/call", json!({ "name": "ask_others" }), "InputRequiredResult"));
    let mut heard = Vec::new();
    for (method, mut params, name) in all {
        params["_meta"] = json!({
            "progressToken": 7,
            "io.modelcontextprotocol/logLevel": "debug",
            "io.modelcontextprotocol/clientCapabilities": {
                "elicitation": {}, "sampling": {}, "roots": {},
                "extensions": {
                    "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] },
                },
            },
        });
        loop {
            let (result, told) = ask_modern(&server, &schema, method, params.clone()).await;
            schema.check(name, &result);
            let members: Map<String, Value> = result["_meta"].as_object().unwrap().clone();
            schema.check("ResultMetaObject", &Value::Object(members.clone()));
            assert_eq!(members["io.modelcontextprotocol/serverInfo"]["name"], "test", "{method}");
            heard.extend(told);
            match result.get("nextCursor") {
                Some(cursor) => params["cursor"] = cursor.clone(),
                None => break,
            }
        }
    }
    for expected in [
        "notifications/progress",
        "notifications/message",
        "notifications/tools/list_changed",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
    ] {
        assert!(heard.iter().any(|heard| heard == expected), "{expected}");
    }
}
