//! Legacy sessions that go on in another process, which knows what they have agreed on.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use mcp_core::{
    LegacySession, LogLevel, Message, Reply, ReplyPart, Request, Resource, Server, ToolContext,
    ToolPack, ToolResult, tool,
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
async fn ask(cx: &ToolContext) -> ToolResult<String> {
    let form = cx.elicit::<Name>("Who?").await?.accepted();
    Ok(form.map_or_else(|| "nobody".to_owned(), |form| form.name))
}

fn server() -> Server {
    let state = ToolPack::new("state", ())
        .resource_fn(Resource::new("state://a", "a"), |_, _| async { Ok("a") })
        .resource_fn(Resource::new("state://b", "b"), |_, _| async { Ok("b") });
    Server::builder("resuming", "1").tool::<ask>().pack(state).build()
}

fn request(method: &str, params: Value) -> Request {
    let text = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    match Message::parse(text.to_string()).unwrap() {
        Message::Request(request) => request,
        other => panic!("{other:?}"),
    }
}

fn open(server: &Server) -> LegacySession {
    let initialize = request(
        "initialize",
        json!({
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "test", "version": "1" },
        }),
    );
    server.open_session(&initialize).unwrap()
}

async fn question(reply: &mut Reply) -> Value {
    match reply.next().await {
        Some(ReplyPart::Request(text)) => serde_json::from_slice(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_session_has_agreed_on_holds_where_it_goes_on() {
    let here = open(&server());
    assert_eq!(here.settings(), Default::default());
    for (method, params) in [
        ("logging/setLevel", json!({ "level": "warning" })),
        ("resources/subscribe", json!({ "uri": "state://a" })),
        ("resources/subscribe", json!({ "uri": "state://b" })),
        ("resources/unsubscribe", json!({ "uri": "state://a" })),
    ] {
        let response = here.call(request(method, params)).response().await;
        assert_eq!(response.error(), None, "{method}");
    }
    let settings = here.settings();
    assert_eq!(settings.log_level, Some(LogLevel::Warning));
    assert_eq!(settings.subscriptions, ["state://b".into()].into());

    let server = server();
    let there = open(&server);
    there.resume(&settings);
    assert_eq!(there.settings(), settings);
    server.notify_resource_updated("state://a");
    server.notify_resource_updated("state://b");
    let told = std::future::poll_fn(|cx| there.poll_notification(cx)).await;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(told["params"]["uri"], "state://b");
}

#[tokio::test]
async fn processes_that_share_a_session_ask_under_identifiers_of_their_own() {
    let call = || request("tools/call", json!({ "name": "ask", "arguments": {} }));
    let sessions = [open(&server()), open(&server())];
    let mut replies = Vec::new();
    for session in &sessions {
        session.resume(&Default::default());
        assert_eq!(session.open_questions(), [0; 0]);
        replies.push(session.call(call()));
    }
    let asked = [question(&mut replies[0]).await, question(&mut replies[1]).await];
    assert_ne!(asked[0]["id"], asked[1]["id"]);
    for (asked, session) in asked.iter().zip(&sessions) {
        let id = asked["id"].as_i64().unwrap();
        assert!((0..1 << 53).contains(&id), "{id} is no number of JavaScript");
        assert_eq!(session.open_questions(), [id]);
    }

    let text = json!({
        "jsonrpc": "2.0",
        "id": asked[1]["id"],
        "result": { "action": "accept", "content": { "name": "Ada" } },
    });
    let Ok(Message::Response(answer)) = Message::parse(text.to_string()) else { panic!() };
    assert!(!sessions[0].accept(&answer), "it is the other one's");
    assert!(sessions[1].accept(&answer));
    assert_eq!(sessions[1].open_questions(), [0; 0]);
    let response = replies.remove(1).response().await.into_bytes();
    assert!(std::str::from_utf8(&response).unwrap().contains("Ada"));
}
