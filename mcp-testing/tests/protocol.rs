//! What the specification demands and its conformance suites do not look for, on every transport.
#![cfg(feature = "web-socket-api")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod wire;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mcp_core::{Resource, Server, ToolContext, ToolPack, prompt, tool};
use mcp_testing::{
    __private::{block_on, lambda},
    lambda::{Door, Emulator},
};
use serde_json::{Value, json};
use wire::{Wire, listen};

/// How often `small` was called.
type Calls = Arc<AtomicUsize>;

/// Takes small numbers.
#[derive(serde::Deserialize, schemars::JsonSchema, mcp_core::Tool)]
struct Small {
    /// A small number.
    #[schemars(range(max = 9))]
    n: u32,
}

impl mcp_core::Call<Calls> for Small {
    type Output = u32;

    async fn call(self, calls: &Calls, _: &ToolContext) -> mcp_core::ToolResult<u32> {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok(self.n)
    }
}

/// Tells how often `small` was called.
#[tool]
async fn calls_of_small(#[state] calls: &Calls) -> usize {
    calls.load(Ordering::Relaxed)
}

/// Tells of one step, and never ends.
#[tool]
async fn one_step(cx: &ToolContext) -> String {
    cx.progress_of(1, 100, "the first of a hundred").await;
    std::future::pending().await
}

/// Tells of a hundred steps.
#[tool]
async fn hundred_steps(cx: &ToolContext) -> String {
    for step in 1..=100 {
        cx.progress_of(step, 100, "one of a hundred").await;
    }
    "done".to_owned()
}

/// Says who its client is.
#[tool]
async fn whose(cx: &ToolContext) -> String {
    cx.client_info().map_or_else(|| "nobody's".to_owned(), |client| client.name)
}

/// Fails.
#[tool]
async fn fail() -> mcp_core::ToolResult<String> {
    Err(mcp_core::ToolError::new(mcp_core::ToolErrorKind::NotFound, "there is none"))
}

/// Greets someone.
#[prompt]
async fn greet(
    /// Whom.
    #[prompt(values = ["Ada", "Grace"])]
    name: String,
) -> String {
    format!("Greet {name}.")
}

fn server() -> Server {
    let pack = ToolPack::new("counted", Calls::default()).tool::<Small>().tool::<calls_of_small>();
    Server::builder("wired", "2.1")
        .tool::<one_step>()
        .tool::<hundred_steps>()
        .tool::<whose>()
        .tool::<fail>()
        .prompt::<greet>()
        .resource(Resource::text("test://text", "text", "text"))
        .pack(pack)
        .build()
}

/// Where this binary is run as the function.
#[test]
fn lambda_function() {
    lambda::serve(async || server());
}

fn function() -> Emulator {
    lambda::this_binary(concat!(module_path!(), "::lambda_function"))
}

/// A test of one fact for each place.
macro_rules! on {
    ($fact:ident: $($place:ident)*) => {
        mod $fact {
            use super::*;

            $(#[test]
            fn $place() {
                block_on(async { super::$fact(place!($place)).await });
            })*
        }
    };
}

macro_rules! place {
    (stdio) => {
        Wire::stdio(server()).await
    };
    (http) => {
        Wire::http(server()).await
    };
    (http_sse) => {
        Wire::http_sse(server()).await
    };
    (web_socket) => {
        Wire::web_socket(server()).await
    };
    (function_url_stream) => {
        Wire::behind(Door::FunctionUrlStream, function()).await
    };
    (rest_api) => {
        Wire::behind(Door::RestApi, function()).await
    };
    (rest_api_stream) => {
        Wire::behind(Door::RestApiStream, function()).await
    };
    (http_api) => {
        Wire::behind(Door::HttpApi, function()).await
    };
    (alb) => {
        Wire::behind(Door::Alb, function()).await
    };
    (web_socket_api) => {
        Wire::behind(Door::WebSocketApi, function()).await
    };
    (invoke) => {
        Wire::behind(Door::Invoke, function()).await
    };
}

macro_rules! everywhere {
    ($($fact:ident)*) => {
        $(on! {
            $fact: stdio http http_sse web_socket
            function_url_stream rest_api http_api alb web_socket_api invoke
        })*
    };
}

