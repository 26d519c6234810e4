//! What a well-behaved client sees.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::{
    collections::HashSet,
    convert::Infallible,
    future::Ready,
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use mcp_core::Principal;
use mcp_http::Body;
use mcp_stage::{cancelled, code, legacy, modern, text, with_progress};
use mcp_transport_ws::{WebSocketConfig, WebSocketService, serve_websocket};
use serde_json::json;
use support::{Client, Listening, within};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{Role, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;
use tower::Service;

#[tokio::test]
async fn a_modern_call_is_answered() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    let answer = client.ask(modern(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!((&answer["id"], text(&answer)), (&json!(1), "3"));
    assert_eq!(answer["result"]["resultType"], "complete");
}

#[tokio::test]
async fn every_legacy_version_has_its_session() {
    let listening = Listening::start().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut client = listening.legacy(version).await;
        client.send(with_progress(legacy(1, "count", json!({"n": 3})), "p")).await;
        for step in 1..=3 {
            let told = client.next().await;
            assert_eq!(told["method"], "notifications/progress");
            assert_eq!(told["params"]["progress"], f64::from(step));
        }
        assert_eq!(text(&client.next().await), "counted");
    }
}

#[tokio::test]
async fn a_bare_legacy_request_needs_no_handshake() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    let answer = client.ask(json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})).await;
    assert!(answer["result"]["tools"].as_array().unwrap().len() > 5);
}

#[tokio::test]
async fn both_eras_are_spoken_on_one_connection() {
    let listening = Listening::start().await;
    let mut client = listening.legacy("2025-11-25").await;
    let answer = client.ask(modern(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(answer["result"]["resultType"], "complete");
    let answer = client.ask(legacy(2, "add", json!({"a": 1, "b": 2}))).await;
    assert!(answer["result"].get("resultType").is_none());
}

#[tokio::test]
async fn a_user_is_asked_over_a_legacy_session() {
    let listening = Listening::start().await;
    let mut client = listening.legacy("2025-11-25").await;
    let asked = client.ask(legacy(1, "ask", json!({}))).await;
    assert_eq!(asked["method"], "elicitation/create");
    let answer = client
        .ask(json!({
            "jsonrpc": "2.0", "id": asked["id"],
            "result": {"action": "accept", "content": {"name": "Ada"}},
        }))
        .await;
    assert_eq!(text(&answer), "Ada");
}

#[tokio::test]
async fn a_call_that_waits_does_not_hold_up_others() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    client.send(modern(1, "wait", json!({}))).await;
    for id in 2..10 {
        assert_eq!(client.ask(modern(id, "echo", json!({"text": "quick"}))).await["id"], id);
    }
    listening.until_waiting(1).await;
    listening.stage.gate.notify_one();
    assert_eq!(text(&client.next().await), "released");
}

#[tokio::test]
async fn a_thousand_pipelined_calls_are_all_answered() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    for id in 0..1000 {
        let call = modern(id, "yields", json!({"text": "again"})).to_string();
        within(client.stream.feed(Message::Text(call.into()))).await.unwrap();
    }
    within(client.stream.flush()).await.unwrap();
    let mut open: HashSet<u64> = (0..1000).collect();
    while !open.is_empty() {
        let id = client.next().await["id"].as_u64().unwrap();
        assert!(open.remove(&id), "{id} is answered twice");
    }
}

#[tokio::test]
async fn a_cancelled_call_is_dropped_and_not_answered() {
    let listening = Listening::start().await;
    for legacy_session in [false, true] {
        let (mut client, call) = if legacy_session {
            (listening.legacy("2025-06-18").await, legacy(1, "wait", json!({})))
        } else {
            (listening.connect().await, modern(1, "wait", json!({})))
        };
        client.send(call).await;
        listening.until_waiting(1).await;
        client.send(cancelled(1)).await;
        listening.until_waiting(0).await;
        client.nothing_more().await;
    }
}

#[tokio::test]
async fn calls_are_cancelled_when_the_client_goes() {
    let listening = Listening::start().await;
    for closes in [false, true] {
        let mut client = listening.connect().await;
        client.send(modern(1, "wait", json!({}))).await;
        listening.until_waiting(1).await;
        if closes {
            within(client.stream.close(None)).await.unwrap();
        }
        drop(client);
        listening.until_waiting(0).await;
    }
}

