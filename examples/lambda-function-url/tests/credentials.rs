//! Credentials that the server itself asks for, behind doors that let anyone in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mcp_testing::{
    __private::block_on,
    lambda::{Door, Emulator, Outcome},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lambda-function-url");

/// The digest of the key below.
const KEYS: &str = "ada sha256:84f327c0b888f33dc028595e2a8ecc0c3d25bd83f5c7f21549a0176589385a62";
const KEY: &str = "test-key-0123456789abcdef0123456789";

/// A call with this credential: the response's head and body.
async fn call(url: &str, credential: Option<&str>) -> (String, String) {
    let (authority, path) = url["http://".len()..].split_once('/').unwrap();
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40}}}"#;
    let credential =
        credential.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
    let length = body.len();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nconnection: close\r\n{credential}\
         content-length: {length}\r\n\r\n{body}"
    );
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn the_server_asks_for_keys_that_the_door_does_not() {
    block_on(async {
        for door in Door::HTTP {
            let mode = if door.streams() { "stream" } else { "buffered" };
            let function = Emulator::new(PROGRAM)
                .env("MCP_API_KEYS", KEYS)
                .env("MCP_LAMBDA_RESPONSE", mode)
                .env("MCP_STATE_KEY", &"ab".repeat(32));
            let url = function.open(door).await.unwrap();
            for credential in [None, Some("wrong")] {
                let (head, body) = call(&url, credential).await;
                assert!(head.starts_with("http/1.1 401"), "{door:?}: {head}");
                assert!(body.contains("-31401"), "{door:?}: {body}");
                // API Gateway's REST APIs give that header another name.
                let name = match door {
                    Door::RestApi | Door::RestApiStream => "x-amzn-remapped-www-authenticate",
                    _ => "\r\nwww-authenticate",
                };
                assert!(head.contains(&format!("{name}: bearer")), "{door:?}: {head}");
            }
            let (head, body) = call(&url, Some(KEY)).await;
            assert!(head.starts_with("http/1.1 200") && body.contains("42"), "{door:?}: {head}");
            assert_eq!(function.faults(), [""; 0], "{door:?}");
        }
    });
}

#[test]
fn lambda_is_told_why_the_function_does_not_start() {
    block_on(async {
        let function = Emulator::new(PROGRAM).env("MCP_STATE_KEY", "too short");
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
        match function.invoke(ping, None).await {
            Outcome::Failed(failure) => {
                assert_eq!(failure.error_type, "Runtime.InitError");
                assert!(failure.message.contains("MCP_STATE_KEY"), "{failure:?}");
            }
            other => panic!("{other:?}"),
        }
    });
}
