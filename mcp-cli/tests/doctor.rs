//! `mcp doctor`: a sound server, and ones that have something wrong with them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Listening, mcp, mcp_with, stdio};

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

/// Answers each request, head and body, with what is made of it. What is made of none is not answered.
fn serves(respond: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let respond = Arc::new(respond);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let respond = Arc::clone(&respond);
            std::thread::spawn(move || answer(stream, &*respond));
        }
    });
    format!("http://{address}/mcp")
}

fn answer(mut stream: TcpStream, respond: &dyn Fn(&str) -> Option<String>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut request = String::new();
    let mut length = 0;
    while reader.read_line(&mut request).is_ok_and(|read| read > 2) {
        let line = request.lines().last().unwrap_or_default().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    request += &String::from_utf8_lossy(&body);
    match respond(&request) {
        Some(response) => _ = stream.write_all(response.as_bytes()),
        // Until the client goes.
        None => _ = reader.read_to_end(&mut Vec::new()),
    }
}

/// Answers every request with these bytes.
fn answers(response: String) -> String {
    serves(move |_| Some(response.clone()))
}

/// A response with a body of JSON.
fn json(status: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
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
    // How fast it is depends on the machine.
    let mut others = all.iter().filter(|(about, _)| about != "first answer");
    assert!(others.all(|(_, verdict)| verdict == "good"), "{all:?}");
    for about in [
        "reached",
        "TLS",
        "clock",
        "authentication",
        "streaming",
        "malformed JSON",
        "foreign web pages",
        "MCP 2026-07-28",
        "MCP 2025-11-25 and older",
    ] {
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
    let digest: String =
        Sha256::digest("the key").iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(&keys, format!("team sha256:{digest}\n")).unwrap();
    let listening = Listening::start(&["--api-keys-file", keys.to_str().unwrap()]);
    let url = listening.url("http", "/mcp");
    let asked = mcp(&["doctor", &url, "--json"]);
    assert_eq!(verdict(&verdicts(&asked), "authentication"), "doubtful");
    let refused = mcp(&["doctor", &url, "--json", "--api-key", "another"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(verdict(&verdicts(&refused), "authentication"), "wrong");
    let taken = mcp(&["doctor", &url, "--json", "--api-key", "the key"]);
    assert_eq!(taken.code, 0, "{taken:?}");
    for about in ["authentication", "streaming", "MCP 2026-07-28"] {
        assert_eq!(verdict(&verdicts(&taken), about), "good", "{taken:?}");
    }
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
    let signed = mcp_with(&identity, &["doctor", &url, "--sigv4", "lambda", "--json"]);
    assert_eq!(signed.code, 1, "{signed:?}");
    assert!(signed.out.contains("AWS refuses the signature: Forbidden"), "{signed:?}");
    assert!(signed.out.contains("lambda:InvokeFunctionUrl"), "{signed:?}");
}

/// An authority's certificate, and one that it has issued for this machine with its key, in a folder.
fn certificates(folder: &Path, days: u8) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = std::time::SystemTime::now()
        .checked_add(Duration::from_secs(86_400 * u64::from(days)))
        .unwrap()
        .into();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn a_certificate_that_is_trusted_is_told_from_one_that_is_not_or_not_for_long() {
    for (days, expected) in [(200, "good"), (5, "doubtful")] {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path(), days);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let listening =
            Listening::start(&["--tls-cert", &path("cert.pem"), "--tls-key", &path("key.pem")]);
        let url = listening.url("https", "/mcp").replace("127.0.0.1", "localhost");
        let trusted = [("SSL_CERT_FILE", path("ca.pem"))];
        let trusted: Vec<(&str, &str)> =
            trusted.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let said = mcp_with(&trusted, &["doctor", &url, "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert_eq!(verdict(&verdicts(&said), "TLS"), expected, "{said:?}");
        assert_eq!(verdict(&verdicts(&said), "MCP 2026-07-28"), "good", "{said:?}");

        let stranger = mcp_with(&[], &["doctor", &url, "--json"]);
        assert_eq!(stranger.code, 1, "{stranger:?}");
        assert_eq!(verdict(&verdicts(&stranger), "reached"), "wrong");
        assert!(stranger.out.contains("openssl s_client"), "{stranger:?}");

        let plain = mcp_with(&[], &["doctor", &url.replace("https", "http"), "--json"]);
        assert_eq!((plain.code, verdict(&verdicts(&plain), "reached")), (1, "wrong"), "{plain:?}");
    }
}

/// A server that asks for tokens, and an authorization server beside it. Each says what it is told to.
fn tokens(
    challenge: &'static str,
    change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
) -> String {
    serves(move |request| {
        let header = request.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("host").then_some(value)
        });
        let origin = format!("http://{}", header?);
        let path = request.split(' ').nth(1)?.to_owned();
        let mut document = match path.as_str() {
            "/mcp" => {
                let challenge = challenge.replace("ORIGIN", &origin);
                return Some(json("401 Unauthorized", &challenge, &json!({})));
            }
            "/.well-known/oauth-protected-resource/mcp" => json!({
                "resource": format!("{origin}/mcp"), "authorization_servers": [format!("{origin}/pool")],
            }),
            "/pool/.well-known/openid-configuration" => json!({
                "issuer": format!("{origin}/pool"),
                "token_endpoint": format!("{origin}/token"),
                "code_challenge_methods_supported": ["S256"],
            }),
            _ => Value::Null,
        };
        if !document.is_null() {
            change(&path, &mut document);
        }
        Some(match document {
            Value::Null => json("404 Not Found", "", &json!({})),
            document => json("200 OK", "", &document),
        })
    })
}

const CHALLENGE: &str = "www-authenticate: Bearer resource_metadata=\"ORIGIN/.well-known/oauth-protected-resource/mcp\"\r\n";

#[test]
fn the_way_to_a_token_is_followed_through_all_documents() {
    for challenge in [CHALLENGE, "www-authenticate: Bearer\r\n"] {
        let said = mcp(&["doctor", &tokens(challenge, |_, _| {}), "--json"]);
        assert_eq!(said.code, 0, "{said:?}");
        for about in ["challenge", "metadata", "authorization server"] {
            assert_eq!(verdict(&verdicts(&said), about), "good", "{said:?}");
        }
    }
}

#[test]
fn a_document_that_leads_nowhere_is_told_with_what_to_change() {
    type Change = fn(&str, &mut Value);
    let cases: [(&str, Change, &str, &str, &str); 7] = [
        (
            CHALLENGE,
            |path, document| {
                if path.contains("protected") {
                    *document = Value::Null;
                }
            },
            "metadata",
            "wrong",
            "a route of its own",
        ),
        (
            "www-authenticate: Bearer\r\n",
            |path, document| {
                if path.contains("protected") {
                    *document = Value::Null;
                }
            },
            "challenge",
            "doubtful",
            "RFC 9728",
        ),
        (
            CHALLENGE,
            |path, document| {
                if path.contains("protected") {
                    document["resource"] = "https://elsewhere/mcp".into();
                }
            },
            "metadata",
            "wrong",
            "MCP_RESOURCE",
        ),
        (
            CHALLENGE,
            |path, document| {
                if path.contains("protected") {
                    document["authorization_servers"] = json!([]);
                }
            },
            "metadata",
            "doubtful",
            "MCP_JWT_ISSUER",
        ),
        (
            CHALLENGE,
            |path, document| {
                if path.contains("openid") {
                    *document = Value::Null;
                }
            },
            "authorization server",
            "wrong",
            "has no metadata",
        ),
        (
            CHALLENGE,
            |path, document| {
                if path.contains("openid") {
                    document["issuer"] = "https://elsewhere".into();
                }
            },
            "authorization server",
            "wrong",
            "MCP_JWT_ISSUER",
        ),
        (
            CHALLENGE,
            |path, document| {
                if path.contains("openid") {
                    document["code_challenge_methods_supported"] = json!([]);
                }
            },
            "authorization server",
            "doubtful",
            "PKCE",
        ),
    ];
    for (challenge, change, about, expected, part) in cases {
        let said = mcp(&["doctor", &tokens(challenge, change), "--json"]);
        assert_eq!(verdict(&verdicts(&said), about), expected, "{part}: {said:?}");
        assert_eq!(said.code, i32::from(expected == "wrong"), "{part}: {said:?}");
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn who_answers_in_the_place_of_a_server_is_told_with_what_to_change() {
    for (status, headers, part) in [
        ("301 Moved Permanently", "location: https://host/mcp\r\n", "use that address"),
        ("404 Not Found", "", "/mcp"),
        ("405 Method Not Allowed", "", "sse:URL"),
        ("415 Unsupported Media Type", "", "Content-Type"),
        ("413 Content Too Large", "", "6 MB"),
        ("429 Too Many Requests", "", "ReservedConcurrency"),
        ("502 Bad Gateway", "", "MCP_LAMBDA_RESPONSE"),
        ("503 Service Unavailable", "", "/ready"),
        ("504 Gateway Timeout", "", "29 s"),
    ] {
        let said = mcp(&["doctor", &answers(response(status, headers)), "--json"]);
        assert_eq!((said.code, verdict(&verdicts(&said), "answer")), (1, "wrong"), "{said:?}");
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
    let envelope = json("200 OK", "", &json!({ "statusCode": 200, "body": "{}" }));
    let said = mcp(&["doctor", &answers(envelope), "--json"]);
    assert_eq!((said.code, verdict(&verdicts(&said), "answer")), (1, "wrong"), "{said:?}");
    // Another program, and no server at all.
    let garbage = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let said = mcp(&["doctor", &answers(garbage.to_owned()), "--json"]);
    assert_eq!((said.code, verdict(&verdicts(&said), "protocol")), (1, "wrong"), "{said:?}");
}

/// A server of which only `subscriptions/listen` is answered in its own way.
fn listens(response: Option<String>) -> String {
    serves(move |request| {
        if request.contains("subscriptions/listen") {
            return response.clone();
        }
        let discovered =
            json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete" } });
        Some(json("200 OK", "", &discovered))
    })
}

#[test]
fn a_stream_that_does_not_stream_is_told_from_one_that_does() {
    let event = "event: message\ndata: {}\n\n";
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let gathered =
        format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{event}", event.len());
    let plain = json(
        "200 OK",
        "",
        &json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32601, "message": "no" } }),
    );
    for (response, expected, part) in [
        (Some(gathered), "doubtful", "arrive whole"),
        (Some(plain), "doubtful", "no subscriptions"),
        (None, "doubtful", "is not answered"),
    ] {
        let said = mcp(&["doctor", &listens(response), "--json", "--connect-timeout", "3"]);
        assert_eq!(verdict(&verdicts(&said), "streaming"), expected, "{said:?}");
        assert!(said.out.contains(part), "{part}: {said:?}");
    }
}

#[test]
fn a_stream_that_is_held_back_is_told() {
    // The head, and then nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut request = [0; 8192];
                let read = stream.read(&mut request).unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..read]).into_owned();
                let discovered =
                    json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete" } });
                let response = if request.contains("subscriptions/listen") {
                    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 99\r\n\r\n".to_owned()
                } else {
                    json("200 OK", "", &discovered)
                };
                let _ = stream.write_all(response.as_bytes());
                let _ = stream.read(&mut [0; 1]);
            });
        }
    });
    let url = format!("http://{address}/mcp");
    let said = mcp(&["doctor", &url, "--json", "--connect-timeout", "3"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert_eq!(verdict(&verdicts(&said), "streaming"), "wrong", "{said:?}");
    assert!(said.out.contains("proxy_buffering"), "{said:?}");
}

#[test]
fn time_that_a_server_takes_is_told() {
    let silent = mcp(&["doctor", &serves(|_| None), "--json", "--connect-timeout", "1"]);
    assert_eq!(silent.code, 1, "{silent:?}");
    assert_eq!(verdicts(&silent), [("reached".to_owned(), "wrong".to_owned())]);
    assert!(silent.out.contains("--connect-timeout"), "{silent:?}");

    let is_warm = AtomicBool::new(false);
    let cold = serves(move |_| {
        if !is_warm.swap(true, Ordering::Relaxed) {
            std::thread::sleep(Duration::from_secs(6));
        }
        Some(json("404 Not Found", "", &json!({})))
    });
    let cold = mcp(&["doctor", &cold, "--json", "--connect-timeout", "60"]);
    assert_eq!(verdict(&verdicts(&cold), "first answer"), "doubtful", "{cold:?}");
    assert!(cold.out.contains("ProvisionedConcurrency"), "{cold:?}");
}

#[cfg(unix)]
#[test]
fn ssh_that_does_not_get_to_the_server_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let ssh = |script: &str| {
        let path = folder.path().join("ssh");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        fs::set_permissions(&path, permissions).unwrap();
        let mut doctor = Command::new(env!("CARGO_BIN_EXE_mcp"));
        doctor.args(["doctor", "ssh:mcp@host", "--json"]).env("PATH", folder.path());
        support::said(doctor.output().unwrap())
    };
    let refused = ssh("echo 'mcp@host: Permission denied (publickey).' >&2; exit 255");
    assert_eq!(refused.code, 1, "{refused:?}");
    assert_eq!(verdicts(&refused), [("ssh".to_owned(), "wrong".to_owned())]);
    assert!(refused.out.contains("authorized_keys"), "{refused:?}");
    let server = format!("exec {} stdio", support::desk().display());
    let reached = ssh(&server);
    assert_eq!(reached.code, 0, "{reached:?}");
    for about in ["ssh", "MCP 2026-07-28", "MCP 2025-11-25 and older"] {
        assert_eq!(verdict(&verdicts(&reached), about), "good", "{reached:?}");
    }
}
