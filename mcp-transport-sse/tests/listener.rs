//! The listener around the protocol: paths, limits, shutdown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{Server, ToolPack, Transport as _};
use mcp_transport_sse::HttpTransport;
use serde_json::json;
use support::{call, call_with_progress, modern, start, start_with, within};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn health_is_told_to_whoever_asks() {
    let server = start().await;
    for host in ["localhost", "10.0.0.7"] {
        let mut client = server.connect().await;
        client.write(format!("GET /health HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        let reply = client.reply().await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({"status": "ok"}));
    }
    let head = server.bare("HEAD", "/health", "").await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("15")));
    let post = server.bare("POST", "/health", "").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")));
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let server = start().await;
    for path in ["/", "/mcp/x", "/mcpx", "/Mcp", "//mcp", "/health/", "/.well-known/x", "*"] {
        let reply = server.bare("OPTIONS", path, "").await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.json().get("jsonrpc").is_none(), "{path}");
    }
    for path in ["/mcp", "/mcp/", "/mcp?x=y"] {
        assert_eq!(server.bare("GET", path, "").await.status, 405, "{path}");
    }
}

#[tokio::test]
async fn the_path_can_be_chosen() {
    for chosen in ["/tools/v1", "tools/v1/"] {
        let server = start_with(|transport| transport.path(chosen)).await;
        assert_eq!(server.bare("GET", "/tools/v1", "").await.status, 405);
        assert_eq!(server.bare("GET", "/tools/v1/", "").await.status, 405);
        assert_eq!(server.bare("GET", "/mcp", "").await.status, 404);
    }
    let server = start_with(|transport| transport.path("/")).await;
    assert_eq!(server.bare("GET", "/", "").await.status, 405);
}

#[tokio::test]
async fn a_listening_socket_can_be_passed_on() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let transport = mcp_transport_sse::HttpTransport::from_std(listener).unwrap();
    assert_eq!(transport.local_addr().unwrap(), address);
}

#[tokio::test]
async fn an_address_in_use_is_an_error() {
    let server = start().await;
    assert!(mcp_transport_sse::HttpTransport::bind(server.address).await.is_err());
}

