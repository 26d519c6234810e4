//! What the emulator does with functions that are not as they should be.
//!
//! The functions are this very test binary, which speaks to the Runtime API by hand.
#![cfg(feature = "lambda")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[path = "support/runtime_api.rs"]
mod runtime_api;

use std::time::Duration;

use mcp_testing::{
    __private::block_on,
    lambda::{Door, Emulator, Outcome},
};
use runtime_api::{next, post};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What the function answers: `METHOD-LIKE WORD` and a text.
const BEHAVIOUR: &str = "EMULATOR_TEST_BEHAVIOUR";

const STREAMING: &str = "lambda-runtime-function-response-mode: streaming\r\n\
    content-type: application/vnd.awslambda.http-integration-response\r\n";

/// The function, where this binary is one; a test without content where it is not.
#[test]
fn function() {
    let Ok(behaviour) = std::env::var(BEHAVIOUR) else { return };
    let (kind, text) = behaviour.split_once(' ').unwrap_or((&behaviour, ""));
    if kind == "exit" {
        std::process::exit(3);
    }
    loop {
        let (id, event) = next();
        let status = match kind {
            "answer" => post(&id, "response", "", text),
            "repeat" => post(&id, "response", "", &event),
            "large" => post(&id, "response", "", &"x".repeat(6_291_557)),
            "stream" => post(&id, "response", STREAMING, &text.replace('~', "\0")),
            "stream-of-text" => post(
                &id,
                "response",
                "lambda-runtime-function-response-mode: streaming\r\ncontent-type: text/plain\r\n",
                text,
            ),
            "error" => post(&id, "error", "", r#"{"errorType":"Bad","errorMessage":"no"}"#),
            "twice" => {
                post(&id, "response", "", "1");
                let again = post(&id, "response", "", "2");
                assert!(again.starts_with("http/1.1 400"), "{again}");
                let unknown = post("unknown", "response", "", "2");
                assert!(unknown.starts_with("http/1.1 400"), "{unknown}");
                continue;
            }
            "die" => std::process::exit(7),
            "hang" => {
                std::thread::sleep(Duration::from_secs(600));
                continue;
            }
            "number" => post(&id, "response", "", &std::process::id().to_string()),
            other => panic!("no such behaviour: {other}"),
        };
        assert!(status.starts_with("http/1.1 202") || kind == "large", "{status}");
    }
}

fn emulator(behaviour: &str) -> Emulator {
    Emulator::new(std::env::current_exe().unwrap())
        .arg("function")
        .arg("--exact")
        .arg("--nocapture")
        .env(BEHAVIOUR, behaviour)
}

/// A request through a door: status, headers and body.
async fn get(emulator: &Emulator, door: Door) -> (u16, String, String) {
    let url = emulator.open(door).await.unwrap();
    let (authority, path) = url["http://".len()..].split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// What this answer comes to behind a door, and why.
async fn verdict(behaviour: &str, door: Door) -> (u16, String) {
    let emulator = emulator(behaviour);
    let (status, ..) = get(&emulator, door).await;
    (status, emulator.faults().join("\n"))
}

const GOOD: &str =
    r#"answer {"statusCode":200,"headers":{"a":"b"},"body":"x","isBase64Encoded":false}"#;

#[test]
fn replies_of_the_documented_form_pass() {
    block_on(async {
        for door in [Door::FunctionUrl, Door::RestApi, Door::HttpApi, Door::Alb] {
            let emulator = emulator(GOOD);
            let (status, head, body) = get(&emulator, door).await;
            assert_eq!((status, &*body), (200, "x"), "{door:?} {:?}", emulator.faults());
            assert!(head.contains("a: b"), "{head}");
        }
        let stream =
            r#"stream {"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}~~~~~~~~one"#;
        for door in [Door::FunctionUrlStream, Door::RestApiStream] {
            let (status, head, body) = get(&emulator(stream), door).await;
            assert!(head.contains("a: b") && head.contains("set-cookie: c=d"), "{head}");
            assert!(status == 201 && body.contains("one"), "{status} {body}");
        }
    });
}

#[test]
fn replies_of_another_form_are_refused() {
    block_on(async {
        use Door::{
            Alb, AlbMultiValue, FunctionUrl, FunctionUrlStream, HttpApi, RestApi, RestApiStream,
        };
        for (door, behaviour, why) in [
            (RestApi, r#"answer {"body":"x"}"#, "statusCode"),
            (RestApi, r#"answer {"statusCode":"ok"}"#, "statusCode"),
            (RestApi, r#"answer {"statusCode":200,"body":{"a":1}}"#, "`body`"),
            (RestApi, r#"answer {"statusCode":200,"cookies":[]}"#, "`cookies`"),
            (RestApi, r#"answer {"statusCode":200,"headers":{"a":["b"]}}"#, "header `a`"),
            (RestApi, "answer [1]", "no object"),
            (RestApi, "answer {", "not JSON"),
            (FunctionUrl, r#"answer {"statusCode":99}"#, "statusCode"),
            (
                FunctionUrl,
                r#"answer {"statusCode":200,"multiValueHeaders":{}}"#,
                "multiValueHeaders",
            ),
            (
                FunctionUrl,
                r#"answer {"statusCode":200,"body":"%","isBase64Encoded":true}"#,
                "base64",
            ),
            (HttpApi, r#"answer {"statusCode":200,"cookies":"a=b"}"#, "`cookies`"),
            (HttpApi, r#"answer {"statusCode":200,"isBase64Encoded":"false"}"#, "isBase64Encoded"),
            (Alb, r#"answer {"statusCode":200,"body":"x"}"#, "isBase64Encoded"),
            (
                Alb,
                r#"answer {"statusCode":200,"multiValueHeaders":{},"isBase64Encoded":false}"#,
                "multiValueHeaders",
            ),
            (
                AlbMultiValue,
                r#"answer {"statusCode":200,"headers":{},"isBase64Encoded":false}"#,
                "`headers`",
            ),
            // Each invokes in its own way, which the function has to know.
            (FunctionUrlStream, GOOD, "RESPONSE_STREAM"),
            (RestApiStream, GOOD, "STREAM"),
            (FunctionUrl, "stream {}~~~~~~~~", "BUFFERED"),
            (RestApi, "stream {}~~~~~~~~", "BUFFERED"),
            (HttpApi, "stream {}~~~~~~~~", "stream"),
            (Alb, "stream {}~~~~~~~~", "stream"),
            (RestApiStream, "stream-of-text {}", "Content-Type"),
            (RestApiStream, r#"stream {"statusCode":200}~~~~~~~x"#, "eight NULs"),
            (RestApiStream, r#"stream {"status":200}~~~~~~~~x"#, "`status`"),
            (RestApiStream, "stream nonsense~~~~~~~~x", "not JSON"),
            (FunctionUrl, "large", "ResponseSizeTooLarge"),
            (FunctionUrl, "error", "Bad"),
            (FunctionUrl, "die", "ExitError"),
            (FunctionUrl, "exit", "ExitError"),
        ] {
            let (status, faults) = verdict(behaviour, door).await;
            assert!(status >= 500, "{door:?} {behaviour}: {status}");
            assert!(faults.contains(why), "{door:?} {behaviour}: no {why:?} in {faults:?}");
        }
    });
}

#[test]
fn a_load_balancer_takes_a_megabyte() {
    block_on(async {
        let text = "x".repeat(1024 * 1024);
        // Over the environment's own limit for one variable, so the event is what is repeated.
        let emulator = emulator("repeat");
        let url = emulator.open(Door::Alb).await.unwrap();
        let (authority, path) = url["http://".len()..].split_once('/').unwrap();
        let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let length = text.len();
        let request = format!(
            "POST /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.starts_with("HTTP/1.1 502"), "{reply:.200}");
        assert!(emulator.faults()[0].contains("over the 1048576"), "{:?}", emulator.faults());
    });
}

#[test]
fn a_function_that_takes_too_long_is_killed_and_started_anew() {
    block_on(async {
        let emulator = emulator("hang").timeout(Duration::from_millis(300));
        for _ in 0..2 {
            match emulator.invoke("1", None).await {
                Outcome::Failed(failure) => assert_eq!(failure.error_type, "Sandbox.Timedout"),
                other => panic!("{other:?}"),
            }
            assert_eq!(emulator.processes(), 0);
        }
    });
}

#[test]
fn api_gateway_gives_up_before_the_function() {
    block_on(async {
        for (door, status) in [(Door::RestApi, 504), (Door::HttpApi, 503)] {
            let emulator = emulator("hang").integration_timeout(Duration::from_millis(200));
            assert_eq!(get(&emulator, door).await.0, status);
        }
    });
}

#[test]
fn an_invocation_is_answered_once() {
    block_on(async {
        let emulator = emulator("twice");
        for _ in 0..2 {
            match emulator.invoke("1", None).await {
                Outcome::Answered(reply) => assert_eq!(&reply[..], b"1"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(emulator.processes(), 1);
    });
}

/// What Linux says of a process: `T` is one that has been stopped.
#[cfg(target_os = "linux")]
fn state(process: &str) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, after_its_name) = stat.rsplit_once(") ").unwrap();
    after_its_name.chars().next().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_stands_still_between_its_invocations() {
    block_on(async {
        let emulator = emulator("number");
        for _ in 0..3 {
            let process = match emulator.invoke("1", None).await {
                Outcome::Answered(reply) => String::from_utf8(reply.to_vec()).unwrap(),
                other => panic!("{other:?}"),
            };
            while state(&process) != 'T' {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(emulator.processes(), 1);
        }
    });
}

#[test]
fn as_many_processes_as_events_at_once_and_no_more_than_allowed() {
    block_on(async {
        let emulator = emulator("hang").most_processes(2);
        let hanging =
            async { tokio::join!(emulator.invoke("1", None), emulator.invoke("2", None)) };
        let third = async {
            while emulator.processes() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            emulator.invoke("3", None).await
        };
        tokio::select! {
            ended = hanging => panic!("nobody was to answer: {ended:?}"),
            outcome = third => match outcome {
                Outcome::Failed(failure) => {
                    assert_eq!(failure.error_type, "TooManyRequestsException");
                }
                other => panic!("{other:?}"),
            },
        }
        assert_eq!(emulator.processes(), 2);
    });
}

#[test]
fn the_invoke_api_is_that_of_lambda() {
    block_on(async {
        let emulator = emulator("repeat");
        let url = emulator.open(Door::Invoke).await.unwrap();
        let (authority, path) = url["http://".len()..].split_once('/').unwrap();
        let invoke = async |headers: &str, body: &str| {
            let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
            let length = body.len();
            let request = format!(
                "POST /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut reply = String::new();
            stream.read_to_string(&mut reply).await.unwrap();
            reply
        };
        assert!(invoke("", r#"{"a":1}"#).await.ends_with(r#"{"a":1}"#));
        assert!(invoke("", "{").await.starts_with("HTTP/1.1 400"));
        let event = invoke("x-amz-invocation-type: Event\r\n", "1").await;
        assert!(event.starts_with("HTTP/1.1 202"), "{event}");
        let dry = invoke("x-amz-invocation-type: DryRun\r\n", "1").await;
        assert!(dry.starts_with("HTTP/1.1 204"), "{dry}");
        let context = invoke("x-amz-client-context: nonsense\r\n", "1").await;
        assert!(context.starts_with("HTTP/1.1 400"), "{context}");
    });
    let failing = emulator("error");
    block_on(async {
        let url = failing.open(Door::Invoke).await.unwrap();
        let (authority, path) = url["http://".len()..].split_once('/').unwrap();
        let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
        let request = format!(
            "POST /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1\r\n\r\n1"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.unwrap();
        assert!(reply.contains("x-amz-function-error: Unhandled"), "{reply}");
        let (_, body) = reply.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body, json!({ "errorType": "Bad", "errorMessage": "no" }));
    });
}