everywhere! {
    a_call_without_a_name_is_invalid_params
    arguments_that_do_not_fit_never_reach_the_tool
    a_bogus_cursor_is_invalid_params
    removed_methods_are_for_legacy_clients
    what_is_not_there_is_invalid_params
    every_modern_result_names_the_server
    a_legacy_call_without_a_session_keeps_its_clients_name
    a_request_is_answered_in_the_revision_that_it_names
    a_hundred_notifications_do_not_keep_the_result_back
    every_result_satisfies_the_schema_of_its_revision
}

// The Invoke API itself refuses what is no JSON, before there is an event.
on! {
    malformed_json_is_a_parse_error:
    stdio http http_sse web_socket function_url_stream rest_api http_api alb web_socket_api
}

// The other doors of Lambda wait for the whole reply.
on! {
    the_first_notification_does_not_wait_for_the_second:
    stdio http http_sse web_socket function_url_stream rest_api_stream web_socket_api
}

#[track_caller]
fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"))
}

async fn malformed_json_is_a_parse_error(mut wire: Wire) {
    for text in ["{", r#"{"jsonrpc": "2.0", "id": 1, "method": }"#, "ping"] {
        let answer = wire.ask(text).await;
        assert_eq!(code(&answer), -32700, "{text}: {answer}");
        assert_eq!(answer["id"], Value::Null, "{answer}");
    }
    // It has not broken anything.
    assert!(wire.modern("tools/list", json!({})).await["result"].is_object());
}

async fn a_call_without_a_name_is_invalid_params(mut wire: Wire) {
    let modern = wire.modern("tools/call", json!({ "arguments": {} })).await;
    let legacy = wire.legacy("tools/call", json!({ "arguments": {} })).await;
    for answer in [modern, legacy] {
        assert_eq!(code(&answer), -32602, "{answer}");
    }
}

async fn arguments_that_do_not_fit_never_reach_the_tool(mut wire: Wire) {
    for arguments in [json!({}), json!({ "n": 10 }), json!({ "n": "1" }), json!({ "n": 1, "m": 1 })]
    {
        let call = json!({ "name": "small", "arguments": arguments });
        let modern = wire.modern("tools/call", call.clone()).await;
        let legacy = wire.legacy("tools/call", call).await;
        for answer in [modern, legacy] {
            assert_eq!(answer["result"]["isError"], true, "{arguments}: {answer}");
        }
    }
    let calls = wire.modern("tools/call", json!({ "name": "calls_of_small" })).await;
    assert_eq!(calls["result"]["content"][0]["text"], "0", "{calls}");
}

async fn a_bogus_cursor_is_invalid_params(mut wire: Wire) {
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        for cursor in ["bogus", "", "MQ"] {
            let modern = wire.modern(method, json!({ "cursor": cursor })).await;
            let legacy = wire.legacy(method, json!({ "cursor": cursor })).await;
            for answer in [modern, legacy] {
                assert_eq!(code(&answer), -32602, "{method} {cursor:?}: {answer}");
            }
        }
    }
}

async fn removed_methods_are_for_legacy_clients(mut wire: Wire) {
    let of_sessions = [
        ("logging/setLevel", json!({ "level": "info" })),
        ("resources/subscribe", json!({ "uri": "test://text" })),
        ("resources/unsubscribe", json!({ "uri": "test://text" })),
    ];
    for (method, params) in [("ping", json!({}))].iter().chain(&of_sessions) {
        let answer = wire.modern(method, params.clone()).await;
        assert_eq!(code(&answer), -32601, "{method}: {answer}");
    }
    let server = wire.initialize("2025-11-25").await;
    assert_eq!(wire.legacy("ping", json!({})).await["result"], json!({}));
    for (method, params) in of_sessions {
        let answer = wire.legacy(method, params).await;
        if wire.has_sessions() {
            assert_eq!(answer["result"], json!({}), "{method}: {answer}");
        } else {
            // There is nothing that could remember it, and the server has said so.
            assert_eq!(code(&answer), -32601, "{method}: {answer}");
            assert_eq!(server["capabilities"]["logging"], Value::Null);
            assert_eq!(server["capabilities"]["resources"]["subscribe"], Value::Null);
        }
    }
}

