//! HTTP+SSE, the transport of 2024-11-05.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use mcp_core::{Principal, Server, Transport as _};
use mcp_http::{HttpConfig, HttpService};
use mcp_transport_sse::HttpTransport;
use serde_json::{Value, json};
use support::{Client, Listening, PATIENCE, Reply, call, modern, start, start_with, within};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

async fn listening() -> Listening {
    start_with(|transport| transport.legacy_sse(true)).await
}

/// A session: the stream, and the path to send messages to.
struct Session<'a> {
    listening: &'a Listening,
    stream: Client,
    endpoint: String,
}

impl<'a> Session<'a> {
    async fn open(listening: &'a Listening) -> Self {
        let mut stream = listening.connect().await;
        stream
            .write("GET /sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n")
            .await;
        let head = stream.head().await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-type"), Some("text/event-stream"));
        let first = String::from_utf8(stream.chunk().await.unwrap()).unwrap();
        let endpoint = first.strip_prefix("event: endpoint\ndata: ").unwrap();
        Self { listening, stream, endpoint: endpoint.trim_end().to_owned() }
    }

    /// One that has shaken hands.
    async fn initialized(listening: &'a Listening) -> Self {
        let mut session = Self::open(listening).await;
        session.send(initialize()).await;
        let answer = session.stream.event().await;
        assert_eq!(answer["result"]["protocolVersion"], "2024-11-05", "{answer}");
        session.send(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        session
    }

    async fn send(&self, message: Value) {
        let reply = post(self.listening, &self.endpoint, "", message.to_string()).await;
        assert_eq!(reply.status, 202, "{reply:?}");
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.stream.event().await
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }})
}

fn legacy_call(id: u64, tool: &str, arguments: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": call(tool, arguments)})
}

