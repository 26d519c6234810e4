//! `subscriptions/listen` over a socket, and what legacy sessions hear on their GET stream.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use mcp_http::HttpConfig;
use serde_json::{Value, json};
use support::{Client, Listening, modern, start, start_with, within};

const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Listens for the updates of the one resource that the server has.
async fn listen(server: &Listening) -> Client {
    let mut client = server.connect().await;
    let params = json!({"notifications": {"resourceSubscriptions": ["test://note"]}});
    let (headers, body) = modern("subscriptions/listen", params);
    client.post(&headers, body).await;
    let head = client.head().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("content-type"), Some("text/event-stream"));
    let acknowledged = client.event().await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    client
}

fn is_updated(event: &Value) -> bool {
    event["method"] == "notifications/resources/updated"
        && event["params"]["uri"] == "test://note"
        && event["params"]["_meta"][SUBSCRIPTION] == 1
}

#[tokio::test]
async fn each_listener_is_told_on_its_own_stream() {
    let server = start().await;
    let (mut first, mut second) = (listen(&server).await, listen(&server).await);
    for _ in 0..3 {
        server.server.notify_resource_updated("test://note");
        assert!(is_updated(&first.event().await));
        assert!(is_updated(&second.event().await));
    }
}

#[tokio::test]
async fn a_client_that_takes_no_events_is_refused() {
    let server = start().await;
    let (headers, body) = modern("subscriptions/listen", json!({"notifications": {}}));
    let reply = server.post(&(headers + "accept: application/json\r\n"), body).await;
    reply.assert_error(406, -32600, json!(1));
}

#[tokio::test]
async fn a_refusal_is_no_stream() {
    let server = start().await;
    let refused = server.modern("subscriptions/listen", json!({})).await;
    refused.assert_error(400, -32602, json!(1));
}

#[tokio::test]
async fn a_quiet_stream_carries_comments() {
    let server = start_with(|transport| {
        transport.config(HttpConfig::new().keep_alive(Duration::from_millis(20)))
    })
    .await;
    let mut client = listen(&server).await;
    for _ in 0..3 {
        assert_eq!(client.chunk().await.unwrap(), b":\n\n");
    }
    server.server.notify_resource_updated("test://note");
    assert!(is_updated(&client.event().await));
}

#[tokio::test]
async fn a_shutdown_ends_streams_with_their_results_and_waits_for_none() {
    let mut server = start().await;
    let mut client = listen(&server).await;
    server.server.notify_resource_updated("test://note");
    server.shutdown.cancel();
    assert!(is_updated(&client.event().await));
    let end = client.event().await;
    assert_eq!((&end["id"], &end["result"]["resultType"]), (&json!(1), &json!("complete")));
    assert_eq!(end["result"]["_meta"][SUBSCRIPTION], 1);
    assert_eq!(client.chunk().await, None);
    within(&mut server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let server = start().await;
    for _ in 0..1_100 {
        // More than there may be at once.
        drop(listen(&server).await);
        tokio::task::yield_now().await;
    }
    server.server.notify_resource_updated("test://note");
}

#[tokio::test]
async fn a_legacy_session_is_told_what_changed_before_its_stream_was_open() {
    let server = start().await;
    let initialize = json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    });
    let opened = server.post("", initialize.to_string()).await;
    let session = format!("mcp-session-id: {}\r\n", opened.header("mcp-session-id").unwrap());
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(server.post(&session, initialized.to_string()).await.status, 202);
    let subscribe = json!({
        "jsonrpc": "2.0", "id": 1, "method": "resources/subscribe",
        "params": {"uri": "test://note"},
    });
    server.post(&session, subscribe.to_string()).await;

    for _ in 0..1_000 {
        server.server.notify_resource_updated("test://note");
    }
    let mut client = server.connect().await;
    let accept = "accept: text/event-stream\r\n";
    client.write(format!("GET /mcp HTTP/1.1\r\nhost: localhost\r\n{accept}{session}\r\n")).await;
    assert_eq!(client.head().await.status, 200);
    let update = client.event().await;
    assert_eq!(update["method"], "notifications/resources/updated");
    assert_eq!(update["params"], json!({"uri": "test://note"}));

    // It was one notification; the next event is that of another change.
    server.server.notify_resource_updated("test://note");
    assert_eq!(client.event().await["params"], json!({"uri": "test://note"}));
}