async fn what_is_not_there_is_invalid_params(mut wire: Wire) {
    for (method, params) in [
        ("tools/call", json!({ "name": "none" })),
        ("prompts/get", json!({ "name": "none" })),
        ("resources/read", json!({ "uri": "test://none" })),
    ] {
        let answer = wire.modern(method, params).await;
        assert_eq!(code(&answer), -32602, "{method}: {answer}");
    }
    for (method, params) in
        [("tools/call", json!({ "name": "none" })), ("prompts/get", json!({ "name": "none" }))]
    {
        let answer = wire.legacy(method, params).await;
        assert_eq!(code(&answer), -32602, "{method}: {answer}");
    }
    // The revisions before 2026-07-28 have a code of their own for resources.
    let answer = wire.legacy("resources/read", json!({ "uri": "test://none" })).await;
    assert_eq!(code(&answer), -32002, "{answer}");
}

/// What can be asked in every revision, with the name of its result in the schemas.
fn requests() -> [(&'static str, Value, &'static str); 9] {
    let reference = json!({ "type": "ref/prompt", "name": "greet" });
    let complete = json!({ "ref": reference, "argument": { "name": "name", "value": "" } });
    [
        ("tools/list", json!({}), "ListToolsResult"),
        ("prompts/list", json!({}), "ListPromptsResult"),
        ("resources/list", json!({}), "ListResourcesResult"),
        ("resources/templates/list", json!({}), "ListResourceTemplatesResult"),
        ("tools/call", json!({ "name": "small", "arguments": { "n": 1 } }), "CallToolResult"),
        ("tools/call", json!({ "name": "fail" }), "CallToolResult"),
        ("resources/read", json!({ "uri": "test://text" }), "ReadResourceResult"),
        (
            "prompts/get",
            json!({ "name": "greet", "arguments": { "name": "A" } }),
            "GetPromptResult",
        ),
        ("completion/complete", complete, "CompleteResult"),
    ]
}

async fn every_modern_result_names_the_server(mut wire: Wire) {
    let discover = ("server/discover", json!({}), "");
    for (method, params, _) in requests().into_iter().chain([discover]) {
        let answer = wire.modern(method, params).await;
        assert_eq!(
            answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"],
            json!({ "name": "wired", "version": "2.1" }),
            "{method}: {answer}"
        );
    }
}

async fn a_legacy_call_without_a_session_keeps_its_clients_name(mut wire: Wire) {
    let client = json!({ "name": "legacy", "version": "1" });
    let meta = json!({ "io.modelcontextprotocol/clientInfo": client });
    let answer = wire.legacy("tools/call", json!({ "name": "whose", "_meta": meta })).await;
    assert_eq!(answer["result"]["content"][0]["text"], "legacy", "{answer}");
    wire.initialize("2025-06-18").await;
    let answer = wire.legacy("tools/call", json!({ "name": "whose" })).await;
    let name = if wire.has_sessions() { "wire" } else { "nobody's" };
    assert_eq!(answer["result"]["content"][0]["text"], name, "{answer}");
}

async fn a_request_is_answered_in_the_revision_that_it_names(mut wire: Wire) {
    let named = |version: &str| json!({ "io.modelcontextprotocol/protocolVersion": version });
    for version in ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] {
        let answer = wire.legacy("tools/list", json!({ "_meta": named(version) })).await;
        assert!(answer["result"]["tools"].is_array(), "{version}: {answer}");
        for member in ["resultType", "ttlMs", "cacheScope", "_meta"] {
            assert_eq!(answer["result"].get(member), None, "{version}: {answer}");
        }
        // What only legacy clients have, and what only modern ones have.
        let answer = wire.legacy("ping", json!({ "_meta": named(version) })).await;
        assert_eq!(answer["result"], json!({}), "{version}: {answer}");
        let params = json!({ "_meta": named(version), "notifications": {} });
        let answer = wire.legacy("subscriptions/listen", params).await;
        assert_eq!(code(&answer), -32601, "{version}: {answer}");
    }
    for version in ["2023-01-01", "2099-01-01", ""] {
        let answer = wire.legacy("tools/list", json!({ "_meta": named(version) })).await;
        assert_eq!(code(&answer), -32022, "{version}: {answer}");
        let supported = answer["error"]["data"]["supported"].as_array().unwrap();
        assert_eq!(supported.len(), 5, "{answer}");
    }
}

