//! `mcp client-config`: what clients are told, and what becomes of their files.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, process::Command};

use serde_json::{Value, json};
use support::{Listening, mcp};

const URL: &str = "https://mcp.example.com/mcp";

fn entry(client: &str, target: &str, more: &[&str]) -> Value {
    let mut arguments = vec!["client-config", client, target, "--name", "sales"];
    arguments.extend(more);
    let whole = mcp(&arguments).json();
    let servers = whole.get("mcpServers").or(whole.get("servers")).unwrap();
    servers["sales"].clone()
}

#[test]
fn a_program_is_started_by_every_client_with_a_file() {
    for client in ["claude-desktop", "claude-code", "vscode", "cursor", "inspector"] {
        let entry = entry(client, "sales-server 'my data' stdio", &[]);
        assert_eq!(entry["command"], json!("sales-server"), "{client}");
        assert_eq!(entry["args"], json!(["my data", "stdio"]), "{client}");
    }
    let ssh = entry("claude-desktop", "ssh:ec2-user@host sales-server stdio", &[]);
    assert_eq!(ssh["command"], json!("ssh"));
    assert_eq!(ssh["args"], json!(["-T", "ec2-user@host", "sales-server stdio"]));
}

#[test]
fn an_address_carries_its_headers() {
    let key = ["--api-key", "k1", "--header", "X-Team: eu"];
    let headers = json!({ "X-API-Key": "k1", "x-team": "eu" });
    for (client, kind) in [
        ("claude-code", json!("http")),
        ("vscode", json!("http")),
        ("cursor", json!(null)),
        ("inspector", json!("streamable-http")),
    ] {
        let entry = entry(client, URL, &key);
        assert_eq!((&entry["url"], &entry["headers"]), (&json!(URL), &headers), "{client}");
        assert_eq!(entry["type"], kind, "{client}");
    }
    let desktop = entry("claude-desktop", URL, &key);
    assert_eq!(desktop["command"], json!("npx"));
    assert_eq!(desktop["env"]["MCP_HEADER_1"], json!("k1"));
    assert!(desktop["args"].as_array().unwrap().contains(&json!("X-API-Key:${MCP_HEADER_1}")));
    let sse = entry("claude-code", "https://mcp.example.com/prod/sse", &[]);
    assert_eq!(sse["type"], json!("sse"));
}

#[test]
fn a_file_keeps_what_it_holds_and_has_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mcp.json");
    let old =
        "{\n  \"theme\": \"dark\",\n  \"mcpServers\": { \"old\": { \"command\": \"x\" } }\n}\n";
    fs::write(&file, old).unwrap();
    let path = file.to_str().unwrap();
    let write = ["client-config", "cursor", URL, "--name", "sales", "--write", "--file", path];
    let written = mcp(&write);
    assert_eq!(written.code, 0, "{written:?}");
    let new: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(new["theme"], json!("dark"));
    assert_eq!(new["mcpServers"]["old"]["command"], json!("x"));
    assert_eq!(new["mcpServers"]["sales"]["url"], json!(URL));
    assert_eq!(fs::read_to_string(folder.path().join("mcp.json.bak")).unwrap(), old);

    let again = mcp(&write);
    assert!(again.out.contains("already"), "{again:?}");
    assert!(!folder.path().join("mcp.json.bak1").exists());
}

#[test]
fn a_file_that_is_not_there_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new").join("mcp.json");
    let path = file.to_str().unwrap();
    let made = mcp(&["client-config", "vscode", URL, "--write", "--file", path, "--json"]).json();
    assert_eq!((&made["changed"], &made["backup"]), (&json!(true), &json!(null)));
    let new: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(new["servers"]["server"]["type"], json!("http"));
}

#[test]
fn a_file_that_is_no_json_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mcp.json");
    for text in ["{ // mine\n  \"mcpServers\": {}\n}", "not JSON", "[1]", "{\"mcpServers\": 1}"] {
        fs::write(&file, text).unwrap();
        let path = file.to_str().unwrap();
        let refused = mcp(&["client-config", "cursor", URL, "--write", "--file", path]);
        assert_eq!(refused.code, 2, "{text}: {refused:?}");
        assert_eq!(refused.err.lines().count(), 1, "{text}: {refused:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
    }
}

#[test]
fn what_a_client_does_not_speak_is_refused() {
    for (client, target, part) in [
        ("cursor", "ws://127.0.0.1:8000/ws", "WebSockets"),
        ("curl", "server stdio", "a program"),
        ("no-such-client", URL, "possible values"),
    ] {
        let refused = mcp(&["client-config", client, target]);
        assert_eq!(refused.code, 2, "{refused:?}");
        assert!(refused.err.contains(part), "{refused:?}");
    }
    let secret = mcp(&["client-config", "cursor", "server stdio", "--api-key", "k"]);
    assert_eq!(secret.code, 2, "{secret:?}");
}

#[test]
fn the_lines_for_shells_and_programs_work() {
    let listening = Listening::start(&[]);
    let url = listening.url("http", "/mcp");
    let line = mcp(&["client-config", "curl", &url, "--header", "X-Team: it's"]).out;
    let answer = Command::new("sh").args(["-c", &line]).output().unwrap();
    let answer = String::from_utf8(answer.stdout).unwrap();
    assert!(answer.contains("\"echo\""), "{line}: {answer}");
    for (client, target) in [
        ("requests", url.as_str()),
        ("adk", url.as_str()),
        ("adk", "server stdio"),
        ("adk", "http://127.0.0.1:8000/sse"),
        ("langchain", url.as_str()),
        ("langchain", "server stdio"),
    ] {
        let program = mcp(&["client-config", client, target]).out;
        let compile = "import sys; compile(sys.argv[1], 'program', 'exec')";
        match Command::new("python3").args(["-c", compile, &program]).output() {
            Ok(output) => assert!(output.status.success(), "{program}\n{output:?}"),
            Err(error) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: python3 cannot be started: {error}");
            }
            Err(error) => panic!("python3 cannot be started: {error}"),
        }
    }
}
