//! Legacy sessions (2024-11-05 to 2025-11-25) and single requests without one.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use mcp_http::HttpConfig;
use serde_json::{Value, json};
use support::{Client, Listening, Reply, call, call_with_progress, start, start_with, within};

const VERSIONS: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

fn initialize(version: &str) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": "init",
        "method": "initialize",
        "params": {
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "0"},
        },
    })
    .to_string()
}

fn request(id: u64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// The header of a new session.
async fn open(server: &Listening, version: &str) -> String {
    let reply = server.post("", initialize(version)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let session = format!("mcp-session-id: {}\r\n", reply.header("mcp-session-id").unwrap());
    let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let reply = server.post(&session, body).await;
    assert_eq!((reply.status, reply.text()), (202, ""));
    session
}

/// Opens the stream of a session, or goes on with another stream after an event.
async fn get(server: &Listening, session: &str, last_event: Option<&str>) -> Client {
    let last_event = last_event.map_or(String::new(), |id| format!("last-event-id: {id}\r\n"));
    let mut client = server.connect().await;
    client
        .write(format!(
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{session}{last_event}\r\n"
        ))
        .await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    client
}

/// The identifiers of a stream's events.
fn event_ids(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("id: ")).collect()
}

#[tokio::test]
async fn every_legacy_version_is_agreed_to_under_our_own_name() {
    let server = start().await;
    for version in VERSIONS {
        for headers in ["", "accept: */*\r\n", "accept: application/json\r\n", "accept:\r\n"] {
            let reply = server.post(headers, initialize(version)).await;
            assert_eq!(reply.status, 200, "{version} {headers}");
            assert!(reply.header("mcp-session-id").is_some());
            let message = reply.messages().pop().unwrap();
            assert_eq!(message["id"], "init");
            assert_eq!(message["result"]["protocolVersion"], version);
            let identity = &message["result"]["serverInfo"];
            assert_eq!(identity["name"], "test-server");
            assert_eq!(identity["version"], "1.2.3");
        }
    }
}

#[tokio::test]
async fn a_version_that_is_not_legacy_is_answered_with_one_that_is() {
    let server = start().await;
    for version in ["2026-07-28", "2099-01-01", "1.0"] {
        let message = server.post("", initialize(version)).await.messages().pop().unwrap();
        assert_eq!(message["result"]["protocolVersion"], "2025-11-25", "{version}");
    }
}

#[tokio::test]
async fn a_session_serves_until_it_is_deleted() {
    let server = start().await;
    for version in VERSIONS {
        let session = open(&server, version).await;
        let headers = format!("{session}mcp-protocol-version: {version}\r\n");

        let listed = server.post(&headers, request(1, "tools/list", &json!({}))).await;
        let listed = listed.messages().pop().unwrap();
        assert_eq!(listed["id"], 1);
        assert_eq!(listed["result"]["tools"][0]["name"], "echo");

        let params = call("add", json!({"a": 20, "b": 22}));
        let called = server.post(&headers, request(2, "tools/call", &params)).await;
        let called = called.messages().pop().unwrap();
        assert_eq!(called["id"], 2);
        assert_eq!(called["result"]["content"][0]["text"], "42");
        assert_eq!(called["result"].get("resultType"), None);

        let pinged = server.post(&headers, request(3, "ping", &json!({}))).await;
        assert_eq!(pinged.messages().pop().unwrap()["result"], json!({}));

        let deleted = server.bare("DELETE", "/mcp", &headers).await;
        assert_eq!(deleted.status, 204, "{deleted:?}");
        let gone = server.post(&headers, request(4, "tools/list", &json!({}))).await;
        gone.assert_error(404, -32600, json!(4));
        server.bare("GET", "/mcp", &headers).await.assert_error(404, -32600, Value::Null);
    }
}

#[tokio::test]
async fn an_accept_header_never_fails_a_session() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    for accept in ["*/*", "application/json", "text/event-stream", ""] {
        let headers = format!("{session}accept: {accept}\r\n");
        let reply = server.post(&headers, request(1, "ping", &json!({}))).await;
        assert_eq!(reply.status, 200, "{accept}");
    }
    let reply = server.post(&session, request(1, "ping", &json!({}))).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn bad_messages_in_a_session_are_answered_under_their_identifier() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    // What is no request.
    for (body, status, code, id) in [
        ("{", 400, -32700, Value::Null),
        ("[]", 400, -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, 400, -32600, Value::Null),
        (r#"{"jsonrpc":"1.0","id":4,"method":"ping"}"#, 400, -32600, json!(4)),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":1}}"#,
            400,
            -32602,
            json!(4),
        ),
    ] {
        let reply = server.post(&session, body).await;
        let error = reply.assert_error(status, code, id);
        assert!(error["error"]["message"].is_string(), "{body}");
    }
    // What cannot be served. To a client of a session, a status of 404 would say that it is gone.
    for (body, code) in [
        (request(5, "tools/call", &json!({})), -32602),
        (request(5, "tools/call", &json!({"arguments": {}})), -32602),
        (request(5, "tools/call", &call("nope", json!({}))), -32602),
        (request(5, "tools/list", &json!({"cursor": "bogus"})), -32602),
        (request(5, "tools/guess", &json!({})), -32601),
        (request(5, "tools/call", &call("panics", json!({}))), -32603),
    ] {
        let reply = server.post(&session, &body).await;
        assert_eq!(reply.status, 200, "{body}");
        let message = reply.messages().pop().unwrap();
        assert_eq!(message["id"], 5, "{body}");
        assert_eq!(message["error"]["code"], code, "{body}: {message}");
    }
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{{"name":"echo","arguments":{{"text":{deep}}}}}}}"#
    );
    server.post(&session, body).await.assert_error(200, -32602, json!(6));
    let body = r#"{"jsonrpc":"2.0","id":99999999999999999999,"method":"ping"}"#;
    let reply = server.post(&session, body).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains(r#""id":99999999999999999999,"#), "{}", reply.text());

    let reply = server.post(&session, request(7, "ping", &json!({}))).await;
    assert_eq!(reply.messages().pop().unwrap()["id"], 7);
}