#[tokio::test]
async fn a_close_frame_is_answered_with_its_own_code() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    client.send(modern(1, "wait", json!({}))).await;
    listening.until_waiting(1).await;
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: CloseCode::Normal,
        reason: "done".into(),
    };
    within(client.stream.close(Some(frame))).await.unwrap();
    assert_eq!(client.closed().await, CloseCode::Normal);
    assert!(within(client.stream.next()).await.is_none());
}

#[tokio::test]
async fn pings_are_answered() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    within(client.stream.send(Message::Ping("are you there?".into()))).await.unwrap();
    let pong = within(client.stream.next()).await.unwrap().unwrap();
    assert_eq!(pong, Message::Pong("are you there?".into()));
}

#[tokio::test(start_paused = true)]
async fn an_idle_client_that_answers_pings_is_kept() {
    let (here, there) = tokio::io::duplex(1024);
    let config = WebSocketConfig::new();
    let server = mcp_stage::server(&std::sync::Arc::default());
    let serving =
        serve_websocket(server, there, &config, Extensions::new(), CancellationToken::new());
    let client = async {
        let mut client =
            Client { stream: WebSocketStream::from_raw_socket(here, Role::Client, None).await };
        for _ in 0..10 {
            let ping = client.stream.next().await.unwrap().unwrap();
            assert!(matches!(ping, Message::Ping(_)), "{ping:?}");
        }
        client.nothing_more().await;
    };
    tokio::join!(serving, client);
}

#[tokio::test]
async fn a_large_message_goes_both_ways() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    let long = "ü".repeat(1_000_000);
    let answer = client.ask(modern(1, "echo", json!({"text": long}))).await;
    assert!(text(&answer) == long);
}

#[tokio::test]
async fn shutdown_finishes_calls_and_closes_as_going_away() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    client.send(modern(1, "wait", json!({}))).await;
    listening.until_waiting(1).await;
    listening.shutdown.cancel();
    // It accepts no further connection once it stops.
    within(async {
        while tokio::net::TcpStream::connect(listening.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    listening.stage.gate.notify_one();
    assert_eq!(text(&client.next().await), "released");
    assert_eq!(client.closed().await, CloseCode::Away);
}

#[tokio::test]
async fn what_takes_longer_than_the_grace_period_is_answered_with_an_error() {
    let config = WebSocketConfig::new().grace(Duration::from_millis(10));
    let listening = Listening::with(config, |transport| transport).await;
    let mut client = listening.connect().await;
    client.send(modern(1, "wait", json!({}))).await;
    listening.until_waiting(1).await;
    listening.shutdown.cancel();
    assert_eq!(code(&client.next().await), -31504);
    assert_eq!(client.closed().await, CloseCode::Away);
}

/// Stands in for what finds out who is calling.
#[derive(Clone)]
struct Authenticated(WebSocketService);

impl Service<Request<Incoming>> for Authenticated {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Principal::new("ada", ["tools"]));
        Service::call(&mut self.0, request)
    }
}

#[tokio::test]
async fn who_connects_is_who_calls() {
    let server = mcp_stage::server(&std::sync::Arc::default());
    let sockets = WebSocketService::new(server, WebSocketConfig::new());
    let listening = Listening::with(WebSocketConfig::new(), |transport| {
        transport.mount("/authenticated", Authenticated(sockets))
    })
    .await;
    let mut nobody = listening.connect().await;
    assert_eq!(text(&nobody.ask(modern(1, "whoami", json!({}))).await), "nobody");

    let mut ada = listening.connect_at("/authenticated").await;
    assert_eq!(text(&ada.ask(modern(1, "whoami", json!({}))).await), "ada");
    assert_eq!(text(&ada.ask(legacy(2, "whoami", json!({}))).await), "ada");
    ada.ask(mcp_stage::initialize(3, "2025-11-25")).await;
    ada.send(mcp_stage::initialized()).await;
    assert_eq!(text(&ada.ask(legacy(4, "whoami", json!({}))).await), "ada");
}

#[tokio::test]
async fn nothing_more_is_done_for_a_client_that_does_not_read() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    client.send(with_progress(modern(1, "flood", json!({})), "p")).await;
    listening.until_waiting(1).await;
    let sent = || listening.stage.sent.load(Ordering::SeqCst);
    // It stands still when a long time passes without a step.
    let mut before = sent();
    within(async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let now = sent();
            if now == before && now > 0 {
                return;
            }
            before = now;
        }
    })
    .await;
    // Once it reads, the call goes on.
    for _ in 0..before {
        assert_eq!(client.next().await["method"], "notifications/progress");
    }
    within(async {
        while sent() <= before {
            client.next().await;
        }
    })
    .await;
}
