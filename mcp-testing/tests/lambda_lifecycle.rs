//! The life of a function's process: its start, a snapshot, invocations at once, clients that go, and
//! its end.
#![cfg(feature = "lambda")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    Call, Method, Request, Server, StateKeys, Tool, ToolContext, ToolPack, ToolResult,
    Transport as _, tool,
};
use mcp_testing::{
    __private::{block_on, lambda::this_binary},
    lambda::{Door, Emulator, Outcome},
};
use mcp_transport_lambda::{HttpConfig, LambdaConfig, LambdaTransport, ResponseMode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{Barrier, OnceCell},
};
use tokio_util::sync::CancellationToken;

/// What the process is told to do besides serving.
const WISHES: &str = "LIFECYCLE_TEST_WISHES";

/// How often what has been done.
struct Counts {
    connections: AtomicU32,
    restores: AtomicU32,
    connection: OnceCell<u32>,
    four: Barrier,
}

impl Counts {
    async fn connect(&self) -> &u32 {
        let connecting = async || {
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.connections.fetch_add(1, Ordering::SeqCst)
        };
        self.connection.get_or_init(connecting).await
    }
}

/// Tells how often the pack has connected before and after it needs its connection, and how often it
/// was restored.
#[derive(Deserialize, JsonSchema, Tool)]
struct Tell {}

impl Call<Counts> for Tell {
    type Output = String;

    async fn call(self, counts: &Counts, _: &ToolContext) -> ToolResult<String> {
        let count = |of: &AtomicU32| of.load(Ordering::SeqCst);
        let before = count(&counts.connections);
        counts.connect().await;
        Ok(format!("{before} {} {}", count(&counts.connections), count(&counts.restores)))
    }
}

/// Waits for three others, and then panics if it is told to.
#[derive(Deserialize, JsonSchema, Tool)]
struct Meet {
    /// Whether to panic.
    panics: bool,
}

impl Call<Counts> for Meet {
    type Output = u32;

    async fn call(self, counts: &Counts, _: &ToolContext) -> ToolResult<u32> {
        counts.four.wait().await;
        assert!(!self.panics, "on purpose");
        Ok(std::process::id())
    }
}

/// Reports progress for a while, and then notes in a file that it has ended.
#[tool]
async fn report(cx: &ToolContext, file: String, steps: u64) -> String {
    for step in 1..=steps {
        cx.progress_of(step, steps, "x".repeat(1000)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    std::fs::write(file, "ended").unwrap();
    "reported".to_owned()
}

/// The function, where this binary is one.
#[test]
fn function() {
    let Ok(wishes) = std::env::var(WISHES) else { return };
    let wishes = |wish: &str| wishes.contains(wish);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let counts = Arc::new(Counts {
            connections: AtomicU32::new(0),
            restores: AtomicU32::new(0),
            connection: OnceCell::new(),
            four: Barrier::new(4),
        });
        let mut pack = ToolPack::with_shared("counts", counts)
            .tool::<Tell>()
            .tool::<Meet>()
            .on_restore(|counts| async move {
                counts.restores.fetch_add(1, Ordering::SeqCst);
                Ok::<_, std::convert::Infallible>(())
            });
        if wishes("eager") {
            pack = pack.on_start(|counts| async move {
                counts.connect().await;
                Ok::<_, std::convert::Infallible>(())
            });
        }
        let faulty = tower::layer::layer_fn(|inner| {
            tower::util::MapRequest::new(inner, |request: Request| {
                assert_ne!(request.method(), &Method::ListPrompts, "on purpose");
                request
            })
        });
        let server = Server::builder("lifecycle", "1").pack(pack).tool::<report>();
        let server = server.layer(faulty).build();
        server.set_state_keys(StateKeys::from_hex(&"ab".repeat(32)).unwrap());
        server.start().await.unwrap();
        let stop = CancellationToken::new();
        let (told, mut signal) = (
            stop.clone(),
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap(),
        );
        tokio::spawn(async move {
            signal.recv().await;
            told.cancel();
        });
        let mode = if wishes("stream") { ResponseMode::Stream } else { ResponseMode::Buffered };
        let config = LambdaConfig::new(HttpConfig::new()).allow_anonymous(true).response(mode);
        let transport = LambdaTransport::new().config(config).hear_shutdown(wishes("last-words"));
        transport.serve(server, stop).await.unwrap();
        let farewell = if wishes("lingers") { 700 } else { 50 };
        tokio::time::sleep(Duration::from_millis(farewell)).await;
        eprintln!("these are my last words");
    });
}

fn emulator(wishes: &str) -> Emulator {
    this_binary(concat!(module_path!(), "::function")).env(WISHES, wishes)
}

async fn call(function: &Emulator, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    match function.invoke(message.to_string(), None).await {
        Outcome::Answered(reply) => serde_json::from_slice(&reply).unwrap(),
        other => panic!("{other:?}\n{}", function.output().join("\n")),
    }
}

fn text(reply: &Value) -> &str {
    reply["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{reply}"))
}

#[test]
fn packs_connect_once_when_they_choose_to() {
    block_on(async {
        for (wishes, before) in [("lazy", 0), ("eager", 1)] {
            let function = emulator(wishes);
            let told = call(&function, "tell", json!({})).await;
            assert_eq!(text(&told), format!("{before} 1 0"), "{wishes}");
            for _ in 0..3 {
                assert_eq!(text(&call(&function, "tell", json!({})).await), "1 1 0", "{wishes}");
            }
            assert_eq!(function.processes(), 1);
        }
    });
}