#[tokio::test]
async fn an_unknown_session_is_not_found() {
    let server = start().await;
    for session in ["x", "00000000-0000-0000-0000-000000000000", "", "caf\u{e9}"] {
        let headers = format!("mcp-session-id: {session}\r\n");
        let reply = server.post(&headers, request(9, "tools/list", &json!({}))).await;
        reply.assert_error(404, -32600, json!(9));
    }
    for method in ["GET", "DELETE"] {
        let reply = server.bare(method, "/mcp", "mcp-session-id: x\r\n").await;
        reply.assert_error(404, -32600, Value::Null);
    }
}

#[tokio::test]
async fn initialize_opens_a_new_session_whichever_it_names() {
    let server = start().await;
    let first = open(&server, "2025-06-18").await;
    for named in [first.as_str(), "mcp-session-id: unheard-of\r\n"] {
        let reply = server.post(named, initialize("2025-06-18")).await;
        let second = reply.header("mcp-session-id").unwrap();
        assert!(!named.contains(second));
    }
}

#[tokio::test]
async fn a_version_header_that_is_none_is_refused() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let body = request(1, "ping", &json!({}));
    let headers = format!("{session}mcp-protocol-version: 1999-01-01\r\n");
    server.post(&headers, &body).await.assert_error(400, -32022, json!(1));
    let twice = "mcp-protocol-version: 2025-06-18\r\n".repeat(2);
    let reply = server.post(&format!("{session}{twice}"), &body).await;
    reply.assert_error(400, -32600, json!(1));
    let headers = "mcp-protocol-version: 2025-03-26\r\n";
    let reply = server.post(headers, initialize("2025-06-18")).await;
    reply.assert_error(400, -32600, json!("init"));
}

#[tokio::test]
async fn progress_comes_before_the_result() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let mut client = server.connect().await;
    let params = call_with_progress("step", json!({"steps": 2}));
    client.post(&session, request(1, "tools/call", &params)).await;
    server.gate.running(1).await;
    client.head().await;
    for step in 1..=2 {
        server.gate.steps.add_permits(1);
        let event = client.event().await;
        assert_eq!(event["method"], "notifications/progress");
        assert_eq!(event["params"]["progress"].as_f64(), Some(f64::from(step)));
    }
    assert_eq!(client.event().await["result"]["content"][0]["text"], "took 2 steps");
    assert_eq!(client.chunk().await, None, "the stream ends with the result");
}

#[tokio::test]
async fn a_cancelled_call_stops() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let mut client = server.connect().await;
    client.post(&session, request(1, "tools/call", &call("step", json!({"steps": 1})))).await;
    server.gate.running(1).await;
    let body = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#;
    assert_eq!(server.post(&session, body).await.status, 202);
    server.gate.ended(1).await;
}

