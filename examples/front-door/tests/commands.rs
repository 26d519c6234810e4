//! The commands of `docs/front-door.md`, run as programs are run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    sync::mpsc,
    time::Duration,
};

use reqwest::Client;
use serde_json::{Value, json};
use support::{DOCS, Folder, Listening, call, program, text};

#[test]
fn every_flag_of_the_documentation_is_one_of_the_program() {
    let help = program(&["--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = DOCS.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
    let flags: Vec<&str> =
        words.filter(|word| word.starts_with("--") && !word.starts_with("---")).collect();
    assert!(flags.len() > 20, "{flags:?}");
    // Of cargo, of a command, and clap's own.
    let others = ["--release", "--listen", "--help"];
    for flag in flags.into_iter().filter(|flag| !others.contains(flag)) {
        let is_there = |end: &str| help.contains(&format!("{flag}{end}"));
        assert!([" ", "\n", "["].into_iter().any(is_there), "{flag} is not in\n{help}");
    }
}

#[tokio::test]
async fn callers_are_known_by_their_keys_and_see_what_they_may_call() {
    let folder = Folder::new("keys");
    let server = Listening::with_keys(&folder, &[]);
    assert_eq!(text(server.call("key-of-ci", "whoami", json!({})).await).await, "key:ci");
    let lamp = json!({"product": "lamp"});
    assert_eq!(text(server.call("key-of-ci", "in_stock", lamp.clone()).await).await, "12");
    assert_eq!(server.call("key-of-guest", "in_stock", lamp.clone()).await.status(), 403);
    assert_eq!(server.call("guess", "in_stock", lamp).await.status(), 401);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let listed = server.post(&Client::new(), Some("key-of-guest"), list).await;
    let listed = listed.text().await.unwrap();
    assert!(listed.contains("whoami") && !listed.contains("in_stock"), "{listed}");
    // The audit log has a line for each call.
    let line = server.log.iter().find(|line| line.contains(r#""target":"audit""#)).unwrap();
    assert!(line.contains(r#""caller":"key:ci""#) && line.contains(r#""name":"whoami""#), "{line}");
}

#[tokio::test]
async fn tokens_are_asked_for_where_an_issuer_is_named() {
    let server = Listening::start(&mut program(&[
        "http",
        "--listen",
        "0.0.0.0:0",
        "--jwt-issuer",
        "https://auth.example.com",
        "--resource",
        "https://mcp.example.com/mcp",
        "--required-scope",
        "mcp",
    ]));
    let response = server.call("no-token", "whoami", json!({})).await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
    let url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains(url) && challenge.contains(r#"scope="mcp""#), "{challenge}");
    let metadata = server.get("/.well-known/oauth-protected-resource/mcp").await;
    let metadata: Value = serde_json::from_str(&metadata.text().await.unwrap()).unwrap();
    assert_eq!(metadata["authorization_servers"], json!(["https://auth.example.com"]));
    assert_eq!(metadata["scopes_supported"], json!(["mcp", "stock:read"]));
}

#[test]
fn an_issuer_without_an_audience_and_a_wrong_arn_keep_the_program_from_serving() {
    for (arguments, wanted) in [
        (&["--jwt-issuer", "https://auth.example.com"][..], "no audience"),
        (&["--jwt-issuer", "http://auth.example.com", "--resource", "https://x"], "https"),
        (&["--alb-arn", "arn:aws:s3:::bucket"], "ARN"),
        (&["--tls-cert", "/no/such.pem"], "--tls-key"),
        (&["--tls-cert", "/no/such.pem", "--tls-key", "/no/such.key"], "/no/such.pem"),
        (&[], "--allow-anonymous"),
    ] {
        let output = program(&["http", "--listen", "0.0.0.0:0"]).args(arguments).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(wanted), "{arguments:?}: {stderr}");
    }
}

#[tokio::test]
async fn tls_is_served_with_the_files_of_the_flags() {
    let folder = Folder::new("tls");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(folder.path("cert.pem"), certified.cert.pem()).unwrap();
    fs::write(folder.path("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let (certificate, key) = (folder.path("cert.pem"), folder.path("key.pem"));
    let server = Listening::with_keys(&folder, &["--tls-cert", &certificate, "--tls-key", &key]);
    assert!(server.base.starts_with("https://localhost:"), "{}", server.base);
    let root = reqwest::Certificate::from_pem(certified.cert.pem().as_bytes()).unwrap();
    let client = Client::builder().tls_certs_only([root]).build().unwrap();
    let response = server.post(&client, Some("key-of-ci"), call("whoami", json!({}))).await;
    assert_eq!(text(response).await, "key:ci");
}

#[tokio::test]
async fn the_server_says_that_it_is_about_to_stop_and_goes_on_meanwhile() {
    let folder = Folder::new("drain");
    let mut server = Listening::with_keys(&folder, &["--drain-delay", "5.5", "--grace", "20"]);
    assert_eq!(server.get("/ready").await.status(), 200);
    server.terminate();
    while server.get("/ready").await.status() == 200 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.get("/ready").await.text().await.unwrap(), r#"{"status":"draining"}"#);
    assert_eq!(server.get("/health").await.status(), 200);
    assert_eq!(text(server.call("key-of-ci", "whoami", json!({})).await).await, "key:ci");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn what_is_measured_is_told_to_prometheus_and_cloudwatch() {
    let folder = Folder::new("metrics");
    let keys = folder.path("keys");
    let arguments = ["http", "--listen", "0.0.0.0:0", "--api-keys-file", &keys, "--metrics"];
    let mut server = Listening::start(program(&arguments).env("MCP_METRICS", "emf"));
    server.call("key-of-ci", "whoami", json!({})).await;
    assert_eq!(server.get("/metrics").await.status(), 401);
    let scrape = Client::new().get(format!("{}/metrics", server.base));
    let scrape = scrape.bearer_auth("key-of-ci").send().await.unwrap().text().await.unwrap();
    assert!(scrape.contains(r#"gen_ai_tool_name="whoami""#), "{scrape}");
    let stdout = server.end();
    let line: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&line["Server"], &line["Subject"]), (&"front-door".into(), &"whoami".into()));
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "MCP");
}

#[tokio::test]
async fn spans_are_sent_where_the_environment_says_before_the_end() {
    let folder = Folder::new("otlp");
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let (sender, paths) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in collector.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut line = String::new();
                let mut stream = BufReader::new(stream);
                let _ = stream.read_line(&mut line);
                let _ = sender.send(line);
                // The program waits for no answer longer than its limit.
            });
        }
    });
    let keys = folder.path("keys");
    let arguments = ["http", "--listen", "0.0.0.0:0", "--api-keys-file", &keys];
    let mut command = program(&arguments);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    let mut server = Listening::start(&mut command);
    server.call("key-of-ci", "whoami", json!({})).await;
    server.end();
    let sent: Vec<String> = paths.try_iter().collect();
    for path in ["POST /v1/traces", "POST /v1/metrics"] {
        assert!(sent.iter().any(|line| line.starts_with(path)), "{sent:?}");
    }
}
