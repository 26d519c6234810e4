//! Clients that do not keep to the protocol. Whatever they send, no tool is called by it.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::time::Duration;

use http::Extensions;
use mcp_http::HttpConfig;
use mcp_stage::{code, modern};
use mcp_transport_ws::{WebSocketConfig, serve_websocket};
use serde_json::json;
use support::{Listening, close_code, frame, upgrade, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

const FIN_TEXT: u8 = 0x81;
const TEXT: u8 = 0x01;
const FIN_CONTINUATION: u8 = 0x80;
const CONTINUATION: u8 = 0x00;
const FIN_BINARY: u8 = 0x82;
const FIN_PING: u8 = 0x89;

#[tokio::test]
async fn upgrades_that_are_none_are_refused() {
    let listening = Listening::start().await;
    for (headers, status) in [
        ("sec-websocket-protocol:", 400),
        ("sec-websocket-protocol: chat", 400),
        ("sec-websocket-protocol: MCP", 400),
        ("sec-websocket-protocol: mcp2", 400),
        ("upgrade:", 426),
        ("upgrade: h2c", 426),
        ("connection: close", 426),
        ("sec-websocket-version:", 426),
        ("sec-websocket-version: 12", 426),
        ("sec-websocket-key:", 400),
        ("sec-websocket-key: short", 400),
        ("host: evil.example", 403),
        ("origin: https://evil.example", 403),
        ("origin: null", 403),
        ("origin: http://localhost:3000\r\norigin: https://evil.example", 403),
    ] {
        let (answered, body) = listening.status(&upgrade(headers)).await;
        assert_eq!(answered, status, "{headers}: {body}");
        assert_eq!(code(&body), -32600, "{headers}");
    }
    let (status, body) = listening.status(&upgrade("").replace("GET", "POST")).await;
    assert_eq!((status, code(&body)), (405, -32600));
    let (status, _) = listening.status(&upgrade("").replace("/ws", "/mcp")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn upgrades_of_listed_parties_are_accepted() {
    let http = HttpConfig::new().allow_host("mcp.example.com").unwrap();
    let http = http.allow_origin("https://app.example.com").unwrap();
    let config = WebSocketConfig::new().http(http);
    let listening = Listening::with(config, |transport| transport).await;
    for headers in [
        "",
        "host: mcp.example.com\r\norigin: https://app.example.com",
        "origin: http://localhost:3000",
        "sec-websocket-protocol: chat, mcp",
        "sec-websocket-protocol: chat\r\nsec-websocket-protocol: mcp",
        "connection: keep-alive, Upgrade",
    ] {
        let (status, body) = listening.status(&upgrade(headers)).await;
        assert_eq!(status, 101, "{headers}: {body}");
    }
}

#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_a_code() {
    let config = WebSocketConfig::new().max_message(1000);
    let listening = Listening::with(config, |transport| transport).await;
    let call = modern(1, "stop", json!({})).to_string();
    let call = call.as_bytes();
    let unmasked = [&[FIN_TEXT, 5], &b"hello"[..]].concat();
    let too_long = vec![b' '; 1001];
    let fragments = [
        frame(TEXT, &too_long[..600]),
        frame(CONTINUATION, &too_long[..300]),
        frame(FIN_CONTINUATION, &too_long[..101]),
    ];
    let mut huge = vec![FIN_TEXT, 0x80 | 127];
    huge.extend(u64::MAX.to_be_bytes());
    huge.extend([0; 4]);
    for (name, bytes, code) in [
        ("a binary message", frame(FIN_BINARY, call), 1003),
        ("a message above the limit", frame(FIN_TEXT, &too_long), 1009),
        ("fragments above the limit", fragments.concat(), 1009),
        ("a length beyond all memory", huge, 1009),
        ("text that is not UTF-8", frame(FIN_TEXT, b"\"\xff\""), 1007),
        ("a frame without a mask", unmasked, 1002),
        ("a continuation of nothing", frame(FIN_CONTINUATION, call), 1002),
        ("a message within another", [frame(TEXT, b"{"), frame(FIN_TEXT, call)].concat(), 1002),
        ("a reserved opcode", frame(0x83, call), 1002),
        ("a reserved bit", frame(0xc1, call), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping too long", frame(FIN_PING, &[b'x'; 126]), 1002),
    ] {
        let mut stream = listening.raw().await;
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(close_code(&mut stream).await, code, "{name}");
        let mut rest = Vec::new();
        within(stream.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest, b"", "{name}");
    }
    assert!(!listening.stage.stopped.is_cancelled(), "a tool was called");
}

#[tokio::test]
async fn fragments_make_one_message_with_pings_in_between() {
    let listening = Listening::start().await;
    let call = modern(1, "stop", json!({})).to_string();
    let mut stream = listening.raw().await;
    let (first, last) = call.as_bytes().split_at(call.len() - 1);
    for (at, byte) in first.iter().enumerate() {
        let head = if at == 0 { TEXT } else { CONTINUATION };
        stream.write_all(&frame(head, &[*byte])).await.unwrap();
        if at % 10 == 0 {
            stream.write_all(&frame(FIN_PING, b"")).await.unwrap();
        }
    }
    assert!(!listening.stage.stopped.is_cancelled());
    stream.write_all(&frame(FIN_CONTINUATION, last)).await.unwrap();
    within(listening.stage.stopped.cancelled()).await;
}

#[tokio::test]
async fn text_that_is_no_message_is_answered_with_an_error() {
    let listening = Listening::start().await;
    let mut client = listening.connect().await;
    for (text, expected) in [
        ("", -32700),
        ("{", -32700),
        ("[]", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#, -32601),
    ] {
        client.text(text).await;
        assert_eq!(code(&client.next().await), expected, "{text}");
    }
    client.nothing_more().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_pings_is_given_up() {
    let (mut here, there) = tokio::io::duplex(1024);
    let config = WebSocketConfig::new();
    let server = mcp_stage::server(&std::sync::Arc::default());
    let serving =
        serve_websocket(server, there, &config, Extensions::new(), CancellationToken::new());
    let client = async { assert_eq!(close_code(&mut here).await, 1008) };
    tokio::join!(serving, client);
}

#[tokio::test]
async fn pings_of_a_client_that_reads_nothing_are_not_gathered() {
    let listening = Listening::start().await;
    let mut stream = listening.raw().await;
    let pings = frame(FIN_PING, &[b'x'; 125]).repeat(1000);
    // When the way back is full, nothing more is read, and so at last nothing can be written. What
    // fits into the buffers of the operating system is far less than this.
    let mut written = 0;
    let stuck = loop {
        let write = stream.write_all(&pings);
        match tokio::time::timeout(Duration::from_secs(1), write).await {
            Ok(result) => result.unwrap(),
            Err(_) => break true,
        }
        written += pings.len();
        if written > 256 * 1024 * 1024 {
            break false;
        }
    };
    assert!(stuck, "the pings were read without an end");
}

#[tokio::test]
async fn connections_that_were_upgraded_count_as_connections() {
    let listening =
        Listening::with(WebSocketConfig::new(), |transport| transport.max_connections(1)).await;
    let client = listening.connect().await;
    let waiting = listening.connect();
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(early.is_err(), "there was no place");
    drop(client);
    waiting.await.nothing_more().await;
}