#[tokio::test]
async fn only_clients_that_take_them_get_events_without_data() {
    let server = start().await;
    server.gate.steps.add_permits(3);
    let params = call_with_progress("step", json!({"steps": 1}));
    for (version, expected) in [("2025-03-26", 0), ("2025-06-18", 0), ("2025-11-25", 1)] {
        let session = open(&server, version).await;
        let reply = server.post(&session, request(1, "tools/call", &params)).await;
        let is_empty = |event: &str| event.lines().any(|line| line.trim_end() == "data:");
        let empty = reply.text().split("\n\n").filter(|event| is_empty(event)).count();
        assert_eq!(empty, expected, "{version}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_result_that_came_while_the_client_was_away_can_be_had() {
    let server = start().await;
    let session = open(&server, "2025-11-25").await;
    let mut client = server.connect().await;
    let params = call_with_progress("step", json!({"steps": 2}));
    client.post(&session, request(1, "tools/call", &params)).await;
    client.head().await;
    server.gate.steps.add_permits(1);
    let mut text = String::new();
    while support::messages(&text).is_empty() {
        text += std::str::from_utf8(&client.chunk().await.unwrap()).unwrap();
    }
    let ids: Vec<String> = event_ids(&text).into_iter().map(str::to_owned).collect();
    assert_eq!(ids.len(), 2, "{text}");

    // The call goes on without its client.
    drop(client);
    assert_eq!(*server.gate.ended.borrow(), 0);
    server.gate.steps.add_permits(1);
    server.gate.ended(1).await;

    for (last_event, expected) in [(&ids[0], 3), (&ids[1], 2)] {
        let reply = read(get(&server, &session, Some(last_event)).await).await;
        let messages = support::messages(&reply);
        assert_eq!(messages.len(), expected, "{reply}");
        assert_eq!(messages.last().unwrap()["id"], 1);
        assert_eq!(messages.last().unwrap()["result"]["content"][0]["text"], "took 2 steps");
    }
}

#[tokio::test]
async fn a_stream_that_is_resumed_goes_on_as_the_call_does() {
    let server = start().await;
    let session = open(&server, "2025-11-25").await;
    let mut client = server.connect().await;
    let params = call_with_progress("step", json!({"steps": 2}));
    client.post(&session, request(1, "tools/call", &params)).await;
    client.head().await;
    let first = client.chunk().await.unwrap();
    let id = event_ids(std::str::from_utf8(&first).unwrap())[0].to_owned();
    server.gate.running(1).await;
    drop(client);

    let mut resumed = get(&server, &session, Some(&id)).await;
    for step in 1..=2 {
        server.gate.steps.add_permits(1);
        let event = resumed.event().await;
        assert_eq!(event["params"]["progress"].as_f64(), Some(f64::from(step)));
    }
    assert_eq!(resumed.event().await["id"], 1);
    assert_eq!(resumed.chunk().await, None);
}

#[tokio::test]
async fn a_stream_that_its_call_closes_is_resumed() {
    let server = start().await;
    let session = open(&server, "2025-11-25").await;
    let reply = server.post(&session, request(1, "tools/call", &call("leave", json!({})))).await;
    assert_eq!(support::messages(reply.text()), Vec::<Value>::new());
    let ids = event_ids(reply.text());
    assert_eq!(ids.len(), 1, "{reply:?}");
    assert!(reply.text().contains("retry: "), "{reply:?}");

    let mut resumed = get(&server, &session, Some(ids[0])).await;
    server.gate.steps.add_permits(1);
    let event = resumed.event().await;
    assert_eq!(event["result"]["content"][0]["text"], "came back");
    assert_eq!(resumed.chunk().await, None);
}

#[tokio::test]
async fn a_call_cannot_close_the_stream_of_a_client_that_would_not_come_back() {
    let server = start().await;
    server.gate.steps.add_permits(3);
    let session = open(&server, "2025-06-18").await;
    let body = request(1, "tools/call", &call("leave", json!({})));
    for headers in [&session, ""] {
        let reply = server.post(headers, &body).await;
        assert!(reply.text().contains("came back"), "{reply:?}");
    }
    let reply = server.modern("tools/call", call("leave", json!({}))).await;
    assert!(reply.text().contains("came back"), "{reply:?}");
}

#[tokio::test]
async fn log_messages_come_with_the_answer_of_a_session_that_asks_for_them() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let talk = |id| request(id, "tools/call", &call("talk", json!({})));
    // Nobody has asked.
    assert_eq!(server.post(&session, talk(1)).await.messages().len(), 1);

    let level = json!({"level": "warning"});
    let set = server.post(&session, request(2, "logging/setLevel", &level)).await;
    assert_eq!(set.messages().pop().unwrap()["result"], json!({}));
    let messages = server.post(&session, talk(3)).await.events();
    assert_eq!(
        messages[..2].iter().map(|message| message["params"].clone()).collect::<Vec<_>>(),
        [
            json!({"level": "warning", "logger": "talk", "data": "one"}),
            json!({"level": "error", "logger": "talk", "data": {"two": 2}}),
        ]
    );
    assert_eq!(messages[2]["id"], 3);

    let level = json!({"level": "loud"});
    let refused = server.post(&session, request(4, "logging/setLevel", &level)).await;
    assert_eq!(refused.messages().pop().unwrap()["error"]["code"], -32602);
}

#[tokio::test]
async fn log_messages_that_nobody_reads_hold_no_call_up() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let level = json!({"level": "debug"});
    server.post(&session, request(0, "logging/setLevel", &level)).await;
    for id in 1..=50 {
        let reply =
            server.post(&session, request(id, "tools/call", &call("talk", json!({})))).await;
        assert_eq!(reply.messages().pop().unwrap()["id"], id);
    }
}

