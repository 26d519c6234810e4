//! The listener around the protocol: paths, limits, shutdown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{call, call_with_progress, modern, start, start_with, within};
use tokio::net::TcpStream;

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
        transport.header_timeout(Duration::from_millis(50)).idle_timeout(Duration::from_millis(50))
    })
    .await;
    let mut idle = server.connect().await;
    idle.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(idle.reply().await.status, 200);

    let mut busy = server.connect().await;
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    busy.post(&headers, body).await;

    assert_eq!(idle.rest().await, b"");
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.gate.steps.add_permits(1);
    assert_eq!(busy.reply().await.status, 200);
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    use http_body_util::{BodyExt as _, Full};
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let server = start().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for (host, status) in [("localhost", 200), ("evil.example", 403)] {
        let (headers, body) = modern("tools/call", call("echo", json!({"text": "two"})));
        let mut request = http::Request::post(format!("http://{host}/mcp"));
        for line in headers.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
        let response = within(sender.send_request(request)).await.unwrap();
        assert_eq!(response.status(), status);
        let body = within(response.into_body().collect()).await.unwrap().to_bytes();
        let message: serde_json::Value = serde_json::from_slice(&body).unwrap();
        if status == 200 {
            assert_eq!(message["result"]["content"][0]["text"], "two");
        }
    }

    // A stream that the client resets cancels its call.
    let (headers, body) = modern("tools/call", call("step", json!({"steps": 1})));
    let mut request = http::Request::post("http://localhost/mcp");
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let request = request.body(Full::new(bytes::Bytes::from(body))).unwrap();
    let mut call = Box::pin(sender.send_request(request));
    tokio::select! {
        _ = &mut call => panic!("answered without a step"),
        () = server.gate.running(1) => {}
    }
    drop(call);
    server.gate.ended(1).await;
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