#[tokio::test]
async fn a_call_in_flight_finishes_after_shutdown_began() {
    let mut server = start().await;
    let mut busy = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    busy.post(&headers, body).await;
    server.gate.running(1).await;

    let mut streaming = server.connect().await;
    let (headers, body) = modern("tools/call", call_with_progress("step", json!({"steps": 1})));
    streaming.post(&headers, body).await;
    server.gate.running(2).await;

    let mut idle = server.connect().await;
    idle.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(idle.reply().await.status, 200);
    let mut silent = server.connect().await;

    server.shutdown.cancel();
    assert_eq!(idle.rest().await, b"");
    assert_eq!(silent.rest().await, b"");
    assert!(TcpStream::connect(server.address).await.is_err());

    server.gate.steps.add_permits(2);
    let reply = busy.reply().await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "took 1 steps");
    assert_eq!(reply.header("connection"), Some("close"));
    let events = streaming.reply().await.events();
    assert_eq!(events[1]["result"]["content"][0]["text"], "took 1 steps");
    within(&mut server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_outlasts_the_grace_period_is_dropped() {
    let mut server = start_with(|transport| transport.grace(Duration::from_millis(50))).await;
    let mut client = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    client.post(&headers, body).await;
    server.gate.running(1).await;
    server.shutdown.cancel();
    within(&mut server.task).await.unwrap().unwrap();
    server.gate.ended(1).await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn dropping_the_transport_ends_every_call() {
    let server = start().await;
    let mut client = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    client.post(&headers, body).await;
    server.gate.running(1).await;
    server.task.abort();
    server.gate.ended(1).await;
    assert_eq!(client.rest().await, b"");
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_their_turn() {
    let server = start_with(|transport| transport.max_connections(1)).await;
    let mut first = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    first.post(&headers, body).await;
    server.gate.running(1).await;

    let mut second = server.connect().await;
    let (headers, body) = modern("tools/call", call("echo", json!({"text": "second"})));
    second.post(&headers, body).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(50), second.reply()).await.is_err(),
        "served over the limit"
    );

    server.gate.steps.add_permits(1);
    assert_eq!(first.reply().await.status, 200);
    drop(first);
    let text = second.reply().await.json()["result"]["content"][0]["text"].clone();
    assert_eq!(text, "second");
}

#[tokio::test]
async fn a_connection_without_a_request_is_dropped() {
    let server = start_with(|transport| transport.header_timeout(Duration::from_millis(50))).await;
    for part in ["", "POST /mcp HTTP/1.1\r\nhost: loc"] {
        let mut client = server.connect().await;
        client.write(part).await;
        assert_eq!(client.rest().await, b"");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_but_not_one_that_waits_for_its_answer() {
    let server = start_with(|transport| {
        transport.header_timeout(Duration::from_secs(2)).idle_timeout(Duration::from_secs(2))
    })
    .await;
    let mut idle = server.connect().await;
    idle.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(idle.reply().await.status, 200);

    let mut busy = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    busy.post(&headers, body).await;

    assert_eq!(idle.rest().await, b"");
    tokio::time::sleep(Duration::from_millis(2500)).await;
    server.gate.steps.add_permits(1);
    assert_eq!(busy.reply().await.status, 200);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() {
    let server = start_with(|transport| transport.write_timeout(Duration::from_millis(100))).await;
    let mut client = server.connect().await;
    let (headers, body) =
        modern("tools/call", call_with_progress("rush", json!({"steps": 100_000_000})));
    client.post(&headers, body).await;
    server.gate.ended(1).await;
    client.rest().await;
}

/// A pack that is ready when the test says so, and fails as told.
fn probed(answer: fn() -> Result<(), &'static str>) -> Server {
    let pack = ToolPack::new("store", ()).ready_check(move |_| async move { answer() });
    let other = ToolPack::new("other", ()).ready_check(|_| async { Ok::<_, &str>(()) });
    Server::builder("probed", "1").pack(pack).pack(other).build()
}

async fn ready(server: Server) -> (u16, serde_json::Value) {
    let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
    let address = transport.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(transport.serve(server, shutdown));
    let mut client = support::Client::new(TcpStream::connect(address).await.unwrap());
    // Twice, the second time out of memory.
    let mut replies = Vec::new();
    for _ in 0..2 {
        client.write("GET /ready HTTP/1.1\r\nhost: 10.0.0.7\r\n\r\n").await;
        let reply = client.reply().await;
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        replies.push((reply.status, reply.json()));
    }
    task.abort();
    assert_eq!(replies[0], replies[1]);
    replies.remove(0)
}

#[tokio::test]
async fn a_server_is_ready_when_all_its_packs_are() {
    assert_eq!(ready(probed(|| Ok(()))).await, (200, json!({"status": "ready"})));
    let failing = (503, json!({"status": "not ready", "failing": ["store"]}));
    assert_eq!(ready(probed(|| Err("the password is s3cret"))).await, failing);
    assert_eq!(ready(probed(|| panic!("a check's own fault"))).await, failing);
    let silent =
        ToolPack::new("store", ()).ready_check(|_| std::future::pending::<Result<(), String>>());
    assert_eq!(ready(Server::builder("probed", "1").pack(silent).build()).await, failing);
    assert_eq!(ready(Server::builder("bare", "1").build()).await.0, 200);
}

#[tokio::test]
async fn whoever_leaves_says_so_and_goes_on_for_a_while() {
    let mut server = start_with(|transport| transport.drain_delay(Duration::from_secs(5))).await;
    assert_eq!(server.bare("GET", "/ready", "").await.status, 200);
    server.shutdown.cancel();
    let reply = server.bare("GET", "/ready", "").await;
    assert_eq!((reply.status, reply.json()), (503, json!({"status": "draining"})));
    assert_eq!(server.bare("GET", "/health", "").await.status, 200);
    let reply = server.modern("tools/call", call("echo", json!({"text": "still here"}))).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "still here");
    within(&mut server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn under_load_a_stop_loses_no_call_that_was_accepted() {
    let mut server = start_with(|transport| transport.grace(Duration::from_secs(20))).await;
    // Calls that are under way when the stop comes, on a connection each.
    let mut held = Vec::new();
    for _ in 0..64 {
        let mut client = server.connect().await;
        let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
        client.post(&headers, body).await;
        held.push(client);
    }
    server.gate.running(64).await;
    // And callers that go on until they are turned away: at the end of a connection, never in the
    // middle of an answer.
    let address = server.address;
    let answered = Arc::new(AtomicUsize::new(0));
    let callers: Vec<_> = (0..32)
        .map(|_| {
            let answered = Arc::clone(&answered);
            tokio::spawn(async move {
                'connections: while let Ok(stream) = TcpStream::connect(address).await {
                    let mut client = support::Client::new(stream);
                    loop {
                        let (headers, body) =
                            modern("tools/call", call("add", json!({"a": 1, "b": 2})));
                        // A request that crosses the end of its connection is not accepted.
                        if client.try_post(&headers, body).await.is_err() {
                            continue 'connections;
                        }
                        let Some(reply) = client.try_reply().await else {
                            continue 'connections;
                        };
                        assert_eq!(reply.json()["result"]["content"][0]["text"], "3");
                        answered.fetch_add(1, Ordering::SeqCst);
                        if reply.header("connection") == Some("close") {
                            continue 'connections;
                        }
                    }
                }
            })
        })
        .collect();
    within(async {
        while answered.load(Ordering::SeqCst) < 100 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    server.shutdown.cancel();
    server.gate.steps.add_permits(64);
    for mut client in held {
        assert_eq!(client.reply().await.json()["result"]["content"][0]["text"], "took 1 steps");
    }
    for caller in callers {
        within(caller).await.unwrap();
    }
    within(&mut server.task).await.unwrap().unwrap();
}
