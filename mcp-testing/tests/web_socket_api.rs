//! What the emulator's WebSocket API does with clients, functions and callers of `@connections` that
//! are not as they should be.
//!
//! The functions are this very test binary, which speaks to the Runtime API by hand.
#![cfg(feature = "lambda")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/runtime_api.rs"]
mod runtime_api;

use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use mcp_testing::{
    __private::block_on,
    lambda::{Door, Emulator},
};
use runtime_api::{next, post};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        http::HeaderValue,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

/// What the function answers to `$connect`.
const CONNECT: &str = "EMULATOR_TEST_CONNECT";
const WELCOME: &str = r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"mcp"}}"#;

/// The function, where this binary is one; a test without content where it is not. It writes its
/// events down, and does what a message says.
#[test]
fn function() {
    let Ok(welcome) = std::env::var(CONNECT) else { return };
    loop {
        let (id, text) = next();
        eprintln!("EVENT {text}");
        let event: Value = serde_json::from_str(&text).unwrap();
        let (what, headers, reply) = match event["requestContext"]["eventType"].as_str().unwrap() {
            "CONNECT" if welcome == "stream" => {
                ("response", "lambda-runtime-function-response-mode: streaming\r\n", WELCOME)
            }
            "CONNECT" if welcome == "error" => ("error", "", "{}"),
            "CONNECT" => ("response", "", &*welcome),
            "DISCONNECT" => ("response", "", r#"{"statusCode":200}"#),
            _ => match event["body"].as_str().unwrap() {
                "error" => ("error", "", "{}"),
                "nonsense" => ("response", "", r#"{"body":"no status"}"#),
                "hang" => {
                    std::thread::sleep(Duration::from_secs(600));
                    continue;
                }
                "refuse" => ("response", "", r#"{"statusCode":500,"body":"refused"}"#),
                _ => ("response", "", r#"{"statusCode":200,"body":"returned"}"#),
            },
        };
        post(&id, what, headers, reply);
    }
}

fn emulator(welcome: &str) -> Emulator {
    Emulator::new(std::env::current_exe().unwrap())
        .arg("function")
        .arg("--exact")
        .arg("--nocapture")
        .env(CONNECT, welcome)
}

type Socket = WebSocketStream<TcpStream>;

async fn connect_to(url: &str, protocol: Option<&'static str>) -> Result<Socket, Error> {
    let mut request = url.into_client_request().unwrap();
    if let Some(protocol) = protocol {
        let protocol = HeaderValue::from_static(protocol);
        request.headers_mut().insert("sec-websocket-protocol", protocol);
    }
    let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await.unwrap();
    Ok(client_async(request, stream).await?.0)
}

async fn connect(emulator: &Emulator) -> Socket {
    let url = emulator.open(Door::WebSocketApi).await.unwrap();
    connect_to(&url, Some("other, mcp")).await.unwrap()
}

/// The status of a connection that is refused.
async fn refusal(url: &str) -> u16 {
    match connect_to(url, Some("mcp")).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

async fn say(socket: &mut Socket, text: &str) {
    socket.send(Message::Text(text.into())).await.unwrap();
}

/// The next message, as JSON if it is.
async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => {
                return serde_json::from_str(&text).unwrap_or_else(|_| json!(text.as_str()));
            }
            Message::Close(close) => panic!("closed: {close:?}"),
            _ => {}
        }
    }
}

/// How the connection ends, from the client's side too.
async fn end(socket: &mut Socket) -> u16 {
    let code = loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => break code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    while let Some(Ok(_)) = socket.next().await {}
    code
}

/// The events of a kind that the function has had, once there are any.
async fn events(emulator: &Emulator, kind: &str) -> Vec<Value> {
    for _ in 0..1200 {
        let lines = emulator.output();
        let events = lines.iter().filter_map(|line| line.split_once("EVENT "));
        let events = events.map(|(_, text)| serde_json::from_str::<Value>(text).unwrap());
        let found: Vec<Value> =
            events.filter(|event| event["requestContext"]["eventType"] == kind).collect();
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no event {kind}: {:?}", emulator.output());
}

/// The members of an event, and the types of their values.
fn shape(event: &Value) -> Value {
    match event {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let is_free = name == "headers" || name == "multiValueHeaders";
                (name.clone(), if is_free { json!("any") } else { shape(value) })
            })
            .collect::<BTreeMap<String, Value>>()
            .into_iter()
            .collect(),
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        other => json!(other),
    }
}

#[test]
fn events_have_what_those_of_aws_have() {
    block_on(async {
        let emulator = emulator(WELCOME);
        let mut socket = connect(&emulator).await;
        say(&mut socket, "hello").await;
        events(&emulator, "MESSAGE").await;
        socket.close(None).await.unwrap();
        for (kind, sample) in [
            (
                "CONNECT",
                include_str!(
                    "../../mcp-transport-lambda/tests/events/apiGatewayWebSocketApiConnect.json"
                ),
            ),
            (
                "MESSAGE",
                include_str!(
                    "../../mcp-transport-lambda/tests/events/apiGatewayWebSocketApiMessage.json"
                ),
            ),
            (
                "DISCONNECT",
                include_str!(
                    "../../mcp-transport-lambda/tests/events/apiGatewayWebSocketApiDisconnect.json"
                ),
            ),
        ] {
            let event = events(&emulator, kind).await.remove(0);
            let sample: Value = serde_json::from_str(sample).unwrap();
            assert_eq!(shape(&event), shape(&sample), "{kind}");
            // `11/Nov/2024:13:45:46 +0000`, `BFaVtH2HoAMFZEQ=`
            let context = &event["requestContext"];
            let (time, id) = (context["requestTime"].as_str().unwrap(), &context["requestId"]);
            assert!(time.len() == 26 && time.ends_with(" +0000"), "{time}");
            assert_eq!((id.as_str().unwrap().len(), id), (16, &context["extendedRequestId"]));
        }
    });
}

#[test]
fn the_function_decides_who_may_connect() {
    block_on(async {
        for (welcome, status, fault) in [
            (r#"{"statusCode":401}"#, 401, ""),
            (r#"{"statusCode":503,"body":"later"}"#, 503, ""),
            ("error", 502, "failed"),
            (r#"{"body":"x"}"#, 502, "statusCode"),
            ("stream", 502, "stream"),
            (
                r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"graphql"}}"#,
                502,
                "subprotocol",
            ),
        ] {
            let emulator = emulator(welcome);
            let url = emulator.open(Door::WebSocketApi).await.unwrap();
            assert_eq!(refusal(&url).await, status, "{welcome}");
            let faults = emulator.faults().join("\n");
            assert!(faults.contains(fault) && faults.is_empty() == fault.is_empty(), "{faults}");
            assert_eq!(emulator.connections(), 0);
        }
        let emulator = emulator(WELCOME);
        let url = emulator.open(Door::WebSocketApi).await.unwrap();
        assert_eq!(refusal(&format!("{url}/other")).await, 403);
        assert_eq!(refusal(&url.replace("/prod", "/other")).await, 403);
        assert_eq!(refusal(&format!("{url}?{}", "x".repeat(4096))).await, 414);
        let slow = emulator.integration_timeout(Duration::ZERO);
        assert_eq!(refusal(&slow.open(Door::WebSocketApi).await.unwrap()).await, 504);
    });
}

#[test]
fn too_large_frames_and_messages_and_binary_ones_end_the_connection() {
    block_on(async {
        let emulator = emulator(WELCOME);
        let url = emulator.open(Door::WebSocketApi).await.unwrap();
        let frame = |bytes: usize, opcode, is_final| {
            Message::Frame(Frame::message(vec![b'x'; bytes], opcode, is_final))
        };
        let text = OpCode::Data(Data::Text);
        let more = OpCode::Data(Data::Continue);

        let mut socket = connect_to(&url, Some("mcp")).await.unwrap();
        for _ in 0..2 {
            // 128 KB in four frames.
            for (opcode, is_final) in [(text, false), (more, false), (more, false), (more, true)] {
                socket.send(frame(32 * 1024, opcode, is_final)).await.unwrap();
            }
        }
        socket.send(frame(32 * 1024 + 1, text, true)).await.unwrap();
        assert_eq!(end(&mut socket).await, 1009);
        // Each has an invocation of its own, which need not be over.
        while events(&emulator, "MESSAGE").await.len() < 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(events(&emulator, "MESSAGE").await.len(), 2);

        let mut socket = connect_to(&url, Some("mcp")).await.unwrap();
        for opcode in [text, more, more, more] {
            socket.send(frame(32 * 1024, opcode, false)).await.unwrap();
        }
        let _ = socket.send(frame(1, more, true)).await;
        assert_eq!(end(&mut socket).await, 1009);

        let mut socket = connect_to(&url, Some("mcp")).await.unwrap();
        socket.send(Message::Binary(vec![1].into())).await.unwrap();
        assert_eq!(end(&mut socket).await, 1003);
    });
}

#[test]
fn connections_end_when_they_are_idle_or_old() {
    block_on(async {
        let idle = emulator(WELCOME).connection_idle(Duration::from_millis(300));
        assert_eq!(end(&mut connect(&idle).await).await, 1001);
        let old = emulator(WELCOME).connection_lifetime(Duration::from_millis(300));
        assert_eq!(end(&mut connect(&old).await).await, 1001);
        let event = events(&old, "DISCONNECT").await.remove(0);
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
        assert_eq!(old.connections(), 0);
    });
}

#[test]
fn the_function_is_told_how_a_connection_ended() {
    block_on(async {
        let ends = async |close: Option<CloseFrame>| {
            let emulator = emulator(WELCOME);
            let mut socket = connect(&emulator).await;
            match close {
                Some(close) => socket.close(Some(close)).await.unwrap(),
                None => drop(socket),
            }
            let event = events(&emulator, "DISCONNECT").await.remove(0);
            event["requestContext"]["disconnectStatusCode"].as_u64().unwrap()
        };
        let close = CloseFrame { code: CloseCode::Library(4001), reason: "bye".into() };
        assert_eq!(ends(Some(close)).await, 4001);
        assert_eq!(ends(None).await, 1006);
    });
}

#[test]
fn a_message_that_fails_is_told_of_and_the_connection_goes_on() {
    block_on(async {
        let emulator = emulator(WELCOME).integration_timeout(Duration::from_secs(10));
        let mut socket = connect(&emulator).await;
        for (message, said) in [
            ("error", "Internal server error"),
            ("nonsense", "Internal server error"),
            ("hang", "Endpoint request timed out"),
        ] {
            say(&mut socket, message).await;
            let heard = hear(&mut socket).await;
            assert_eq!(heard["message"], said, "{message}");
            assert!(heard["connectionId"].is_string() && heard["requestId"].is_string());
        }
        assert_eq!(emulator.connections(), 1);
    });
}

#[test]
fn what_a_function_returns_is_nobodys_without_a_route_response() {
    block_on(async {
        let one_way = emulator(WELCOME);
        let mut socket = connect(&one_way).await;
        for message in ["hello", "refuse", "error"] {
            say(&mut socket, message).await;
        }
        // The failure is all that is heard of the three.
        assert_eq!(hear(&mut socket).await["message"], "Internal server error");
        let nothing = tokio::time::timeout(Duration::from_millis(300), socket.next()).await;
        assert!(nothing.is_err(), "{nothing:?}");

        let two_way = emulator(WELCOME).route_responses();
        let mut socket = connect(&two_way).await;
        say(&mut socket, "hello").await;
        assert_eq!(hear(&mut socket).await, "returned");
        say(&mut socket, "refuse").await;
        assert_eq!(hear(&mut socket).await, "refused");
    });
}

#[test]
fn messages_go_to_the_routes_that_there_are() {
    block_on(async {
        let emulator = emulator(WELCOME).routes("action", ["chat"]);
        let mut socket = connect(&emulator).await;
        say(&mut socket, r#"{"action":"chat"}"#).await;
        let event = events(&emulator, "MESSAGE").await.remove(0);
        assert_eq!(event["requestContext"]["routeKey"], "chat");
        say(&mut socket, r#"{"action":"other"}"#).await;
        assert_eq!(hear(&mut socket).await["message"], "Forbidden");
    });
}

/// A request to the management API: status and body.
async fn manage(
    emulator: &Emulator,
    method: &str,
    path: &str,
    body: &str,
    signed: bool,
) -> (u16, String) {
    let url = emulator.api_url().await.unwrap();
    let authority = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let signature = if signed {
        format!(
            "x-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
             Credential=KEY/20260101/us-east-1/execute-api/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={}\r\n",
            "0".repeat(64)
        )
    } else {
        String::new()
    };
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{signature}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
    (status, reply.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[test]
fn connections_are_managed_as_at_aws() {
    block_on(async {
        let emulator = emulator(WELCOME);
        let mut socket = connect(&emulator).await;
        let event = events(&emulator, "CONNECT").await.remove(0);
        let id = event["requestContext"]["connectionId"].as_str().unwrap();
        let path = format!("/prod/%40connections/{}", id.replace('=', "%3D"));
        let manage = async |method: &str, path: &str, body: &str| {
            manage(&emulator, method, path, body, true).await
        };

        assert_eq!(manage("POST", &path, "hello").await.0, 200);
        assert_eq!(hear(&mut socket).await, "hello");
        assert_eq!(manage("POST", &format!("/prod/@connections/{id}"), "again").await.0, 200);
        assert_eq!(hear(&mut socket).await, "again");
        assert_eq!(manage("POST", &path, &"x".repeat(128 * 1024)).await.0, 200);
        assert_eq!(hear(&mut socket).await.as_str().unwrap().len(), 128 * 1024);
        assert_eq!(manage("POST", &path, &"x".repeat(128 * 1024 + 1)).await.0, 413);

        let (status, told) = manage("GET", &path, "").await;
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!((status, &told["identity"]["sourceIp"]), (200, &json!("127.0.0.1")));
        assert!(told["connectedAt"].as_str().unwrap().ends_with('Z'), "{told}");
        assert!(told["lastActiveAt"].is_string(), "{told}");

        assert_eq!(self::manage(&emulator, "POST", &path, "x", false).await.0, 403);
        assert_eq!(manage("PUT", &path, "x").await.0, 403);
        assert_eq!(manage("POST", "/prod/%40connections/nonsense", "x").await.0, 400);
        assert_eq!(manage("POST", "/prod/elsewhere", "x").await.0, 403);
        let unknown = "/prod/%40connections/AAAAAAAAAAAAAAA%3D";
        assert_eq!(manage("POST", unknown, "x").await.0, 410);

        assert_eq!(manage("DELETE", &path, "").await.0, 204);
        assert_eq!(end(&mut socket).await, 1000);
        let event = events(&emulator, "DISCONNECT").await.remove(0);
        assert_eq!(event["requestContext"]["disconnectReason"], "Connection Closed Normally");
        for method in ["POST", "GET", "DELETE"] {
            assert_eq!(manage(method, &path, "x").await.0, 410, "{method}");
        }
        // Where the clients connect, too.
        let url = emulator.open(Door::WebSocketApi).await.unwrap();
        let mut stream =
            TcpStream::connect(url["ws://".len()..].split_once('/').unwrap().0).await.unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 403"), "{reply}");
    });
}