async fn post(listening: &Listening, path: &str, headers: &str, body: impl AsRef<str>) -> Reply {
    let body = body.as_ref();
    let length = body.len();
    let mut client = listening.connect().await;
    client
        .write(format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await;
    client.reply().await
}

#[tokio::test]
async fn a_session_answers_on_its_stream() {
    let listening = listening().await;
    let mut session = Session::initialized(&listening).await;
    let answer = session.ask(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    assert!(answer["result"]["tools"].as_array().unwrap().len() > 3, "{answer}");
    let answer = session.ask(legacy_call(2, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(answer["result"]["content"][0]["text"], "3");
    let answer = session.ask(json!({"jsonrpc": "2.0", "id": 3, "method": 7})).await;
    assert_eq!(answer["error"]["code"], -32600);
}

#[tokio::test]
async fn progress_comes_before_the_result_and_calls_do_not_wait_for_each_other() {
    let listening = listening().await;
    let mut session = Session::initialized(&listening).await;
    let mut slow = legacy_call(1, "step", json!({"steps": 2}));
    slow["params"]["_meta"]["progressToken"] = "p".into();
    session.send(slow).await;
    listening.gate.running(1).await;
    let quick = session.ask(legacy_call(2, "echo", json!({"text": "quick"}))).await;
    assert_eq!(quick["id"], 2);
    listening.gate.steps.add_permits(2);
    for step in 1..=2 {
        assert_eq!(session.stream.event().await["params"]["progress"], f64::from(step));
    }
    assert_eq!(session.stream.event().await["id"], 1);
}

#[tokio::test]
async fn a_cancelled_call_is_dropped() {
    let listening = listening().await;
    let session = Session::initialized(&listening).await;
    session.send(legacy_call(1, "step", json!({"steps": 1}))).await;
    listening.gate.running(1).await;
    session
        .send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}))
        .await;
    listening.gate.ended(1).await;
}

#[tokio::test]
async fn a_session_ends_with_its_stream() {
    let listening = listening().await;
    let session = Session::initialized(&listening).await;
    session.send(legacy_call(1, "step", json!({"steps": 1}))).await;
    listening.gate.running(1).await;
    drop(session.stream);
    listening.gate.ended(1).await;
    let endpoint = session.endpoint;
    let gone = async {
        loop {
            let reply = post(&listening, &endpoint, "", initialize().to_string()).await;
            if reply.status == 404 {
                return reply;
            }
        }
    };
    within(gone).await.assert_error(404, -32600, Value::Null);
}

#[tokio::test]
async fn it_is_off_unless_it_is_turned_on() {
    let listening = start().await;
    for path in ["/sse", "/messages?sessionId=1"] {
        assert_eq!(listening.bare("GET", path, "").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn post_to_the_stream_is_streamable_http() {
    let listening = listening().await;
    let (headers, body) = modern("tools/call", call("add", json!({"a": 1, "b": 2})));
    let reply = post(&listening, "/sse", &headers, body).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "3");

    // A session of Streamable HTTP, its GET stream included, at the same address.
    let opened = post(&listening, "/sse", "", initialize().to_string()).await;
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let mut stream = listening.connect().await;
    stream
        .write(format!(
            "GET /sse HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\nmcp-session-id: {session}\r\n\r\n"
        ))
        .await;
    assert_eq!(stream.head().await.status, 200);
}

#[tokio::test]
async fn messages_that_are_none_are_refused() {
    let listening =
        start_with(|transport| transport.legacy_sse(true).config(HttpConfig::new().max_body(500)))
            .await;
    let session = Session::initialized(&listening).await;
    let own = session.endpoint.as_str();
    let ok = initialize().to_string();
    let long = format!("\"{}\"", "x".repeat(600));
    for (path, headers, body, status) in [
        ("/messages", "", &ok, 400),
        ("/messages?session=1", "", &ok, 400),
        ("/messages?sessionId=", "", &ok, 404),
        ("/messages?sessionId=0123456789abcdef0123456789abcdef", "", &ok, 404),
        (own, "content-type: text/plain\r\n", &ok, 415),
        (own, "origin: https://evil.example\r\n", &ok, 403),
        (own, "", &long, 413),
    ] {
        let reply = post(&listening, path, headers, body).await;
        reply.assert_error(status, -32600, Value::Null);
    }
    let reply = listening.bare("GET", own, "").await;
    reply.assert_error(405, -32600, Value::Null);
    let reply = listening.bare("GET", "/sse", "origin: https://evil.example\r\n").await;
    reply.assert_error(403, -32600, Value::Null);
}

#[tokio::test]
async fn there_are_no_more_sessions_than_the_limit() {
    let listening = start_with(|transport| {
        transport.legacy_sse(true).config(HttpConfig::new().max_sessions(2))
    })
    .await;
    let first = Session::open(&listening).await;
    let _second = Session::open(&listening).await;
    listening.bare("GET", "/sse", "").await.assert_error(503, -31503, Value::Null);
    drop(first);
    let freed = async {
        loop {
            let mut stream = listening.connect().await;
            stream.write("GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
            if stream.head().await.status == 200 {
                return;
            }
        }
    };
    within(freed).await;
}

#[tokio::test]
async fn a_session_without_messages_ends() {
    let config = HttpConfig::new().session_idle(Duration::from_millis(50));
    let listening = start_with(|transport| transport.legacy_sse(true).config(config)).await;
    let mut session = Session::open(&listening).await;
    within(async { while session.stream.chunk().await.is_some() {} }).await;
    let reply = post(&listening, &session.endpoint, "", initialize().to_string()).await;
    reply.assert_error(404, -32600, Value::Null);
}

#[tokio::test]
async fn shutdown_finishes_calls_and_ends_the_stream() {
    let listening = listening().await;
    let mut session = Session::initialized(&listening).await;
    session.send(legacy_call(1, "step", json!({"steps": 1}))).await;
    listening.gate.running(1).await;
    listening.shutdown.cancel();
    within(async { while TcpStream::connect(listening.address).await.is_ok() {} }).await;
    listening.gate.steps.add_permits(1);
    assert_eq!(session.stream.event().await["result"]["content"][0]["text"], "took 1 steps");
    assert!(within(session.stream.chunk()).await.is_none());
}

#[tokio::test]
async fn nothing_more_is_done_for_a_client_that_does_not_read() {
    let listening = listening().await;
    let session = Session::initialized(&listening).await;
    let mut flood = legacy_call(1, "rush", json!({"steps": 50_000_000}));
    flood["params"]["_meta"]["progressToken"] = "p".into();
    session.send(flood).await;
    listening.gate.running(1).await;
    // Far more than what fits into the buffers between is yet to be told.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(*listening.gate.ended.borrow(), 0);
    drop(session);
    listening.gate.ended(1).await;
}

#[tokio::test]
async fn a_session_is_its_openers_own() {
    let server = Server::builder("own", "1").build();
    let http = HttpService::new(server, HttpConfig::new());
    let sse = http.sse("/messages");
    let request = |method: &str, path: &str, who: Option<&str>| {
        let request = http::Request::builder().method(method).uri(path).header("host", "localhost");
        let body = http_body_util::Full::new(bytes::Bytes::from(initialize().to_string()));
        let mut request = request.body(body).unwrap();
        if let Some(who) = who {
            request.extensions_mut().insert(Principal::new(who, [""; 0]));
        }
        request
    };
    let opened = sse.clone().oneshot(request("GET", "/sse", Some("ada"))).await.unwrap();
    let mut stream = opened.into_body();
    let first = http_body_util::BodyExt::frame(&mut stream).await.unwrap().unwrap();
    let first = String::from_utf8(first.into_data().unwrap().to_vec()).unwrap();
    let endpoint = first.split("data: ").nth(1).unwrap().trim();
    for (who, status) in [(None, 404), (Some("eve"), 404), (Some("ada"), 202)] {
        let reply = sse.clone().oneshot(request("POST", endpoint, who)).await.unwrap();
        assert_eq!(reply.status(), status, "{who:?}");
    }
}

#[tokio::test]
async fn a_silent_stream_is_kept_alive() {
    let config = HttpConfig::new().keep_alive(Duration::from_millis(10));
    let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
    let transport = transport.config(config).legacy_sse(true);
    let address = transport.local_addr().unwrap();
    let server = Server::builder("quiet", "1").build();
    let serving = tokio::spawn(transport.serve(server, CancellationToken::new()));
    let mut stream = Client::new(TcpStream::connect(address).await.unwrap());
    stream.write("GET /sse HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(stream.head().await.status, 200);
    assert!(stream.chunk().await.unwrap().starts_with(b"event: endpoint\n"));
    for _ in 0..3 {
        assert_eq!(
            tokio::time::timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap(),
            b":\n\n"
        );
    }
    serving.abort();
}
