//! The program itself, with clients of both eras.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStderr, Command, Stdio},
};

use ask::BookTable;
use mcp_testing::{
    __private::block_on,
    Answer, Asked, Harness,
    lambda::{Door, Emulator},
};
use serde_json::{Value, json};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The program with an environment that says nothing of how to serve.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ask"));
    for name in [
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_FUNCTION_NAME",
        "ECS_CONTAINER_METADATA_URI_V4",
        "KUBERNETES_SERVICE_HOST",
        "MCP_LISTEN",
        "MCP_LOG_FORMAT",
        "MCP_STATE_KEY",
        "PORT",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
}

/// A server on a free port, ended with the test.
struct Listening {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    url: String,
}

impl Listening {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .args(["http", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        // From here on the child is waited for, whatever happens.
        let mut server = Self { child, stderr, said: String::new(), url: String::new() };
        while server.stderr.read_line(&mut server.said).unwrap() > 0 {
            if let Some(start) = server.said.rfind("http://") {
                let url = server.said[start..].split(['"', ' ', '\n', '\u{1b}']).next();
                server.url = url.unwrap().to_owned();
                return server;
            }
        }
        panic!("the program did not say where it listens: {}", server.said);
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn user(asked: Asked) -> Answer {
    match asked {
        Asked::Form { schema, .. } if !schema["properties"]["guests"].is_null() => {
            Answer::Accept(json!({ "date": "2026-12-31", "guests": 2 }))
        }
        Asked::Form { .. } => Answer::Accept(json!({ "book": true })),
        other => panic!("not to be asked: {other:?}"),
    }
}

async fn books(mcp: Harness) {
    let booked = mcp.answering(user).call(BookTable { name: "Ada".into() }).await;
    assert!(booked.text().starts_with("Booked for Ada"), "{booked:?}");
}

#[test]
fn tables_are_booked_over_stdio_http_and_websockets_in_both_eras() {
    let server = Listening::start(&mut program());
    let sockets = server.url.replace("http", "ws").replace("/mcp", "/ws");
    block_on(async {
        for legacy in [false, true] {
            let mut command = program();
            command.arg("stdio");
            for connect in
                [Harness::stdio(command), Harness::http(&server.url), Harness::web_socket(&sockets)]
            {
                books(if legacy { connect.legacy().await } else { connect.await }).await;
            }
        }
    });
}

#[test]
fn tables_are_booked_over_http_and_sse() {
    let server = Listening::start(program().env("MCP_LEGACY_SSE", "true"));
    block_on(async { books(Harness::http_sse(server.url.replace("/mcp", "/sse")).await).await });
}

#[test]
fn tables_are_booked_behind_every_door_of_lambda() {
    block_on(async {
        for door in Door::HTTP.into_iter().chain([Door::Invoke]) {
            books(Harness::behind(door, Emulator::new(env!("CARGO_BIN_EXE_ask"))).await).await;
        }
        // There is no session that a legacy client could be asked in.
        let function = Emulator::new(env!("CARGO_BIN_EXE_ask"));
        let mcp = Harness::behind(Door::FunctionUrl, function).legacy().await;
        let refused = mcp.call(BookTable { name: "Ada".into() }).await;
        assert!(refused.tool_error().contains("needs a session"), "{refused:?}");
    });
}

/// Sends one message, and reads the answer.
fn post(url: &str, message: &Value) -> Value {
    exchange(url, message).1
}

/// Sends one message, and reads the status and the answer.
fn exchange(url: &str, message: &Value) -> (String, Value) {
    use std::{io::Read as _, net::TcpStream};

    let address = url.trim_start_matches("http://").split('/').next().unwrap();
    let body = message.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: book_table\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let message = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (answer[9..12].to_owned(), message)
}

fn call(id: u64, more: &Value) -> Value {
    let mut params = json!({
        "name": "book_table",
        "arguments": { "name": "Ada" },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        },
    });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

#[test]
fn replicas_with_one_key_go_on_with_each_others_calls() {
    let rotated = format!("{},{KEY}", "ab".repeat(32));
    let first = Listening::start(program().env("MCP_STATE_KEY", KEY));
    let second = Listening::start(program().env("MCP_STATE_KEY", rotated));
    let other = Listening::start(&mut program());

    let asked = post(&first.url, &call(1, &json!({})))["result"].clone();
    assert_eq!(asked["resultType"], "input_required");
    let form = json!({ "action": "accept", "content": { "date": "2026-12-31", "guests": 2 } });
    let answered =
        json!({ "inputResponses": { "party": form }, "requestState": asked["requestState"] });
    let refused = post(&other.url, &call(2, &answered));
    assert_eq!(refused["error"]["code"], -32602, "{refused}");

    let confirm = post(&second.url, &call(2, &answered))["result"].clone();
    let message = &confirm["inputRequests"]["confirm"]["params"]["message"];
    assert!(message.as_str().unwrap().starts_with("Book a table for 2"), "{confirm}");
    let confirmed = json!({
        "inputResponses": { "confirm": { "action": "accept", "content": { "book": true } } },
        "requestState": confirm["requestState"],
    });
    let done = post(&second.url, &call(3, &confirmed))["result"].clone();
    assert!(done["content"][0]["text"].as_str().unwrap().starts_with("Booked for Ada"), "{done}");
}

#[test]
fn a_client_that_cannot_be_asked_gets_400_and_what_is_required() {
    let server = Listening::start(&mut program());
    let mut message = call(1, &json!({}));
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let (status, refused) = exchange(&server.url, &message);
    assert_eq!((status.as_str(), &refused["error"]["code"]), ("400", &json!(-32021)));
    assert_eq!(
        refused["error"]["data"],
        json!({ "requiredCapabilities": { "elicitation": { "form": {} } } })
    );
}

#[test]
fn keys_that_are_none_end_the_program_with_two() {
    for (keys, number) in [("abc", "1"), (&format!("{KEY},{KEY}0"), "2")] {
        let output = program()
            .args(["http", "--listen", "127.0.0.1:0"])
            .env("MCP_STATE_KEY", keys)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("MCP_STATE_KEY"), "{stderr}");
        assert!(stderr.contains(&format!("key {number} is not 32 bytes")), "{stderr}");
        assert!(!stderr.contains(keys), "a key does not go into a log: {stderr}");
    }
}

#[test]
fn a_server_among_replicas_without_a_key_says_so() {
    let mut alone = program();
    let mut shared = program();
    shared.env("KUBERNETES_SERVICE_HOST", "10.0.0.1").env("MCP_STATE_KEY", KEY);
    for quiet in [&mut alone, &mut shared] {
        let server = Listening::start(quiet);
        assert!(!server.said.contains("MCP_STATE_KEY"), "{}", server.said);
    }
    for name in
        ["ECS_CONTAINER_METADATA_URI_V4", "KUBERNETES_SERVICE_HOST", "AWS_LAMBDA_FUNCTION_NAME"]
    {
        let server = Listening::start(program().env(name, "x"));
        assert!(server.said.contains("MCP_STATE_KEY"), "{name}: {}", server.said);
    }
}
