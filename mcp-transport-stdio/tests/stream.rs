//! What a client sees, over real pipes.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and tests read better so")]

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use mcp_stage::{
    Stage, cancelled, code, initialize, initialized, legacy, meta, modern, server, text,
    with_progress,
};
use mcp_transport_stdio::{StreamOptions, serve_stream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::unix::pipe::{self, pipe},
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes: only a hang comes to its end.
const HANG: Duration = Duration::from_secs(60);
const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

struct Client {
    to_server: Option<pipe::Sender>,
    from_server: Lines<BufReader<pipe::Receiver>>,
    serving: JoinHandle<io::Result<()>>,
    shutdown: CancellationToken,
    stage: Arc<Stage>,
}

impl Client {
    fn new() -> Self {
        Self::with(StreamOptions::new())
    }

    fn with(options: StreamOptions) -> Self {
        let (to_server, from_client) = pipe().unwrap();
        let (to_client, from_server) = pipe().unwrap();
        let stage = Arc::<Stage>::default();
        let shutdown = CancellationToken::new();
        let serving =
            serve_stream(server(&stage), from_client, to_client, options, shutdown.clone());
        Self {
            to_server: Some(to_server),
            from_server: BufReader::new(from_server).lines(),
            serving: tokio::spawn(serving),
            shutdown,
            stage,
        }
    }

    /// A client with a legacy session.
    async fn legacy(version: &str) -> Self {
        let mut client = Self::new();
        let answer = client.ask(initialize(0, version)).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
        client.send(initialized()).await;
        client
    }

    async fn write(&mut self, bytes: &[u8]) {
        timeout(HANG, self.to_server.as_mut().unwrap().write_all(bytes)).await.unwrap().unwrap();
    }

    async fn line(&mut self, line: impl AsRef<[u8]>) {
        self.write(line.as_ref()).await;
        self.write(b"\n").await;
    }

    async fn send(&mut self, message: Value) {
        self.line(message.to_string()).await;
    }

    async fn next(&mut self) -> Option<Value> {
        let line = timeout(HANG, self.from_server.next_line()).await.unwrap().unwrap()?;
        let message: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        Some(message)
    }

    async fn answer(&mut self) -> Value {
        self.next().await.expect("an answer")
    }

    /// Sends a message and returns the next one.
    async fn ask(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.answer().await
    }

    /// Sends a line and returns the next message.
    async fn ask_line(&mut self, line: impl AsRef<[u8]>) -> Value {
        self.line(line).await;
        self.answer().await
    }

    /// The next messages by their identifiers.
    async fn answers(&mut self, count: usize) -> HashMap<String, Value> {
        let mut answers = HashMap::new();
        for _ in 0..count {
            let answer = self.answer().await;
            let previous = answers.insert(answer["id"].to_string(), answer);
            assert!(previous.is_none(), "answered twice: {previous:?}");
        }
        answers
    }

    /// Waits until this many calls wait.
    async fn until_waiting(&self, count: usize) {
        let waiting = async {
            while self.stage.waiting.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(HANG, waiting).await.unwrap();
    }

    /// Checks that nothing but this is answered, with a call that is answered after it.
    async fn nothing_more(&mut self) {
        let answer = self.ask(modern("last", "echo", json!({"text": "end"}))).await;
        assert_eq!(answer["id"], "last", "{answer}");
    }

    /// Closes the stream and returns what still comes.
    async fn close(mut self) -> Vec<Value> {
        self.to_server = None;
        let mut rest = Vec::new();
        while let Some(message) = self.next().await {
            rest.push(message);
        }
        timeout(HANG, self.serving).await.unwrap().unwrap().unwrap();
        rest
    }
}

#[tokio::test]
async fn a_modern_call_is_answered() {
    let mut client = Client::new();
    let answer = client.ask(modern(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(answer["id"], 1);
    assert_eq!(text(&answer), "3");
    assert_eq!(answer["result"]["resultType"], "complete");
    assert!(client.close().await.is_empty());
}

#[tokio::test]
async fn a_bare_legacy_request_needs_no_handshake() {
    let mut client = Client::new();
    let answer = client.ask(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    assert!(answer["result"]["tools"].as_array().unwrap().len() > 5);
    assert!(answer["result"].get("resultType").is_none());
    let answer = client.ask(legacy(2, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(text(&answer), "3");
    let answer = client.ask(json!({"jsonrpc": "2.0", "id": 3, "method": "ping"})).await;
    assert_eq!(answer["result"], json!({}));
}

#[tokio::test]
async fn discovery_says_what_the_server_is() {
    let mut client = Client::new();
    let answer = client
        .ask(json!({
            "jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta()},
        }))
        .await;
    let info = &answer["result"]["_meta"]["io.modelcontextprotocol/serverInfo"];
    assert_eq!((&info["name"], &info["version"]), (&json!("stage"), &json!("4.2")));
}

#[tokio::test]
async fn a_call_that_waits_does_not_hold_up_others() {
    let mut client = Client::new();
    client.send(modern(1, "wait", json!({}))).await;
    for id in 2..10 {
        let answer = client.ask(modern(id, "echo", json!({"text": "quick"}))).await;
        assert_eq!(answer["id"], id);
    }
    client.until_waiting(1).await;
    client.stage.gate.notify_one();
    let answer = client.answer().await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(1), "released"));
}

#[tokio::test]
async fn a_thousand_pipelined_calls_are_all_answered() {
    for tool in ["echo", "yields"] {
        let mut client = Client::new();
        let calls: String = (0..1000)
            .map(|id| format!("{}\n", modern(id, tool, json!({"text": format!("t{id}")}))))
            .collect();
        let mut to_server = client.to_server.take().unwrap();
        let writing =
            tokio::spawn(async move { to_server.write_all(calls.as_bytes()).await.map(drop) });
        let answers = client.answers(1000).await;
        for id in 0..1000 {
            assert_eq!(text(&answers[&id.to_string()]), format!("t{id}"));
        }
        writing.await.unwrap().unwrap();
        assert!(client.close().await.is_empty());
    }
}

#[tokio::test]
async fn progress_comes_before_its_response() {
    let mut client = Client::new();
    client.send(with_progress(modern(1, "count", json!({"n": 100})), "p")).await;
    for step in 1..=100 {
        let notification = client.answer().await;
        assert_eq!(notification["method"], "notifications/progress");
        assert_eq!(notification["params"]["progressToken"], "p");
        assert_eq!(notification["params"]["progress"], step);
    }
    assert_eq!(text(&client.answer().await), "counted");
}

#[tokio::test]
async fn carriage_returns_and_blank_lines_are_passed_over() {
    let mut client = Client::new();
    client.write(b"\n\r\n  \n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r\n\n").await;
    assert_eq!(client.answer().await["id"], 1);
    client.nothing_more().await;
}

#[tokio::test]
async fn a_message_may_arrive_byte_by_byte() {
    let mut client = Client::new();
    for byte in format!("{}\n", modern(1, "echo", json!({"text": "ä€𝄞"}))).as_bytes() {
        client.write(&[*byte]).await;
        yield_now().await;
    }
    assert_eq!(text(&client.answer().await), "ä€𝄞");
}

#[tokio::test]
async fn a_last_line_without_a_line_break_is_answered() {
    let mut client = Client::new();
    client.write(modern(1, "add", json!({"a": 1, "b": 2})).to_string().as_bytes()).await;
    let rest = client.close().await;
    assert_eq!(rest.len(), 1);
    assert_eq!(text(&rest[0]), "3");
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_message_is_answered() {
    let mut client = Client::new();
    client.write(br#"{"jsonrpc":"2.0","id":1,"method":"tools/ca"#).await;
    let rest = client.close().await;
    assert_eq!(rest.len(), 1);
    assert_eq!((code(&rest[0]), &rest[0]["id"]), (-32700, &Value::Null));
}

#[tokio::test]
async fn malformed_lines_are_answered_and_do_not_end_the_connection() {
    let nested = |depth: usize| {
        let mut line = String::from(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":"#);
        line.push_str(r#"{"name":"echo","arguments":"#);
        line.push_str(&"[".repeat(depth));
        line.push_str(&"]".repeat(depth));
        line.push_str("}}");
        line.into_bytes()
    };
    let bytes = |text: &str| text.as_bytes().to_vec();
    let cases: [(Vec<u8>, i64, Value); 18] = [
        (bytes("nonsense"), -32700, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"#), -32700, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":NaN}"#), -32700, Value::Null),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}".to_vec(), -32700, Value::Null),
        (b"\x00\x01\x02".to_vec(), -32700, Value::Null),
        (bytes(r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#), -32600, Value::Null),
        (bytes("[]"), -32600, Value::Null),
        (bytes("null"), -32600, Value::Null),
        (bytes(r#""text""#), -32600, Value::Null),
        (bytes("{}"), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"2.0","id":[1],"method":"ping"}"#), -32600, Value::Null),
        (bytes(r#"{"jsonrpc":"1.0","id":9,"method":"ping"}"#), -32600, json!(9)),
        (bytes(r#"{"jsonrpc":"2.0","id":9,"id":10,"method":"ping"}"#), -32600, Value::Null),
        (nested(20_000), -32602, json!(7)),
    ];
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        for (line, expected, id) in &cases {
            let answer = client.ask_line(line).await;
            let shown = String::from_utf8_lossy(&line[..line.len().min(80)]);
            assert_eq!((code(&answer), &answer["id"]), (*expected, id), "{shown}: {answer}");
        }
        client.nothing_more().await;
    }
}

#[tokio::test]
async fn identifiers_are_echoed_exactly() {
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        for id in [
            "0",
            "-1",
            "9223372036854775807",
            "18446744073709551615",
            "1000000000000000000000000",
            r#""""#,
            r#""1""#,
            r#""ä \" 𝄞""#,
        ] {
            let line = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
            client.line(line).await;
            let answer = timeout(HANG, client.from_server.next_line()).await.unwrap().unwrap();
            assert_eq!(answer.unwrap(), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#),);
        }
    }
}

#[tokio::test]
async fn unknown_members_are_passed_over() {
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        let mut call = legacy(1, "add", json!({"a": 1, "b": 2}));
        call["more"] = json!([1, 2]);
        call["params"]["more"] = json!({"x": null});
        assert_eq!(text(&client.ask(call).await), "3");
    }
}

#[tokio::test]
async fn layers_and_the_log_see_the_identifier_that_the_client_gave() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let server = mcp_core::Server::builder("layered", "1")
        .layer(tower::util::MapRequestLayer::new(move |request: mcp_core::Request| {
            note.lock().unwrap().push(request.id().to_string());
            request
        }))
        .build();
    let messages = [
        modern("modern", "absent", json!({})),
        initialize("i", "2025-11-25"),
        legacy("legacy", "absent", json!({})),
    ]
    .map(|message| format!("{message}\n"))
    .concat();
    let options = StreamOptions::new();
    let sink = tokio::io::sink();
    serve_stream(server, messages.as_bytes(), sink, options, CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(*seen.lock().unwrap(), ["\"modern\"", "\"i\"", "\"legacy\""]);
}

#[tokio::test]
async fn a_line_over_the_limit_is_refused_once() {
    const LIMIT: usize = 16 * 1024 * 1024;
    let mut client = Client::new();
    let mut line = vec![b' '; LIMIT + 1];
    line[..3].copy_from_slice(b"{\"x");
    line[LIMIT] = b'}';
    let answer = client.ask_line(&line).await;
    assert_eq!((code(&answer), &answer["id"]), (-32600, &Value::Null));
    assert!(answer["error"]["message"].as_str().unwrap().contains("16777216"));
    client.nothing_more().await;

    // One of exactly the limit is not.
    let call = modern(1, "echo", json!({"text": "small"})).to_string();
    let mut line = vec![b' '; LIMIT - call.len()];
    line.extend_from_slice(call.as_bytes());
    assert_eq!(text(&client.ask_line(&line).await), "small");
}

#[tokio::test]
async fn a_long_line_within_the_limit_is_answered() {
    let long = "x".repeat(9 * 1024 * 1024);
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        for call in
            [modern(1, "echo", json!({"text": long})), legacy(1, "echo", json!({"text": long}))]
        {
            client.send(call).await;
            assert!(text(&client.answer().await) == long);
        }
    }
}

#[tokio::test]
async fn an_identifier_in_flight_cannot_be_used_again() {
    let session = Client::legacy("2025-11-25").await;
    for (mut client, call) in
        [(Client::new(), modern as fn(_, &str, _) -> _), (session, legacy as fn(_, &str, _) -> _)]
    {
        client.send(call(json!("a"), "wait", json!({}))).await;
        client.until_waiting(1).await;
        for again in [call(json!("a"), "echo", json!({"text": ""})), modern("a", "wait", json!({}))]
        {
            let answer = client.ask(again).await;
            assert_eq!((code(&answer), &answer["id"]), (-32600, &json!("a")));
        }
        client.stage.gate.notify_one();
        assert_eq!(text(&client.answer().await), "released");
        // Once answered, it can.
        let answer = client.ask(call(json!("a"), "echo", json!({"text": "again"}))).await;
        assert_eq!(text(&answer), "again");
    }
}

#[tokio::test]
async fn a_cancelled_call_stops_and_is_not_answered() {
    let session = Client::legacy("2025-11-25").await;
    let stateless = Client::new();
    for (mut client, call) in [
        (Client::new(), modern as fn(_, &str, _) -> _),
        (stateless, legacy as fn(_, &str, _) -> _),
        (session, legacy as fn(_, &str, _) -> _),
    ] {
        client.send(call(json!(5), "wait", json!({}))).await;
        client.send(call(json!(6), "wait", json!({}))).await;
        client.until_waiting(2).await;
        client.send(cancelled(5)).await;
        client.until_waiting(1).await;

        // The identifier is free, and what becomes of the old call does not touch the new one.
        let answer = client.ask(call(json!(5), "echo", json!({"text": "new"}))).await;
        assert_eq!(text(&answer), "new");
        client.stage.gate.notify_one();
        assert_eq!(client.answer().await["id"], 6);
        client.nothing_more().await;
        assert!(client.close().await.is_empty());
    }
}

#[tokio::test]
async fn an_identifier_can_be_used_again_right_after_it_was_cancelled() {
    let session = Client::legacy("2025-11-25").await;
    for (mut client, call) in
        [(Client::new(), modern as fn(_, &str, _) -> _), (session, legacy as fn(_, &str, _) -> _)]
    {
        let mut lines = String::new();
        for _ in 0..100 {
            lines += &format!("{}\n{}\n", call(json!(1), "wait", json!({})), cancelled(1));
        }
        lines += &format!("{}\n", call(json!(1), "echo", json!({"text": "kept"})));
        client.write(lines.as_bytes()).await;
        assert_eq!(text(&client.answer().await), "kept");
        client.until_waiting(0).await;
        client.nothing_more().await;
    }
}

#[tokio::test]
async fn a_cancellation_of_nothing_is_passed_over() {
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        client.send(cancelled(17)).await;
        client.send(cancelled(json!({}))).await;
        client.send(json!({"jsonrpc": "2.0", "method": "notifications/cancelled"})).await;
        client.send(json!({"jsonrpc": "2.0", "method": "notifications/unheard"})).await;
        client.send(json!({"jsonrpc": "2.0", "id": 3, "result": {}})).await;
        client.nothing_more().await;
    }
}

#[tokio::test]
async fn a_panic_is_the_error_of_its_call_alone() {
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        for call in [modern(1, "panics", json!({})), legacy(1, "panics", json!({}))] {
            let answer = client.ask(call).await;
            assert_eq!((code(&answer), &answer["id"]), (-32603, &json!(1)));
            assert!(!answer.to_string().contains("as the test wants it"));
            client.nothing_more().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_answered_with_an_error() {
    let session = Client::legacy("2025-11-25").await;
    for mut client in [Client::new(), session] {
        for call in [modern(1, "too_slow", json!({})), legacy(1, "too_slow", json!({}))] {
            let answer = client.ask(call).await;
            assert_eq!((code(&answer), &answer["id"]), (-31504, &json!(1)));
        }
    }
}

#[tokio::test]
async fn each_legacy_version_opens_a_session() {
    for version in LEGACY {
        let mut client = Client::new();
        let answer = client.ask(initialize("init", version)).await;
        assert_eq!(answer["id"], "init");
        let result = &answer["result"];
        assert_eq!(result["protocolVersion"], version);
        assert_eq!(result["serverInfo"]["name"], "stage");
        assert_eq!(result["serverInfo"]["version"], "4.2");
        assert!(result["capabilities"]["tools"].is_object());
        client.send(initialized()).await;

        let answer = client.ask(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
        assert!(answer["result"]["tools"].as_array().unwrap().iter().any(|t| t["name"] == "add"));

        client.send(with_progress(legacy(2, "count", json!({"n": 3})), 77)).await;
        for step in 1..=3 {
            let notification = client.answer().await;
            assert_eq!(notification["method"], "notifications/progress");
            assert_eq!(notification["params"]["progressToken"], 77);
            assert_eq!(notification["params"]["progress"].as_f64(), Some(f64::from(step)));
        }
        assert_eq!(text(&client.answer().await), "counted");

        let answer = client.ask(legacy(3, "add", json!({"a": "1"}))).await;
        assert_eq!(answer["result"]["isError"], true);
        let answer = client.ask(legacy(4, "absent", json!({}))).await;
        assert_eq!(code(&answer), -32602);
        let answer = client.ask(json!({"jsonrpc": "2.0", "id": 5, "method": "no/such"})).await;
        assert_eq!((code(&answer), &answer["id"]), (-32601, &json!(5)));
        let answer = client
            .ask(json!({"jsonrpc": "2.0", "id": 6, "method": "tools/call", "params": {"name": 7}}))
            .await;
        assert_eq!((code(&answer), &answer["id"]), (-32602, &json!(6)));
        assert!(client.close().await.is_empty());
    }
}

#[tokio::test]
async fn an_unknown_version_is_answered_with_the_newest_legacy_one() {
    for version in ["2026-07-28", "1999-01-01", "tomorrow"] {
        let mut client = Client::new();
        let answer = client.ask(initialize(1, version)).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
    }
}

#[tokio::test]
async fn a_whole_legacy_conversation_may_arrive_at_once() {
    let mut client = Client::new();
    let lines = [
        initialize(0, "2025-06-18"),
        initialized(),
        json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
        legacy(2, "add", json!({"a": 1, "b": 2})),
    ]
    .map(|message| format!("{message}\n"))
    .concat();
    client.write(lines.as_bytes()).await;
    let rest = client.close().await;
    assert_eq!(rest.len(), 3);
    assert_eq!(rest[0]["id"], 0);
}

#[tokio::test]
async fn both_eras_are_served_at_once() {
    let mut client = Client::legacy("2025-06-18").await;
    for round in 0..50 {
        client.send(modern(format!("m{round}"), "add", json!({"a": round, "b": 1}))).await;
        client.send(legacy(format!("l{round}"), "add", json!({"a": round, "b": 2}))).await;
    }
    let answers = client.answers(100).await;
    for round in 0..50 {
        let modern = &answers[&format!("\"m{round}\"")];
        let legacy = &answers[&format!("\"l{round}\"")];
        assert_eq!(text(modern), (round + 1).to_string());
        assert_eq!(modern["result"]["resultType"], "complete");
        assert_eq!(text(legacy), (round + 2).to_string());
        assert!(legacy["result"].get("resultType").is_none());
    }
}

#[tokio::test]
async fn a_thousand_pipelined_legacy_calls_are_all_answered() {
    let mut client = Client::legacy("2025-11-25").await;
    let calls: String = (0..1000)
        .map(|id| format!("{}\n", legacy(id, "echo", json!({"text": format!("t{id}")}))))
        .collect();
    let mut to_server = client.to_server.take().unwrap();
    let writing = tokio::spawn(async move { to_server.write_all(calls.as_bytes()).await });
    let answers = client.answers(1000).await;
    for id in 0..1000 {
        assert_eq!(text(&answers[&id.to_string()]), format!("t{id}"));
    }
    writing.await.unwrap().unwrap();
    assert!(client.close().await.is_empty());
}

#[tokio::test]
async fn a_second_initialize_negotiates_again_and_calls_go_on() {
    let mut client = Client::legacy("2025-06-18").await;
    client.send(legacy(1, "wait", json!({}))).await;
    client.until_waiting(1).await;
    let answer = client.ask(initialize(2, "2024-11-05")).await;
    assert_eq!(answer["result"]["protocolVersion"], "2024-11-05");
    let answer = client.ask(initialize(3, "2026-07-28")).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    // `ping` is what a session that has become modern would not know.
    let answer = client.ask(json!({"jsonrpc": "2.0", "id": 4, "method": "ping"})).await;
    assert_eq!(answer["result"], json!({}), "{answer}");
    client.stage.gate.notify_one();
    assert_eq!(text(&client.answer().await), "released");
}

#[tokio::test]
async fn a_malformed_initialize_is_answered_and_may_be_tried_again() {
    let mut client = Client::new();
    for params in [json!({}), json!({"protocolVersion": 7}), Value::Null] {
        let answer = client
            .ask(json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}))
            .await;
        assert_eq!((code(&answer), &answer["id"]), (-32602, &json!(1)), "{answer}");
    }
    let answer = client.ask(initialize(2, "2025-11-25")).await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
}

#[tokio::test]
async fn calls_in_flight_are_finished_when_the_client_closes_its_side() {
    let session = Client::legacy("2025-11-25").await;
    for (mut client, call) in
        [(Client::new(), modern as fn(_, &str, _) -> _), (session, legacy as fn(_, &str, _) -> _)]
    {
        client.send(call(json!(1), "wait", json!({}))).await;
        client.until_waiting(1).await;
        client.to_server = None;
        let stage = Arc::clone(&client.stage);
        tokio::spawn(async move {
            for _ in 0..100 {
                yield_now().await;
            }
            stage.gate.notify_one();
        });
        let rest = client.close().await;
        assert_eq!(rest.len(), 1);
        assert_eq!(text(&rest[0]), "released");
    }
}

#[tokio::test]
async fn a_shutdown_finishes_calls_in_flight() {
    let session = Client::legacy("2025-11-25").await;
    for (mut client, call) in
        [(Client::new(), modern as fn(_, &str, _) -> _), (session, legacy as fn(_, &str, _) -> _)]
    {
        client.send(call(json!(1), "wait", json!({}))).await;
        client.until_waiting(1).await;
        client.shutdown.cancel();
        yield_now().await;
        // What comes now is not read any more; the pipe may break under it.
        client.stage.gate.notify_one();
        assert_eq!(text(&client.answer().await), "released");
        assert_eq!(client.next().await, None);
        timeout(HANG, client.serving).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn calls_are_given_up_with_an_error_when_the_grace_period_ends() {
    let mut client = Client::with(StreamOptions::new().grace(Duration::from_millis(20)));
    client.ask(initialize(0, "2025-11-25")).await;
    client.send(modern("modern", "wait", json!({}))).await;
    client.send(legacy("legacy", "wait", json!({}))).await;
    client.until_waiting(2).await;
    let stage = Arc::clone(&client.stage);
    client.to_server = None;
    let answers = client.answers(2).await;
    for id in ["\"modern\"", "\"legacy\""] {
        assert_eq!(code(&answers[id]), -31504);
    }
    assert!(client.close().await.is_empty());
    timeout(HANG, async {
        while stage.waiting.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_client_that_does_not_read() {
    let mut client = Client::with(StreamOptions::new().grace(Duration::from_millis(20)));
    client.send(initialize("i", "2025-11-25")).await;
    client.send(with_progress(legacy(1, "flood", json!({})), 1)).await;
    client.send(with_progress(modern(2, "flood", json!({})), 2)).await;
    client.send(modern(3, "text_of", json!({"bytes": 1_000_000}))).await;
    client.until_waiting(2).await;
    client.shutdown.cancel();
    timeout(HANG, &mut client.serving).await.unwrap().unwrap().unwrap();
    client.until_waiting(0).await;
}

#[tokio::test]
async fn a_client_that_vanishes_ends_serving_and_its_calls() {
    let mut client = Client::new();
    client.send(modern(1, "wait", json!({}))).await;
    client.until_waiting(1).await;
    drop(client.from_server);
    let to_server = client.to_server.as_mut().unwrap();
    to_server.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n").await.unwrap();
    timeout(HANG, client.serving).await.unwrap().unwrap().unwrap();
    assert_eq!(client.stage.waiting.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn dropping_the_future_cancels_calls() {
    let mut client = Client::legacy("2025-11-25").await;
    client.send(modern(1, "wait", json!({}))).await;
    client.send(legacy(2, "wait", json!({}))).await;
    client.until_waiting(2).await;
    client.serving.abort();
    client.until_waiting(0).await;
}

#[tokio::test]
async fn calls_beyond_the_limit_wait_their_turn_and_can_be_cancelled() {
    let mut client = Client::with(StreamOptions::new().max_in_flight(3));
    for id in 1..=5 {
        client.send(modern(id, "wait", json!({}))).await;
    }
    // Cancels are read although no call may begin.
    client.send(cancelled(4)).await;
    client.send(cancelled(1)).await;
    assert_eq!(code(&client.ask_line("read so far").await), -32700);
    assert_eq!(client.stage.waiting.load(Ordering::SeqCst), 3);
    client.stage.gate.notify_waiters();
    let answers = client.answers(3).await;
    assert!(["2", "3", "5"].iter().all(|id| answers.contains_key(*id)), "{answers:?}");
    client.nothing_more().await;
}

#[tokio::test]
async fn many_more_calls_than_the_limit_are_all_answered() {
    for limit in [0, 1, 3] {
        let mut client = Client::with(StreamOptions::new().max_in_flight(limit));
        client.ask(initialize("init", "2025-11-25")).await;
        let calls: String = (0..300)
            .map(|id| {
                let call = if id % 3 == 0 { legacy } else { modern };
                format!("{}\n", call(id, "yields", json!({"text": format!("t{id}")})))
            })
            .collect();
        client.write(calls.as_bytes()).await;
        client.to_server = None;
        let answers = client.answers(300).await;
        for id in 0..300 {
            assert_eq!(text(&answers[&id.to_string()]), format!("t{id}"));
        }
        assert!(client.close().await.is_empty());
    }
}

/// Writes the line again and again until the server takes no more; returns how often it went in.
/// One thread, and streams in memory: no progress in many turns is none ever.
async fn fill(to_server: &mut tokio::io::DuplexStream, line: &[u8], most: usize) -> usize {
    for written in 0..most {
        let mut write = std::pin::pin!(to_server.write_all(line));
        let mut turns = 0;
        let blocked = std::future::poll_fn(|cx| match write.as_mut().poll(cx) {
            std::task::Poll::Ready(result) => std::task::Poll::Ready(result.is_err()),
            std::task::Poll::Pending if turns > 10_000 => std::task::Poll::Ready(true),
            std::task::Poll::Pending => {
                turns += 1;
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }
        })
        .await;
        if blocked {
            return written;
        }
    }
    most
}

#[tokio::test]
async fn a_client_that_does_not_read_is_not_read_from() {
    for session in [false, true] {
        let (mut to_server, from_client) = tokio::io::duplex(1024);
        let (to_client, mut from_server) = tokio::io::duplex(1024);
        let stage = Arc::<Stage>::default();
        let serving = tokio::spawn(serve_stream(
            server(&stage),
            from_client,
            to_client,
            StreamOptions::new(),
            CancellationToken::new(),
        ));
        let call = if session {
            fill(&mut to_server, format!("{}\n", initialize("i", "2025-11-25")).as_bytes(), 1)
                .await;
            legacy
        } else {
            modern
        };
        let line = format!("{}\n", call(json!(null), "text_of", json!({"bytes": 10_000})));
        // An identifier of `null` is refused; so number them.
        let line = |id: usize| line.replace("null", &id.to_string());
        let mut written = 0;
        let mut to_server = Some(to_server);
        while fill(to_server.as_mut().unwrap(), line(written).as_bytes(), 1).await == 1 {
            written += 1;
            assert!(written < 2_000, "the server reads without an end");
        }
        // About 26 answers fill the output; behind them is what the session, if any, has at hand.
        assert!(written >= 20, "{written}");
        // The last line went in by half.
        let mut answers = String::new();
        let reading = async {
            from_server.read_to_string(&mut answers).await.unwrap();
        };
        let ending = async {
            to_server.take();
        };
        timeout(HANG, async { tokio::join!(reading, ending) }).await.unwrap();
        serving.await.unwrap().unwrap();
        let answered = answers.lines().filter(|line| line.len() > 10_000).count();
        assert_eq!(answered, written, "session: {session}");
    }
}

#[tokio::test]
async fn progress_waits_for_a_client_that_does_not_read() {
    for call in [modern as fn(_, &str, _) -> _, legacy as fn(_, &str, _) -> _] {
        let (mut to_server, from_client) = tokio::io::duplex(1024);
        let (to_client, from_server) = tokio::io::duplex(1024);
        let stage = Arc::<Stage>::default();
        let serving = tokio::spawn(serve_stream(
            server(&stage),
            from_client,
            to_client,
            StreamOptions::new(),
            CancellationToken::new(),
        ));
        let mut lines = format!("{}\n", initialize("i", "2025-11-25"));
        lines += &format!("{}\n", with_progress(call(json!(1), "flood", json!({})), 1));
        to_server.write_all(lines.as_bytes()).await.unwrap();
        let mut sent = usize::MAX;
        while sent != stage.sent.load(Ordering::SeqCst) || sent == 0 {
            sent = stage.sent.load(Ordering::SeqCst);
            for _ in 0..10_000 {
                yield_now().await;
            }
        }
        // A notification has at least 100 bytes, and 256 KiB of them may wait.
        assert!(sent < 3_000, "{sent}");
        drop(from_server);
        timeout(HANG, serving).await.unwrap().unwrap().unwrap();
        timeout(HANG, async {
            while stage.waiting.load(Ordering::SeqCst) > 0 {
                yield_now().await;
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test]
async fn sockets_are_served_as_pipes_are() {
    let (client, here) = tokio::net::UnixStream::pair().unwrap();
    let (reader, writer) = here.into_split();
    let stage = Arc::<Stage>::default();
    let serving = tokio::spawn(serve_stream(
        server(&stage),
        reader,
        writer,
        StreamOptions::new(),
        CancellationToken::new(),
    ));
    let (from_server, mut to_server) = client.into_split();
    let line = format!("{}\n", modern(1, "echo", json!({"text": "socket"})));
    to_server.write_all(line.as_bytes()).await.unwrap();
    drop(to_server);
    let mut lines = BufReader::new(from_server).lines();
    let answer: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(text(&answer), "socket");
    assert_eq!(lines.next_line().await.unwrap(), None);
    serving.await.unwrap().unwrap();
}

fn accept(question: &Value, name: &str) -> Value {
    assert_eq!(question["method"], "elicitation/create", "{question}");
    json!({
        "jsonrpc": "2.0",
        "id": question["id"],
        "result": {"action": "accept", "content": {"name": name}},
    })
}

#[tokio::test]
async fn a_session_is_asked_and_answers() {
    for version in ["2025-06-18", "2025-11-25"] {
        let mut client = Client::legacy(version).await;
        client.send(legacy(1, "ask", json!({}))).await;
        client.send(legacy(2, "ask", json!({}))).await;
        let (one, two) = (client.answer().await, client.answer().await);
        client.send(accept(&two, "second")).await;
        client.send(accept(&one, "first")).await;
        let answers = client.answers(2).await;
        let mut texts = [text(&answers["1"]), text(&answers["2"])];
        texts.sort_unstable();
        assert_eq!(texts, ["first", "second"]);
        assert!(client.close().await.is_empty());
    }
}

#[tokio::test]
async fn a_question_fails_when_its_client_has_closed_its_output() {
    let mut client = Client::legacy("2025-11-25").await;
    client.send(legacy(1, "ask", json!({}))).await;
    let question = client.answer().await;
    client.send(legacy(2, "ask", json!({}))).await;
    client.answer().await;
    client.send(legacy(3, "wait_and_ask", json!({}))).await;
    client.until_waiting(1).await;
    // The last line has no end, and counts.
    client.write(accept(&question, "Ada").to_string().as_bytes()).await;
    let stage = Arc::clone(&client.stage);
    let closing = tokio::spawn(client.close());
    stage.gate.notify_one();
    let mut rest = closing.await.unwrap();
    // The last question may have been asked before the end was read.
    rest.retain(|message| message.get("method").is_none());
    let by_id = |id: u64| rest.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!(rest.len(), 3, "{rest:?}");
    assert_eq!(text(by_id(1)), "Ada");
    for failed in [by_id(2), by_id(3)] {
        assert_eq!(failed["result"]["isError"], true, "{failed}");
        assert_eq!(text(failed), "the client is gone");
    }
}

#[tokio::test]
async fn a_question_fails_when_the_server_is_told_to_stop() {
    let mut client = Client::legacy("2025-11-25").await;
    client.send(legacy(1, "ask", json!({}))).await;
    client.answer().await;
    client.shutdown.cancel();
    assert_eq!(text(&client.answer().await), "the client is gone");
    assert!(client.close().await.is_empty());
}

#[tokio::test]
async fn a_call_that_asks_can_be_cancelled() {
    let mut client = Client::legacy("2025-11-25").await;
    client.send(legacy(1, "ask", json!({}))).await;
    let question = client.answer().await;
    client.send(cancelled(1)).await;
    client.send(accept(&question, "too late")).await;
    client.nothing_more().await;
    assert!(client.close().await.is_empty());
}

/// Counts the lines of each write.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<usize>>>);

impl tokio::io::AsyncWrite for Writes {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.lock().unwrap().push(bytes.iter().filter(|byte| **byte == b'\n').count());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_a_call_says_first_is_written_before_it_has_said_all() {
    for (steps, expected) in [(10, vec![11]), (100, vec![16, 85])] {
        let writes = Writes::default();
        let call = with_progress(modern(1, "count", json!({ "n": steps })), "p");
        let (mut to_server, from_client) = tokio::io::duplex(4096);
        to_server.write_all(format!("{call}\n").as_bytes()).await.unwrap();
        let (stage, options, shutdown) =
            (Arc::default(), StreamOptions::new(), CancellationToken::new());
        let serving = serve_stream(server(&stage), from_client, writes.clone(), options, shutdown);
        let serving = tokio::spawn(serving);
        let all = async {
            while writes.0.lock().unwrap().iter().sum::<usize>() <= steps {
                yield_now().await;
            }
        };
        timeout(HANG, all).await.unwrap();
        assert_eq!(*writes.0.lock().unwrap(), expected);
        drop(to_server);
        timeout(HANG, serving).await.unwrap().unwrap().unwrap();
    }
}