#[test]
fn packs_hear_of_a_restored_snapshot_before_the_first_event() {
    block_on(async {
        let function = emulator("eager").snap_start();
        for _ in 0..2 {
            assert_eq!(text(&call(&function, "tell", json!({})).await), "1 1 1");
        }
        assert_eq!(function.processes(), 1);
    });
}

#[test]
fn a_process_that_hears_of_its_end_has_its_last_words() {
    block_on(async {
        for (wishes, has) in [("last-words", true), ("none", false)] {
            let function = emulator(wishes);
            call(&function, "tell", json!({})).await;
            function.shut_down().await;
            assert_eq!(function.processes(), 0);
            let said = function.output().iter().any(|line| line.contains("last words"));
            assert_eq!(said, has, "{wishes}: {:?}", function.output());
        }
    });
}

#[test]
fn an_end_that_takes_longer_than_lambda_lets_it_is_a_fault() {
    block_on(async {
        let function = emulator("last-words lingers");
        call(&function, "tell", json!({})).await;
        function.shut_down().await;
        // It is let finish all the same, so that a busy machine fails no test.
        assert!(function.output().iter().any(|line| line.contains("last words")));
        let faults = function.faults();
        assert!(faults.len() == 1 && faults[0].contains("after SIGTERM"), "{faults:?}");
    });
}

#[test]
fn a_process_whose_program_has_changed_has_its_last_words_too() {
    block_on(async {
        let function = emulator("last-words");
        call(&function, "tell", json!({})).await;
        function.restart();
        while !function.output().iter().any(|line| line.contains("last words")) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        text(&call(&function, "tell", json!({})).await);
        assert_eq!(function.processes(), 1);
    });
}

#[test]
fn one_process_answers_several_invocations_at_once() {
    block_on(async {
        let function = emulator("none").concurrency(4);
        for _ in 0..2 {
            // Each waits for the other three.
            let meet = || call(&function, "meet", json!({ "panics": false }));
            let (a, b, c, d) = tokio::join!(meet(), meet(), meet(), meet());
            for reply in [&b, &c, &d] {
                assert_eq!(text(reply), text(&a));
            }
        }
        assert_eq!(function.processes(), 1);
    });
}

#[test]
fn of_several_invocations_at_once_the_one_that_panics_fails_alone() {
    block_on(async {
        let function = emulator("none").concurrency(4);
        let meet = |panics| call(&function, "meet", json!({ "panics": panics }));
        let (a, b, c, d) = tokio::join!(meet(false), meet(true), meet(false), meet(false));
        assert_eq!(b["error"]["code"], -32603, "{b}");
        for reply in [&a, &c, &d] {
            text(reply);
        }
        text(&call(&function, "tell", json!({})).await);
        assert_eq!(function.processes(), 1);
    });
}

#[test]
fn what_goes_wrong_in_an_invocation_fails_no_other() {
    block_on(async {
        let function = emulator("none");
        text(&call(&function, "tell", json!({})).await);
        // A panic around a call is an answer.
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "prompts/list" });
        match function.invoke(message.to_string(), None).await {
            Outcome::Answered(reply) => {
                let reply: Value = serde_json::from_slice(&reply).unwrap();
                assert_eq!(reply["error"]["code"], -32603, "{reply}");
            }
            other => panic!("{other:?}"),
        }
        for (event, context, kind) in [
            // The event of no source that there is.
            (r#"{"unknown":1}"#, None, "UnknownEvent"),
            (r#"{"jsonrpc":"2.0"}"#, Some("1"), "Runtime.MalformedInvocation"),
        ] {
            match function.invoke(event, context).await {
                Outcome::Failed(failure) => assert_eq!(failure.error_type, kind, "{failure:?}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(text(&call(&function, "tell", json!({})).await), "1 1 0");
        assert_eq!(function.processes(), 1);
    });
}

/// A file that is not there, removed with this value.
struct Temporary(String);

impl Temporary {
    fn new(name: &str) -> Self {
        let name = format!("mcp-lifecycle-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name).to_str().unwrap().to_owned())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_client_that_is_gone_in_the_midst_of_a_stream_hangs_nothing() {
    block_on(async {
        for door in [Door::FunctionUrlStream, Door::RestApiStream] {
            let function = emulator("stream");
            let url = function.open(door).await.unwrap();
            let (authority, path) = url["http://".len()..].split_once('/').unwrap();
            let file = Temporary::new(door.name());
            let body = json!({
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {
                    "name": "report",
                    "arguments": { "file": file.0, "steps": 100 },
                    "_meta": { "progressToken": "p" },
                },
            })
            .to_string();
            let request = format!(
                "POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 accept: application/json, text/event-stream\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut stream = TcpStream::connect(authority).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut seen = String::new();
            while !seen.contains("notifications/progress") {
                let mut chunk = [0; 1024];
                let read = stream.read(&mut chunk).await.unwrap();
                assert_ne!(read, 0, "{seen}\n{:?}", function.faults());
                seen.push_str(&String::from_utf8_lossy(&chunk[..read]));
            }
            // A reset, not an orderly end.
            drop(stream);
            // Lambda does not stop a function whose client is gone, and what it does is done.
            while std::fs::read(&file.0).unwrap_or_default() != b"ended" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            while function.idle() < 1 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            // The same process answers the next client.
            assert_eq!(text(&call(&function, "tell", json!({})).await), "0 1 0", "{door:?}");
            assert_eq!(function.processes(), 1);
        }
    });
}