#[tokio::test]
async fn a_session_hears_of_the_resources_that_it_subscribes_to() {
    let server = start().await;
    let reply = server.post("", initialize("2025-06-18")).await;
    let capabilities = &reply.messages()[0]["result"]["capabilities"];
    assert_eq!(capabilities["resources"]["subscribe"], true, "{capabilities}");

    let note = json!({"uri": "test://note"});
    let (first, second) = (open(&server, "2025-06-18").await, open(&server, "2025-06-18").await);
    let (mut heard, mut unheard) =
        (get(&server, &first, None).await, get(&server, &second, None).await);
    let subscribed = server.post(&first, request(1, "resources/subscribe", &note)).await;
    assert_eq!(subscribed.messages()[0]["result"], json!({}));
    server.server.notify_resource_updated("test://other");
    server.server.notify_resource_updated("test://note");
    let event = heard.event().await;
    assert_eq!(event["method"], "notifications/resources/updated");
    assert_eq!(event["params"], note);

    // Another session subscribes for itself, and none hears what it no longer wants.
    server.post(&second, request(1, "resources/subscribe", &note)).await;
    let unsubscribed = server.post(&first, request(2, "resources/unsubscribe", &note)).await;
    assert_eq!(unsubscribed.messages()[0]["result"], json!({}));
    server.server.notify_resource_updated("test://note");
    assert_eq!(unheard.event().await["params"], note);
    server.bare("DELETE", "/mcp", &first).await;
    assert_eq!(heard.chunk().await, None);
}

#[tokio::test]
async fn a_resource_that_is_not_there_cannot_be_subscribed_to() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let uri = json!({"uri": "test://nothing"});
    let refused = server.post(&session, request(1, "resources/subscribe", &uri)).await;
    assert_eq!(refused.messages()[0]["error"]["code"], -32002);
    // Removed from the modern era.
    server.modern("resources/subscribe", uri).await.assert_error(404, -32601, json!(1));
}

#[tokio::test]
async fn an_update_after_the_end_of_a_session_is_told_to_nobody() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let note = json!({"uri": "test://note"});
    server.post(&session, request(1, "resources/subscribe", &note)).await;
    server.bare("DELETE", "/mcp", &session).await;
    server.server.notify_resource_updated("test://note");
}

#[tokio::test]
async fn an_event_that_nobody_knows_resumes_nothing() {
    let server = start().await;
    let session = open(&server, "2025-11-25").await;
    let other = open(&server, "2025-11-25").await;
    let other_id = other.trim_end().split_once(": ").unwrap().1;
    for id in ["0", "7/7", "x", "", "//", &format!("{other_id}:common/0"), &"9".repeat(1_000)] {
        let headers = format!("{session}last-event-id: {id}\r\n");
        let reply = server.bare("GET", "/mcp", &headers).await;
        assert_eq!((reply.status, reply.text()), (200, ""), "{id}");
    }
}

