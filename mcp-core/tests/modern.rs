//! What 2026-07-28 says of results and errors, checked against its own schema where it has one.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{collections::BTreeSet, time::Duration};

use mcp_core::{
    CacheScope, CallResult, Server, ToolError, ToolErrorKind, ToolResult, WithText, model, tool,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{
    Answer, assert_is, call, call_with_progress, legacy, listed, modern, modern_meta, send,
};

/// Adds two integers.
#[tool(read_only, title = "Add", icons = ["https://example.com/add.png"])]
async fn add(#[tool(header = "A")] a: i64, b: i64) -> i64 {
    a + b
}

/// Says what it hears.
#[tool]
async fn echo(text: String) -> String {
    text
}

/// A place.
#[derive(Serialize, JsonSchema)]
struct Place {
    /// Degrees north.
    latitude: f64,
    name: Option<String>,
}

/// Finds a place.
#[tool]
async fn locate() -> Place {
    Place { latitude: 32.8, name: None }
}

/// Finds a place and says so.
#[tool]
async fn find() -> WithText<Place> {
    WithText::new(Place { latitude: 32.8, name: Some("Dallas".into()) }, "Dallas, Texas")
}

/// Lists places.
#[tool]
async fn places() -> Vec<Place> {
    vec![Place { latitude: 1.0, name: None }]
}

/// Finds a place, or none.
#[tool]
async fn maybe() -> Option<Place> {
    None
}

/// Does nothing.
#[tool]
async fn nothing() {}

/// Shows an image.
#[tool]
async fn picture() -> CallResult {
    CallResult::text("see").with_content(model::ContentBlock::image("AA==", "image/png"))
}

/// Fails.
#[tool]
async fn fail() -> ToolResult<Place> {
    Err(ToolError::new(ToolErrorKind::NotFound, "no such place"))
}

/// Reports its progress.
#[tool]
async fn steps(cx: &mcp_core::ToolContext) {
    cx.progress(0.25, "a quarter").await;
    cx.progress_of(1, 2, "").await;
    cx.log(mcp_core::LogLevel::Warning, json!({ "at": 1 })).await;
}

fn server() -> Server {
    Server::builder("test server", "1.2.3")
        .title("Test")
        .instructions("Add, then echo.")
        .tool::<add>()
        .tool::<echo>()
        .tool::<locate>()
        .tool::<find>()
        .tool::<places>()
        .tool::<maybe>()
        .tool::<nothing>()
        .tool::<picture>()
        .tool::<fail>()
        .tool::<steps>()
        .build()
}

/// What every result of a modern server says.
#[track_caller]
fn assert_complete(answer: &Answer) {
    assert_eq!(answer.result["resultType"], "complete");
    assert_eq!(
        answer.result["_meta"]["io.modelcontextprotocol/serverInfo"],
        json!({ "name": "test server", "title": "Test", "version": "1.2.3" })
    );
}

#[tokio::test]
async fn discover_describes_the_server() {
    let answer = send(&server(), modern("server/discover", json!({}))).await;
    assert_is("DiscoverResultResponse", &answer.message);
    assert_complete(&answer);
    assert_eq!(
        answer.result["supportedVersions"],
        json!(["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
    );
    assert_eq!(answer.result["capabilities"], json!({ "logging": {}, "tools": {} }));
    assert_eq!(answer.result["instructions"], "Add, then echo.");
    assert_eq!(answer.result["ttlMs"], 300_000);
    assert_eq!(answer.result["cacheScope"], "public");
}

#[tokio::test]
async fn a_list_of_tools_satisfies_the_schema() {
    let answer = send(&server(), modern("tools/list", json!({}))).await;
    assert_is("ListToolsResultResponse", &answer.message);
    assert_complete(&answer);
    assert_eq!(answer.result["ttlMs"], 300_000);
    assert_eq!(answer.result["cacheScope"], "public");
    assert_eq!(answer.result["nextCursor"], Value::Null);
}

#[tokio::test]
async fn the_schemas_of_tools_are_schemas_and_stand_alone() {
    for tool in listed(&server()).await {
        for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
            if schema.is_null() {
                continue;
            }
            assert!(jsonschema::meta::is_valid(schema), "{schema:#}");
            assert!(!schema.to_string().contains("$ref"), "{schema:#}");
        }
    }
}

#[tokio::test]
async fn caching_is_up_to_the_server() {
    let server = Server::builder("test", "1")
        .cache(Duration::from_millis(1500), CacheScope::Private)
        .tool::<add>()
        .build();
    for method in ["tools/list", "server/discover"] {
        let answer = send(&server, modern(method, json!({}))).await;
        assert_eq!(answer.result["ttlMs"], 1500);
        assert_eq!(answer.result["cacheScope"], "private");
    }
    let never = Server::builder("test", "1").cache(Duration::MAX, CacheScope::Public).build();
    assert_is(
        "ListToolsResultResponse",
        &send(&never, modern("tools/list", json!({}))).await.message,
    );
}

#[tokio::test]
async fn results_of_calls_satisfy_the_schema_and_their_own() {
    let server = server();
    for tool in listed(&server).await {
        let name = tool["name"].as_str().unwrap();
        let arguments = match name {
            "add" => json!({ "a": 1, "b": 2 }),
            "echo" => json!({ "text": "\"quoted\" \\ \u{1f600} \u{0}" }),
            _ => json!({}),
        };
        let answer = call(&server, name, arguments).await;
        assert_is("CallToolResultResponse", &answer.message);
        assert_is("CallToolResult", &answer.result);
        assert_complete(&answer);
        assert!(answer.result["content"].is_array());
        let structured = answer.result.get("structuredContent");
        match &tool["outputSchema"] {
            Value::Null => assert_eq!(structured, None, "{name}"),
            _ if answer.result["isError"] == true => assert_eq!(structured, None, "{name}"),
            schema => {
                let value =
                    structured.unwrap_or_else(|| panic!("{name} has no structured content"));
                assert!(jsonschema::draft202012::is_valid(schema, value), "{name}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn content_is_what_the_tool_answers() {
    let server = server();
    assert_eq!(call(&server, "add", json!({ "a": 1, "b": 2 })).await.text(), "3");
    let text = "\"quoted\" \\ \u{1f600} \u{0}";
    assert_eq!(call(&server, "echo", json!({ "text": text })).await.text(), text);
    assert_eq!(call(&server, "locate", json!({})).await.text(), r#"{"latitude":32.8,"name":null}"#);
    let found = call(&server, "find", json!({})).await;
    assert_eq!(found.text(), "Dallas, Texas");
    assert_eq!(found.result["structuredContent"]["name"], "Dallas");
    assert_eq!(call(&server, "nothing", json!({})).await.result["content"], json!([]));
    assert_eq!(
        call(&server, "picture", json!({})).await.result["content"][1],
        json!({ "type": "image", "data": "AA==", "mimeType": "image/png" })
    );
    assert_eq!(call(&server, "fail", json!({})).await.tool_error(), "no such place");
}

#[tokio::test]
async fn notifications_satisfy_the_schema() {
    let params = json!({
        "name": "steps",
        "_meta": { "progressToken": 7, "io.modelcontextprotocol/logLevel": "info" },
    });
    let answer = send(&server(), modern("tools/call", params)).await;
    let messages: Vec<Value> = answer
        .notifications
        .iter()
        .map(|notification| serde_json::from_slice(&notification.to_bytes()).unwrap())
        .collect();
    assert_is("ProgressNotification", &messages[0]);
    assert_is("ProgressNotification", &messages[1]);
    assert_is("LoggingMessageNotification", &messages[2]);
    assert_eq!(
        messages[0]["params"],
        json!({ "progressToken": 7, "progress": 0.25, "total": 1, "message": "a quarter" })
    );
    assert_eq!(messages[1]["params"], json!({ "progressToken": 7, "progress": 1, "total": 2 }));
    assert_eq!(
        messages[2]["params"],
        json!({ "level": "warning", "logger": "steps", "data": { "at": 1 } })
    );
    assert_eq!(call_with_progress(&server(), "steps", json!({})).await.notifications.len(), 2);
}

#[tokio::test]
async fn an_unsupported_version_is_refused_with_the_supported_ones() {
    let mut meta = modern_meta();
    meta["io.modelcontextprotocol/protocolVersion"] = json!("1900-01-01");
    for method in ["server/discover", "tools/list", "tools/call", "no/such/method"] {
        let answer = send(&server(), legacy(method, json!({ "_meta": meta }))).await;
        assert_is("UnsupportedProtocolVersionError", &answer.message);
        assert_eq!(answer.code(), -32022);
        assert_eq!(answer.error["data"]["requested"], "1900-01-01");
        assert_eq!(answer.error["data"]["supported"][0], "2026-07-28");
        assert_eq!(answer.kind.unwrap().http_status(), 400);
    }
}

#[tokio::test]
async fn a_modern_request_needs_its_version_and_the_clients_capabilities() {
    for (method, missing) in [
        ("tools/list", "io.modelcontextprotocol/clientCapabilities"),
        ("tools/call", "io.modelcontextprotocol/clientCapabilities"),
        ("server/discover", "io.modelcontextprotocol/clientCapabilities"),
        ("server/discover", "io.modelcontextprotocol/protocolVersion"),
    ] {
        let mut meta = modern_meta();
        meta.as_object_mut().unwrap().remove(missing);
        let answer =
            send(&server(), legacy(method, json!({ "name": "nothing", "_meta": meta }))).await;
        assert_eq!(answer.code(), -32602, "{method} without {missing}");
        assert!(answer.error_message().contains(missing));
        assert_eq!(answer.kind.unwrap().http_status(), 400);
    }
    let bare = send(&server(), legacy("server/discover", json!({}))).await;
    assert_eq!(bare.code(), -32602);

    // Who the client is may be left out.
    let mut meta = modern_meta();
    meta.as_object_mut().unwrap().remove("io.modelcontextprotocol/clientInfo");
    let answer = send(&server(), legacy("tools/list", json!({ "_meta": meta }))).await;
    assert!(answer.result.is_object());
}

#[tokio::test]
async fn a_transport_can_say_that_a_request_is_modern() {
    let mut request = support::request(legacy("tools/list", json!({})));
    request.set_modern();
    let answer = support::gather(server().call(request)).await;
    assert_eq!(answer.code(), -32602);
}

#[tokio::test]
async fn an_unknown_tool_is_invalid_params() {
    let answer = call(&server(), "subtract", json!({})).await;
    assert_is("JSONRPCErrorResponse", &answer.message);
    assert_eq!((answer.code(), answer.kind.unwrap().http_status()), (-32602, 200));
    assert!(answer.error_message().contains("subtract"));
    for name in ["", "ADD", "add ", "add\u{0}"] {
        assert_eq!(call(&server(), name, json!({})).await.code(), -32602, "{name:?}");
    }
}

#[tokio::test]
async fn a_call_without_name_is_invalid_params() {
    for params in [json!({}), json!({ "name": null }), json!({ "uri": "nothing" })] {
        let answer = send(&server(), modern("tools/call", params)).await;
        assert_eq!((answer.code(), answer.kind.unwrap().http_status()), (-32602, 400));
        assert!(answer.error_message().contains("params.name"));
    }
}

#[tokio::test]
async fn unknown_and_removed_methods_do_not_exist() {
    for method in [
        "no/such/method",
        "",
        "tools/Call",
        "ping",
        "initialize",
        "logging/setLevel",
        "resources/subscribe",
        "notifications/cancelled",
        "prompts/get",
    ] {
        let answer = send(&server(), modern(method, json!({ "name": "nothing" }))).await;
        assert_is("JSONRPCErrorResponse", &answer.message);
        assert_eq!((answer.code(), answer.kind.unwrap().http_status()), (-32601, 404), "{method}");
    }
}

#[tokio::test]
async fn a_bad_log_level_is_invalid_params() {
    let params = json!({ "_meta": { "io.modelcontextprotocol/logLevel": "verbose" } });
    let answer = send(&server(), modern("tools/list", params)).await;
    assert_eq!(answer.code(), -32602);
    assert!(answer.error_message().contains("\"verbose\", expected one of debug"));
}

#[tokio::test]
async fn a_server_without_tools_lists_none() {
    let server = Server::builder("test", "1").build();
    let answer = send(&server, modern("tools/list", json!({}))).await;
    assert_is("ListToolsResultResponse", &answer.message);
    assert_eq!(answer.result["tools"], json!([]));
    assert_eq!(answer.result["nextCursor"], Value::Null);
}

/// All names, page by page, as a client collects them.
async fn pages(server: &Server) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let params = cursor.map_or(json!({}), |cursor| json!({ "cursor": cursor }));
        let answer = send(server, modern("tools/list", params)).await;
        assert_is("ListToolsResultResponse", &answer.message);
        let tools = answer.result["tools"].as_array().unwrap();
        pages.push(tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect());
        match answer.result["nextCursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return pages,
        }
    }
}

fn paged(page_size: usize) -> Server {
    Server::builder("test", "1")
        .page_size(page_size)
        .tool::<places>()
        .tool::<add>()
        .tool::<nothing>()
        .tool::<echo>()
        .tool::<fail>()
        .build()
}

#[tokio::test]
async fn every_tool_is_on_one_page_in_the_order_of_the_server() {
    let order = ["places", "add", "nothing", "echo", "fail"];
    for (page_size, sizes) in
        [(1, vec![1; 5]), (2, vec![2, 2, 1]), (4, vec![4, 1]), (5, vec![5]), (100, vec![5])]
    {
        let pages = pages(&paged(page_size)).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(pages.concat(), order);
    }
}

#[tokio::test]
async fn replicas_of_a_server_take_each_others_cursors() {
    let first = send(&paged(2), modern("tools/list", json!({}))).await;
    let params = json!({ "cursor": first.result["nextCursor"] });
    let second = send(&paged(2), modern("tools/list", params)).await;
    assert_eq!(second.result["tools"][0]["name"], "nothing");
}

#[tokio::test]
async fn cursors_are_opaque() {
    let mut cursors = BTreeSet::new();
    for server in [paged(1), paged(2), paged(4)] {
        let answer = send(&server, modern("tools/list", json!({}))).await;
        let cursor = answer.result["nextCursor"].as_str().unwrap().to_owned();
        assert!(cursor.parse::<u64>().is_err());
        cursors.insert(cursor);
    }
    assert_eq!(cursors.len(), 3);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_invalid_params() {
    let cursor_of = async |server: &Server| {
        let answer = send(server, modern("tools/list", json!({}))).await;
        answer.result["nextCursor"].as_str().unwrap().to_owned()
    };
    let other_tools = Server::builder("test", "1")
        .page_size(2)
        .tool::<places>()
        .tool::<add>()
        .tool::<echo>()
        .build();
    let valid = cursor_of(&paged(2)).await;
    for cursor in [
        cursor_of(&other_tools).await,
        cursor_of(&paged(1)).await,
        valid.to_uppercase(),
        format!("{valid}="),
        valid[1..].to_owned(),
        String::new(),
        "2".to_owned(),
        "nonsense".to_owned(),
    ] {
        let answer = send(&paged(2), modern("tools/list", json!({ "cursor": cursor }))).await;
        assert_eq!(answer.code(), -32602, "{cursor}");
        assert!(answer.error_message().contains("cursor"));
    }
}