async fn the_first_notification_does_not_wait_for_the_second(mut wire: Wire) {
    let meta = json!({ "progressToken": "here" });
    let call = wire.modern_request("tools/call", json!({ "name": "one_step", "_meta": meta }));
    wire.say(call);
    let first = wire.hear().await;
    assert_eq!(first["method"], "notifications/progress", "{first}");
    assert_eq!(first["params"]["progress"], 1.0, "{first}");
    // Nor in a session, while the other call goes on.
    if wire.has_sessions() {
        wire.initialize("2025-11-25").await;
        let meta = json!({ "progressToken": "there" });
        let call = wire.legacy_request("tools/call", json!({ "name": "one_step", "_meta": meta }));
        wire.say(call);
        let first = wire.hear().await;
        assert_eq!(first["params"]["progressToken"], "there", "{first}");
    }
}

async fn a_hundred_notifications_do_not_keep_the_result_back(mut wire: Wire) {
    let meta = json!({ "progressToken": "here" });
    let call = wire.modern_request("tools/call", json!({ "name": "hundred_steps", "_meta": meta }));
    wire.say(call);
    let mut last = 0.0;
    let answer = loop {
        let message = wire.hear().await;
        if message.get("method").is_none() {
            break message;
        }
        let progress = message["params"]["progress"].as_f64().unwrap();
        assert_eq!(progress, last + 1.0, "{message}");
        last = progress;
    };
    assert_eq!(answer["result"]["content"][0]["text"], "done", "{answer}");
}

/// The schema that the specification publishes for a revision.
fn schema(version: &str, definition: &str) -> jsonschema::Validator {
    let path = format!("{}/../mcp-core/tests/schema/{version}.json", env!("CARGO_MANIFEST_DIR"));
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let definitions = if schema["$defs"].is_object() { "$defs" } else { "definitions" };
    schema["$ref"] = format!("#/{definitions}/{definition}").into();
    jsonschema::validator_for(&schema).unwrap()
}

#[track_caller]
fn check(version: &str, definition: &str, answer: &Value) {
    let validator = schema(version, definition);
    let errors: Vec<_> = validator.iter_errors(&answer["result"]).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "no {definition} of {version}: {errors:#?}\n{answer:#}");
}

async fn every_result_satisfies_the_schema_of_its_revision(mut wire: Wire) {
    // What `initialize` has agreed on holds for the session, and there can be one on a connection.
    for version in ["2026-07-28", "2025-11-25"] {
        if version == "2025-11-25" {
            let result = wire.initialize(version).await;
            check(version, "InitializeResult", &json!({ "result": result }));
        } else {
            let answer = wire.modern("server/discover", json!({})).await;
            check(version, "DiscoverResult", &answer);
        }
        for (method, params, definition) in requests() {
            let answer = match version {
                "2026-07-28" => wire.modern(method, params).await,
                _ => wire.legacy(method, params).await,
            };
            check(version, definition, &answer);
        }
    }
}

/// Whom a page of another origin gets an answer from.
#[test]
fn a_foreign_origin_is_refused_by_default() {
    block_on(async {
        let client = reqwest::Client::new();
        let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
        let post = |url: String| {
            let post = client.post(url).header("content-type", "application/json");
            post.body(ping.clone())
        };
        let (listener, _kept) = listen(server()).await;
        let mut requests = vec![
            post(format!("{listener}/mcp")),
            post(format!("{listener}/rpc")),
            client.get(format!("{listener}/sse")).header("accept", "text/event-stream"),
            client
                .get(format!("{listener}/ws"))
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let mut functions = Vec::new();
        for door in Door::HTTP {
            let function = lambda::deployed(function(), door).await;
            requests.push(post(function.open(door).await.unwrap()));
            functions.push(function);
        }
        for request in requests {
            let own = request.try_clone().unwrap().send().await.unwrap();
            assert_ne!(own.status(), 403, "{}", own.url());
            let foreign = request.header("origin", "https://evil.example").send().await.unwrap();
            assert_eq!(foreign.status(), 403, "{}", foreign.url());
        }
    });
}