async fn read(mut client: Client) -> String {
    let mut text = String::new();
    while let Some(chunk) = client.chunk().await {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    text
}

#[tokio::test]
async fn the_stream_of_a_session_ends_with_it() {
    let server = start().await;
    let session = open(&server, "2025-06-18").await;
    let client = get(&server, &session, None).await;
    assert_eq!(server.bare("DELETE", "/mcp", &session).await.status, 204);
    assert_eq!(support::messages(&read(client).await), Vec::<Value>::new());
}

#[tokio::test]
async fn a_quiet_session_stream_carries_comments() {
    let server = start_with(|transport| {
        transport.config(HttpConfig::new().keep_alive(Duration::from_millis(20)))
    })
    .await;
    let session = open(&server, "2025-06-18").await;
    let mut client = get(&server, &session, None).await;
    for _ in 0..3 {
        let comment = client.chunk().await.unwrap();
        assert_eq!(comment[0], b':', "{comment:?}");
    }
}

#[tokio::test]
async fn sessions_over_the_limit_are_refused_until_one_ends() {
    let server = start_with(|transport| transport.config(HttpConfig::new().max_sessions(2))).await;
    let first = open(&server, "2025-06-18").await;
    let _second = open(&server, "2025-06-18").await;
    let refused: Reply = server.post("", initialize("2025-06-18")).await;
    refused.assert_error(503, -31503, json!("init"));
    // Those that are open are served, and so are clients without a session.
    assert_eq!(server.post(&first, request(1, "ping", &json!({}))).await.status, 200);
    assert_eq!(server.modern("tools/list", json!({})).await.status, 200);

    assert_eq!(server.bare("DELETE", "/mcp", &first).await.status, 204);
    open(&server, "2025-06-18").await;
}

#[tokio::test]
async fn the_limit_holds_for_clients_that_come_at_once() {
    let server = start_with(|transport| transport.config(HttpConfig::new().max_sessions(3))).await;
    let replies =
        futures_util::future::join_all((0..20).map(|_| server.post("", initialize("2025-06-18"))))
            .await;
    let mut opened = 0;
    for reply in replies {
        if reply.status == 200 {
            opened += 1;
        } else {
            reply.assert_error(503, -31503, json!("init"));
        }
    }
    assert_eq!(opened, 3);
}

#[tokio::test]
async fn a_session_that_nobody_uses_expires() {
    let server = start_with(|transport| {
        transport.config(HttpConfig::new().session_idle(Duration::from_secs(2)).max_sessions(1))
    })
    .await;
    let session = open(&server, "2025-06-18").await;
    // Its place is free once it has expired.
    within(async {
        while server.post("", initialize("2025-06-18")).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let reply = server.post(&session, request(1, "ping", &json!({}))).await;
    reply.assert_error(404, -32600, json!(1));
}

#[tokio::test]
async fn a_message_without_a_session_is_served_by_itself() {
    let server = start().await;
    for headers in
        ["", "mcp-protocol-version: 2025-06-18\r\n", "mcp-protocol-version: 2025-03-26\r\n"]
    {
        let listed = server.post(headers, request(1, "tools/list", &json!({}))).await.json();
        assert_eq!(listed["result"]["tools"][0]["name"], "echo");
        assert_eq!(listed["result"].get("resultType"), None);
        let params = call("add", json!({"a": 1, "b": 2}));
        let called = server.post(headers, request(2, "tools/call", &params)).await.json();
        assert_eq!(called["result"]["content"][0]["text"], "3");
        assert_eq!(server.post(headers, request(3, "ping", &json!({}))).await.json()["id"], 3);
    }
    let reply = server.post("", request(4, "tools/guess", &json!({}))).await;
    reply.assert_error(404, -32601, json!(4));
}

#[tokio::test]
async fn curl_without_any_header_of_its_own_is_served() {
    let server = start().await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let headers = "user-agent: curl/8\r\naccept: */*\r\ncontent-type: application/json\r\n";
    assert_eq!(server.post(headers, body).await.json()["id"], 1);
}

#[tokio::test]
async fn shutdown_ends_session_streams_and_lets_calls_finish() {
    let mut server = start().await;
    let session = open(&server, "2025-11-25").await;
    let stream = get(&server, &session, None).await;
    let mut busy = server.connect().await;
    busy.post(&session, request(1, "tools/call", &call("step", json!({"steps": 1})))).await;
    server.gate.running(1).await;

    server.shutdown.cancel();
    read(stream).await;
    server.gate.steps.add_permits(1);
    let result = busy.reply().await.messages().pop().unwrap();
    assert_eq!(result["result"]["content"][0]["text"], "took 1 steps");
    within(&mut server.task).await.unwrap().unwrap();
}
