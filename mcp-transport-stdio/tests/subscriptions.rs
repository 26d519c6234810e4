//! `subscriptions/listen` on the one channel that everything shares.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{io, time::Duration};

use mcp_core::{Resource, Server, tool};
use mcp_transport_stdio::{StreamOptions, serve_stream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf},
    io::{WriteHalf, duplex, split},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes: only a hang comes to its end.
const HANG: Duration = Duration::from_secs(60);
const SUBSCRIPTION: &str = "io.modelcontextprotocol/subscriptionId";

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

struct Client {
    to_server: Option<WriteHalf<DuplexStream>>,
    from_server: Lines<BufReader<ReadHalf<DuplexStream>>>,
    server: Server,
    shutdown: CancellationToken,
    serving: JoinHandle<io::Result<()>>,
}

impl Client {
    fn new() -> Self {
        let server = Server::builder("test", "1")
            .tool::<add>()
            .resource(Resource::text("test://a", "a", "A"))
            .resource(Resource::text("test://b", "b", "B"))
            .build();
        let (ours, theirs) = duplex(64 * 1024);
        let (reader, writer) = split(theirs);
        let shutdown = CancellationToken::new();
        // A subscription that held the end up would do so for longer than a test waits.
        let options = StreamOptions::new().grace(2 * HANG);
        let serving = serve_stream(server.clone(), reader, writer, options, shutdown.clone());
        let (from_server, to_server) = split(ours);
        Self {
            to_server: Some(to_server),
            from_server: BufReader::new(from_server).lines(),
            server,
            shutdown,
            serving: tokio::spawn(serving),
        }
    }

    async fn send(&mut self, message: Value) {
        let line = format!("{message}\n");
        self.to_server.as_mut().unwrap().write_all(line.as_bytes()).await.unwrap();
    }

    async fn next(&mut self) -> Option<Value> {
        let line = timeout(HANG, self.from_server.next_line()).await.unwrap().unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    async fn told(&mut self) -> Value {
        self.next().await.expect("a message")
    }

    async fn listen(&mut self, id: &str, uris: &[&str]) {
        let notifications = json!({"resourceSubscriptions": uris});
        let params = json!({"notifications": notifications, "_meta": meta()});
        let method = "subscriptions/listen";
        self.send(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        let acknowledged = self.told().await;
        assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(acknowledged["params"]["notifications"], notifications);
        assert_eq!(acknowledged["params"]["_meta"][SUBSCRIPTION], id);
    }

    async fn finish(mut self) {
        assert_eq!(self.next().await, None);
        timeout(HANG, self.serving).await.unwrap().unwrap().unwrap();
    }
}

fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

fn is_end(message: &Value, id: &str) -> bool {
    message["id"] == id && message["result"]["_meta"][SUBSCRIPTION] == id
}

#[tokio::test]
async fn subscriptions_share_the_channel_and_are_told_apart() {
    let mut client = Client::new();
    client.listen("one", &["test://a"]).await;
    client.listen("two", &["test://a", "test://b"]).await;
    client.server.notify_resource_updated("test://b");
    let update = client.told().await;
    assert_eq!(update["params"]["_meta"][SUBSCRIPTION], "two");
    assert_eq!(update["params"]["uri"], "test://b");

    client.server.notify_resource_updated("test://a");
    let mut told = [client.told().await, client.told().await]
        .map(|update| update["params"]["_meta"][SUBSCRIPTION].as_str().unwrap().to_owned());
    told.sort();
    assert_eq!(told, ["one", "two"]);

    // Calls go on beside them.
    let params = json!({"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": meta()});
    client.send(json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": params})).await;
    assert_eq!(client.told().await["result"]["content"][0]["text"], "3");
}

#[tokio::test]
async fn a_cancelled_subscription_is_told_nothing_more() {
    let mut client = Client::new();
    client.listen("one", &["test://a"]).await;
    client
        .send(json!({
            "jsonrpc": "2.0", "method": "notifications/cancelled",
            "params": {"requestId": "one"},
        }))
        .await;
    // The identifier is free again once the cancellation has been read.
    client.listen("one", &["test://b"]).await;
    client.server.notify_resource_updated("test://a");
    client.server.notify_resource_updated("test://b");
    assert_eq!(client.told().await["params"]["uri"], "test://b");
}

#[tokio::test]
async fn the_end_of_input_ends_subscriptions_with_their_results() {
    let mut client = Client::new();
    client.listen("one", &["test://a"]).await;
    client.to_server.take().unwrap().shutdown().await.unwrap();
    assert!(is_end(&client.told().await, "one"));
    client.finish().await;
}

#[tokio::test]
async fn a_shutdown_ends_subscriptions_with_their_results() {
    let mut client = Client::new();
    client.listen("one", &["test://a"]).await;
    client.listen("two", &["test://b"]).await;
    client.server.notify_resource_updated("test://b");
    client.shutdown.cancel();
    let mut ended = Vec::new();
    while ended.len() < 2 {
        let message = client.told().await;
        match message["id"].as_str() {
            Some(id) => {
                assert!(is_end(&message, id));
                ended.push(id.to_owned());
            }
            None => assert_eq!(message["params"]["uri"], "test://b"),
        }
    }
    client.finish().await;
}
