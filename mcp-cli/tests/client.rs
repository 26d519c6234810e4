//! `mcp` as a client of real servers, over every transport.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;

use serde_json::json;
use support::{Listening, mcp, stdio};

/// The same server over each transport.
fn everywhere() -> (Listening, Vec<String>) {
    let listening = Listening::start(&["--legacy-sse"]);
    let targets = vec![
        stdio(),
        listening.url("http", "/mcp"),
        listening.url("http", "/sse"),
        listening.url("ws", "/ws"),
    ];
    (listening, targets)
}

#[test]
fn all_that_a_server_offers_is_listed_over_every_transport() {
    let (_listening, targets) = everywhere();
    for target in targets {
        let list = mcp(&["list", &target, "--json"]).json();
        let names = |key: &str, name: &str| -> Vec<String> {
            let all = list[key].as_array().unwrap().iter();
            all.map(|one| one[name].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names("tools", "name"), ["add", "echo", "draw", "count", "wait", "greet"]);
        assert_eq!(names("resources", "uri"), ["desk://note"]);
        assert_eq!(names("prompts", "name"), ["review"]);
    }
}

#[test]
fn a_tool_is_called_over_every_transport_in_both_eras() {
    let (_listening, targets) = everywhere();
    for target in targets {
        let eras: &[&str] =
            if target.ends_with("/sse") { &["legacy"] } else { &["modern", "legacy"] };
        for era in eras {
            let sum = mcp(&["call", &target, "--era", era, "add", "a=2", "b=40"]);
            assert_eq!((sum.code, sum.out.as_str()), (0, "42\n"), "{target} {era}: {sum:?}");
            let count = mcp(&["call", &target, "--era", era, "count", "n=20"]);
            assert_eq!(count.out, "counted to 20\n", "{target} {era}: {count:?}");
        }
    }
}

#[test]
fn a_tool_that_asks_is_answered_in_both_eras() {
    for era in ["modern", "legacy"] {
        let name = r#"{"name":"Ada"}"#;
        let greeting = mcp(&["call", &stdio(), "--era", era, "greet", "--answer", name]);
        assert_eq!(greeting.out, "Hello, Ada!\n", "{era}: {greeting:?}");
    }
}

#[test]
fn a_tool_that_asks_is_told_that_nobody_is_there() {
    let greeting = mcp(&["call", &stdio(), "greet"]);
    assert_eq!(greeting.code, 1, "{greeting:?}");
    assert!(greeting.err.contains("elicitation"), "{greeting:?}");
}

#[test]
fn arguments_are_read_from_files_and_as_one_object() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("arguments.json");
    std::fs::write(&file, r#"{"a": 1, "b": 2}"#).unwrap();
    let from_file = mcp(&["call", &stdio(), "add", "--args", &format!("@{}", file.display())]);
    assert_eq!(from_file.out, "3\n", "{from_file:?}");
    let object = mcp(&["call", &stdio(), "add", "--args", r#"{"a": 3, "b": 4}"#, "--json"]);
    assert_eq!(object.json()["content"][0]["text"], json!("7"));
}

#[test]
fn an_error_of_a_tool_ends_in_1() {
    let wrong = mcp(&["call", &stdio(), "add", "a=one"]);
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.out.contains("expected"), "{wrong:?}");
    let unknown = mcp(&["call", &stdio(), "subtract"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(unknown.err.contains("subtract"), "{unknown:?}");
    let late = mcp(&["call", &stdio(), "wait", "--timeout", "0.2"]);
    assert_eq!(late.code, 1, "{late:?}");
    assert!(late.err.contains("--timeout"), "{late:?}");
}

#[test]
fn an_image_is_named_or_saved() {
    let named = mcp(&["call", &stdio(), "draw"]);
    assert!(named.out.contains("image/png, 5 bytes"), "{named:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    for file in ["1.png", "2.png"] {
        let saved = mcp(&["call", &stdio(), "draw", "--save", path]);
        assert_eq!(saved.code, 0, "{saved:?}");
        assert_eq!(std::fs::read(folder.path().join(file)).unwrap(), b"a dot");
    }
}

#[test]
fn a_resource_is_read_and_a_prompt_filled_in() {
    assert_eq!(mcp(&["read", &stdio(), "desk://note"]).out, "Do not forget.\n");
    let missing = mcp(&["read", &stdio(), "desk://nothing"]);
    assert_eq!(missing.code, 1, "{missing:?}");
    let prompt = mcp(&["prompt", &stdio(), "review", "thing=this"]);
    assert_eq!(prompt.out, "user\nPlease review this.\n");
}

#[test]
fn a_server_is_inspected() {
    let report = mcp(&["inspect", &stdio()]);
    for part in ["desk 1.0", "2026-07-28", "Ask for anything.", "The first number."] {
        assert!(report.out.contains(part), "{part}: {report:?}");
    }
    let json = mcp(&["inspect", &stdio(), "--json"]).json();
    assert_eq!(json["server"]["serverInfo"]["name"], json!("desk"));
}

#[test]
fn a_key_opens_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    let key = "secret-of-at-least-32-characters-x";
    let hash = "694bb7a0f985ba1c278fbba5ee3eb0e0c46d563d5720959a08fdeb66b998a48b";
    std::fs::write(&keys, format!("team sha256:{hash}\n")).unwrap();
    let listening = Listening::start(&["--api-keys-file", keys.to_str().unwrap()]);
    for target in [listening.url("http", "/mcp"), listening.url("ws", "/ws")] {
        let shut = mcp(&["list", &target]);
        assert_eq!(shut.code, 3, "{shut:?}");
        assert!(shut.err.contains("--api-key"), "{shut:?}");
        for credential in [["--api-key", key], ["--bearer", key]] {
            let open = mcp(&["call", &target, "echo", "text=in", credential[0], credential[1]]);
            assert_eq!(open.out, "in\n", "{open:?}");
        }
    }
}

#[test]
fn what_is_no_server_is_told_from_a_server_in_one_line() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (target, code, part) in [
        (format!("http://127.0.0.1:{port}/mcp"), 3, "nothing answers"),
        (format!("ws://127.0.0.1:{port}/ws"), 3, "nothing answers"),
        (format!("sse:http://127.0.0.1:{port}/x"), 3, "nothing answers"),
        ("no-such-program-here stdio".to_owned(), 3, "is it installed"),
        ("127.0.0.1:8000/mcp".to_owned(), 3, "begins with http://"),
        ("echo hello".to_owned(), 3, "it said: hello"),
        ("true".to_owned(), 3, "ended before it answered"),
        ("ftp://host".to_owned(), 2, "is not spoken"),
    ] {
        let said = mcp(&["list", &target]);
        assert_eq!(said.code, code, "{target}: {said:?}");
        assert!(said.err.contains(part), "{target}: {said:?}");
        assert!(said.out.is_empty(), "{target}: {said:?}");
    }
}

#[test]
fn help_completions_and_manual_are_there() {
    let help = mcp(&["--help"]);
    assert!(help.out.contains("Exit codes"), "{help:?}");
    assert!(mcp(&["completions", "bash"]).out.contains("_mcp"));
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(mcp(&["man", folder.path().to_str().unwrap()]).code, 0);
    assert!(folder.path().join("mcp-call.1").exists());
}
