//! The program as a tool box of another server, over stdio.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{process::Command, time::Duration};

use mcp_remote::Remote;
use mcp_serve::Server;
use mcp_testing::{__private::block_on, Harness};
use serde_json::json;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hello"));
    command.arg("stdio").env_remove("RUST_LOG").stderr(std::process::Stdio::null());
    command
}

/// A server in front of the program, which it has started.
async fn mounted() -> Server {
    let remote = Remote::command(program()).connect().await.unwrap();
    Server::builder("outer", "1.0").mount("hello", remote).build()
}

#[mcp_testing::test(mounted().await)]
async fn its_tools_are_called_through_another_server(mcp: Harness) {
    let tools = mcp.list_tools().await;
    assert_eq!(tools[0].name, "hello_add");
    assert_eq!(tools[0].description.as_deref(), Some("Adds two integers."));
    assert_eq!(tools[0].annotations.as_ref().unwrap().read_only_hint, Some(true));
    let sum = mcp.try_call("hello_add", json!({"a": 1, "b": 2})).await.unwrap();
    assert_eq!(sum.text(), "3");
    let fault = mcp.try_call("hello_add", json!({"a": "one"})).await.unwrap().tool_error();
    assert!(fault.contains("The arguments of `hello_add` do not fit"), "{fault}");
    let text = "line\nbreak \u{2028} \"quote\" 世界 \u{0}";
    let echo = mcp.try_call("hello_echo", json!({"text": text})).await.unwrap();
    assert_eq!(echo.text(), text);
}

#[mcp_testing::test(mounted().await)]
async fn its_progress_arrives_in_order_and_before_the_answer(mcp: Harness) {
    let outcome = mcp.try_call("hello_count", json!({"n": 100})).await.unwrap();
    assert_eq!(outcome.text(), "counted to 100");
    let steps: Vec<f64> = outcome.progress().iter().map(|step| step.progress).collect();
    assert_eq!(steps, (1..=100).map(f64::from).collect::<Vec<_>>());
}

/// The client asks in the modern way for 10 s, then in the legacy one, and gets both answers at once.
#[test]
fn a_program_that_is_slow_to_start_is_mounted() {
    block_on(async {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"sleep 11; exec "$0" stdio"#, env!("CARGO_BIN_EXE_hello")])
            .env_remove("RUST_LOG")
            .stderr(std::process::Stdio::null());
        let remote = Remote::command(command).connect_timeout(Duration::from_secs(90));
        let remote = remote.connect().await.unwrap();
        let server = Server::builder("outer", "1.0").mount("hello", remote).build();
        let mcp = Harness::in_memory(server).await;
        let sum = mcp.try_call("hello_add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(sum.text(), "3");
    });
}

#[test]
fn a_hundred_calls_share_one_process() {
    block_on(async {
        let mcp = Harness::in_memory(mounted().await).await;
        let mut calls = tokio::task::JoinSet::new();
        let mcp = std::sync::Arc::new(mcp);
        for n in 0..100 {
            let mcp = std::sync::Arc::clone(&mcp);
            calls.spawn(async move {
                let sum = mcp.try_call("hello_add", json!({"a": n, "b": n})).await.unwrap();
                assert_eq!(sum.text(), (2 * n).to_string());
            });
        }
        while let Some(call) = calls.join_next().await {
            call.unwrap();
        }
    });
}

/// Processes whose parent is this test, by the number that the program has written down.
struct Process(String);

impl Process {
    fn signal(&self, signal: &str) -> bool {
        let mut kill = Command::new("kill");
        kill.args([signal, &self.0]).stderr(std::process::Stdio::null());
        kill.status().unwrap().success()
    }
}

#[test]
fn a_program_that_was_killed_is_started_again_and_ends_with_its_server() {
    block_on(async {
        let directory = std::env::temp_dir().join(format!(
            "mounted-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("pid");
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"echo $$ > "$0"; exec "$1" stdio"#])
            .arg(&file)
            .arg(env!("CARGO_BIN_EXE_hello"))
            .env_remove("RUST_LOG")
            .stderr(std::process::Stdio::null());
        let process = || Process(std::fs::read_to_string(&file).unwrap().trim().to_owned());

        let remote = Remote::command(command).connect().await.unwrap();
        let server = Server::builder("outer", "1.0").mount("hello", remote).build();
        let mcp = Harness::in_memory(server).await;
        let add = async || mcp.try_call("hello_add", json!({"a": 1, "b": 2})).await.unwrap();
        assert_eq!(add().await.text(), "3");

        let first = process();
        assert!(first.signal("-KILL"));
        // The first calls may meet the pipe before its end is seen.
        loop {
            let outcome = add().await;
            if !outcome.is_error() {
                assert_eq!(outcome.text(), "3");
                break;
            }
            assert!(outcome.tool_error().contains("is not available at the moment"));
            tokio::task::yield_now().await;
        }
        let second = process();
        assert_ne!(first.0, second.0);

        drop(mcp);
        while second.signal("-0") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        std::fs::remove_dir_all(&directory).unwrap();
    });
}
