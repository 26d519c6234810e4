//! `mcp doctor`: a sound server, and ones that have something wrong with them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
};

use serde_json::Value;
use support::{Listening, mcp, stdio};

/// The verdict about each thing.
fn verdicts(said: &support::Said) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| (text(&finding["about"]), text(&finding["verdict"]))).collect()
}

fn verdict<'a>(all: &'a [(String, String)], about: &str) -> &'a str {
    let found = all.iter().find(|(known, _)| known == about);
    &found.unwrap_or_else(|| panic!("{about}: {all:?}")).1
}

/// Answers every request with these bytes.
fn answers(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(response.as_bytes());
        }
    });
    format!("http://{address}/mcp")
}

fn response(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\n{{}}")
}

#[test]
fn nothing_is_wrong_with_a_server_of_ours() {
    let listening = Listening::start(&[]);
    let said = mcp(&["doctor", &listening.url("http", "/mcp"), "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let all = verdicts(&said);
    assert!(all.iter().all(|(_, verdict)| verdict == "good"), "{all:?}");
    for about in ["clock", "streaming", "malformed JSON", "foreign web pages", "MCP 2026-07-28"] {
        assert_eq!(verdict(&all, about), "good");
    }
    for target in [stdio(), listening.url("ws", "/ws")] {
        let said = mcp(&["doctor", &target]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("MCP 2025-11-25 and older: spoken, 6 tools"), "{said:?}");
    }
}

#[test]
fn a_credential_that_is_asked_for_or_refused_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::write(&keys, format!("team sha256:{}\n", "0".repeat(64))).unwrap();
    let listening = Listening::start(&["--api-keys-file", keys.to_str().unwrap()]);
    let url = listening.url("http", "/mcp");
    let asked = mcp(&["doctor", &url, "--json"]);
    assert_eq!(verdict(&verdicts(&asked), "authentication"), "doubtful");
    let refused = mcp(&["doctor", &url, "--json", "--api-key", "another"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(verdict(&verdicts(&refused), "authentication"), "wrong");
}

#[test]
fn what_stands_in_front_of_a_server_is_recognised() {
    let old = "date: Sat, 01 Jan 2000 00:00:00 GMT\r\n";
    for (answer, about, part) in [
        (response("200 OK", old), "clock", "NTP"),
        (
            response("401 Unauthorized", "x-amzn-remapped-www-authenticate: Bearer\r\n"),
            "challenge",
            "renames",
        ),
        (response("401 Unauthorized", ""), "challenge", "without WWW-Authenticate"),
        (
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 23\r\nconnection: close\r\n\r\n\
             {\"Message\":\"Forbidden\"}"
                .to_owned(),
            "authentication",
            "signed by IAM",
        ),
    ] {
        let said = mcp(&["doctor", &answers(answer), "--json", "--connect-timeout", "5"]);
        assert_eq!(said.code, 1, "{said:?}");
        assert_eq!(verdict(&verdicts(&said), about), "wrong", "{said:?}");
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn nothing_at_an_address_is_told_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = mcp(&["doctor", &format!("http://127.0.0.1:{port}/mcp"), "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(verdicts(&said), [("reached".to_owned(), "wrong".to_owned())]);
}

#[test]
fn a_door_that_asks_for_a_signature_is_told_from_one_that_refuses_it() {
    let body = r#"{"Message":"Forbidden"}"#;
    let refuses = format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let url = answers(refuses);
    let unsigned = mcp(&["doctor", &url, "--json"]);
    assert_eq!(unsigned.code, 1, "{unsigned:?}");
    assert!(unsigned.out.contains("--sigv4 lambda"), "{unsigned:?}");
    let identity = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let signed = support::mcp_with(&identity, &["doctor", &url, "--sigv4", "lambda", "--json"]);
    assert_eq!(signed.code, 1, "{signed:?}");
    assert!(signed.out.contains("AWS refuses the signature: Forbidden"), "{signed:?}");
    assert!(signed.out.contains("lambda:InvokeFunctionUrl"), "{signed:?}");
}
