//! Input that nobody should send. Each gets an answer, under its identifier where it has one, and
//! the server serves on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use mcp_http::HttpConfig;
use serde_json::{Value, json};
use support::{Listening, call, modern, start, start_with};
use tokio::io::AsyncWriteExt as _;

async fn assert_serves(server: &Listening) {
    let reply = server.modern("tools/call", call("add", json!({"a": 1, "b": 1}))).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "2");
}

#[tokio::test]
async fn malformed_bodies_are_answered() {
    let server = start().await;
    let deep = |open: &str, close: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"echo","arguments":{}1{}}}}}"#,
            open.repeat(20_000),
            close.repeat(20_000)
        )
    };
    let null = Value::Null;
    for (body, status, code, id) in [
        // Not JSON.
        (String::new(), 400, -32700, null.clone()),
        (" ".into(), 400, -32700, null.clone()),
        ("{".into(), 400, -32700, null.clone()),
        ("hello".into(), 400, -32700, null.clone()),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/li"#.into(), 400, -32700, null.clone()),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}}"#.into(), 400, -32700, null.clone()),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list",}"#.into(), 400, -32700, null.clone()),
        (r#"{"jsonrpc":"2.0","id":NaN,"method":"tools/list"}"#.into(), 400, -32700, null.clone()),
        (
            r#"{"jsonrpc":"2.0","id":Infinity,"method":"tools/list"}"#.into(),
            400,
            -32700,
            null.clone(),
        ),
        ("\u{feff}{}".into(), 400, -32700, null.clone()),
        ("[".repeat(20_000), 400, -32700, null.clone()),
        ("{\"a\":".repeat(20_000), 400, -32700, null.clone()),
        // Not a message.
        ("[]".into(), 400, -32600, null.clone()),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]"#.into(), 400, -32600, null.clone()),
        ("{}".into(), 400, -32600, null.clone()),
        ("null".into(), 400, -32600, null.clone()),
        ("1".into(), 400, -32600, null.clone()),
        (r#""text""#.into(), 400, -32600, null.clone()),
        (r#"{"id":1,"method":"tools/list"}"#.into(), 400, -32600, json!(1)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"tools/list"}"#.into(), 400, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1}"#.into(), 400, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#.into(), 400, -32600, json!(1)),
        (r#"{"jsonrpc":"2.0","id":"x","method":null}"#.into(), 400, -32600, json!("x")),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[1]}"#.into(),
            400,
            -32600,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":"x"}"#.into(),
            400,
            -32600,
            json!(1),
        ),
        // Duplicates: another reader may have gone by the other one.
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}"#.into(),
            400,
            -32600,
            null.clone(),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call"}"#.into(),
            400,
            -32600,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#
                .into(),
            400,
            -32600,
            json!(1),
        ),
        // Parameters of the wrong type.
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}"#.into(),
            400,
            -32602,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#.into(),
            400,
            -32602,
            json!(1),
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#.into(), 400, -32602, json!(1)),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":7}}"#.into(),
            400,
            -32602,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":7}}"#.into(),
            400,
            -32602,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":[]}}"#
                .into(),
            400,
            -32602,
            json!(1),
        ),
        (deep("[", "]"), 400, -32602, json!(1)),
        (deep(r#"{"a":"#, "}"), 400, -32602, json!(1)),
    ] {
        let shown = body.chars().take(100).collect::<String>();
        let reply = server.post("", &body).await;
        assert_eq!(reply.status, status, "{shown}: {reply:?}");
        let message = reply.json();
        assert_eq!(message["error"]["code"], code, "{shown}: {message}");
        assert_eq!(message["id"], id, "{shown}: {message}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn bytes_that_are_no_text_are_answered() {
    let server = start().await;
    for body in [
        &b"\xff\xfe\xfd"[..],
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/\xc3\x28\"}",
        b"\0\0\0\0",
        &[0x1f, 0x8b, 0x08, 0x00],
    ] {
        server.post("", body).await.assert_error(400, -32700, Value::Null);
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn identifiers_are_echoed_or_refused() {
    let server = start().await;
    for (id, is_one) in [
        ("0", true),
        ("-1", true),
        ("9223372036854775807", true),
        ("18446744073709551616", true),
        (r#""""#, true),
        (r#""a\"b""#, true),
        (r#""日本""#, true),
        ("null", false),
        ("true", false),
        ("1.5", false),
        ("1e3", false),
        ("{}", false),
        ("[1]", false),
    ] {
        let (headers, body) = modern("tools/list", json!({}));
        let body = body.replace(r#""id":1"#, &format!(r#""id":{id}"#));
        let reply = server.post(&headers, body).await;
        if is_one {
            assert_eq!(reply.status, 200, "{id}");
            assert!(reply.text().contains(&format!(r#""id":{id},"#)), "{id}: {}", reply.text());
        } else {
            reply.assert_error(400, -32600, Value::Null);
        }
    }
}

#[tokio::test]
async fn unknown_members_are_ignored() {
    let server = start().await;
    let (headers, body) = modern("tools/call", call("echo", json!({"text": "x"})));
    let body = body.replacen('{', r#"{"extra":[{"deep":null}],"#, 1);
    assert_eq!(server.post(&headers, body).await.json()["result"]["content"][0]["text"], "x");
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_told_to_the_model() {
    let server = start().await;
    for arguments in [
        json!({}),
        json!({"a": "1", "b": 2}),
        json!({"a": 1.5, "b": 2}),
        json!({"a": 1e300, "b": 2}),
        json!({"a": 1, "b": 2, "c": 3}),
        json!({"a": null, "b": 2}),
    ] {
        let reply = server.modern("tools/call", call("add", arguments.clone())).await.json();
        assert_eq!(reply["result"]["isError"], true, "{arguments}: {reply}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_answered_although_the_client_sends_all_of_it() {
    let server = start().await;
    let body = vec![b' '; 9 * 1024 * 1024];
    // With its length up front.
    server.post("", &body).await.assert_error(413, -32600, Value::Null);

    // In chunks, without a length.
    let mut client = server.connect().await;
    client
        .write("POST /mcp HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for part in body.chunks(1024 * 1024) {
        client.write(format!("{:x}\r\n", part.len())).await;
        client.write(part).await;
        client.write("\r\n").await;
    }
    client.write("0\r\n\r\n").await;
    client.reply().await.assert_error(413, -32600, Value::Null);

    // With a length that is not worth reading.
    let mut client = server.connect().await;
    client
        .write("POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n")
        .await;
    client.reply().await.assert_error(413, -32600, Value::Null);

    // With a question before.
    let mut client = server.connect().await;
    client
        .write(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9437184\r\n\
             expect: 100-continue\r\n\r\n",
        )
        .await;
    client.reply().await.assert_error(413, -32600, Value::Null);
    assert_serves(&server).await;
}

#[tokio::test]
async fn the_limit_is_exact() {
    let (headers, body) = modern("tools/list", json!({}));
    let limit = body.len();
    let server = start_with(|transport| transport.config(HttpConfig::new().max_body(limit))).await;
    assert_eq!(server.post(&headers, &body).await.status, 200);
    assert_eq!(server.post(&headers, format!("{body} ")).await.status, 413);
}

#[tokio::test]
async fn a_body_in_small_pieces_is_put_together() {
    let server = start().await;
    let (headers, body) = modern("tools/call", call("echo", json!({"text": "x".repeat(200)})));
    for chunked in [false, true] {
        let mut client = server.connect().await;
        let framing = if chunked {
            "transfer-encoding: chunked".to_owned()
        } else {
            format!("content-length: {}", body.len())
        };
        client
            .write(format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n{headers}\r\n"))
            .await;
        for piece in body.as_bytes().chunks(7) {
            if chunked {
                client.write(format!("{:x}\r\n", piece.len())).await;
            }
            client.write(piece).await;
            if chunked {
                client.write("\r\n").await;
            }
            client.stream.get_mut().flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        if chunked {
            client.write("0\r\n\r\n").await;
        }
        let text = client.reply().await.json()["result"]["content"][0]["text"].clone();
        assert_eq!(text, "x".repeat(200));
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_not_waited_for() {
    let server = start_with(|transport| {
        transport.config(HttpConfig::new().read_timeout(Duration::from_millis(50)))
    })
    .await;
    for start in ["", "{\"jsonrpc\":"] {
        let mut client = server.connect().await;
        client
            .write(format!(
                "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{start}"
            ))
            .await;
        client.reply().await.assert_error(408, -32600, Value::Null);
    }
}

#[tokio::test]
async fn a_client_that_vanishes_within_a_message_does_no_harm() {
    let server = start().await;
    for part in [
        "P",
        "POST /mcp HTTP/1.1\r\n",
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
    ] {
        let mut client = server.connect().await;
        client.write(part).await;
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let server = start().await;
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello \r\n\r\n"[..],
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\r\n\r\n",
        b"GET /mcp HTTP/9.9\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n",
    ] {
        let mut client = server.connect().await;
        client.write(bytes).await;
        let rest = client.rest().await;
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn a_head_over_the_limit_is_refused() {
    let server = start().await;
    for head in [format!("x: {}\r\n", "x".repeat(100_000)), "x: y\r\n".repeat(500)] {
        let mut client = server.connect().await;
        // The server may close before all is written.
        let bytes = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{head}\r\n");
        let _ = client.stream.get_mut().write_all(bytes.as_bytes()).await;
        let rest = client.rest().await;
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
    }
    assert_serves(&server).await;
}

#[tokio::test]
async fn nothing_that_a_client_sends_becomes_a_header_of_the_reply() {
    let server = start().await;
    let evil = "x\r\nset-cookie: a=b\r\n\r\n<script>";
    let (_, body) = modern("tools/call", call(evil, json!({})));
    let reply = server
        .post("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: x\r\n", body)
        .await;
    assert_eq!(reply.header("set-cookie"), None);
    reply.assert_error(400, -32020, json!(1));

    let (headers, body) = modern("tools/list", json!({}));
    let body = body.replace(r#""id":1"#, r#""id":"x\r\nset-cookie: a=b""#);
    let reply = server.post(&headers, body).await;
    assert_eq!(reply.header("set-cookie"), None);
    assert_eq!(reply.json()["id"], "x\r\nset-cookie: a=b");
}
