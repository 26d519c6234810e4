//! What needs AWS, on loopback: keys that it keeps, Lambda, and the documentation's commands.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
    time::Duration,
};

use mcp_testing::{
    Moto, MotoAccount,
    lambda::{Emulator, Outcome},
};
use serde_json::json;
use support::{DOCS, Folder, KEYS, Listening, PROGRAM, call, program, text};

/// Long enough for anything; what takes longer does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn at_moto<'a>(command: &'a mut Command, account: &MotoAccount) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", Moto::shared().url())
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
        .env("AWS_SESSION_TOKEN", &account.session_token)
}

#[tokio::test]
async fn keys_are_read_from_secrets_manager_and_parameter_store() {
    let account = Moto::shared().account().await;
    let key = &account.access_key_id;
    let secret = json!({"Name": "mcp/keys", "SecretString": KEYS});
    Moto::shared().call("secretsmanager.CreateSecret", "secretsmanager", key, &secret).await;
    let parameter = json!({"Name": "/mcp/keys", "Type": "SecureString", "Value": KEYS});
    Moto::shared().call("AmazonSSM.PutParameter", "ssm", key, &parameter).await;
    let command = |place: &str| {
        let mut command = program(&["http", "--listen", "0.0.0.0:0", "--api-keys", place]);
        at_moto(&mut command, &account);
        command
    };
    for place in ["secretsmanager:mcp/keys", "ssm:/mcp/keys"] {
        let server = Listening::start(&mut command(place));
        assert_eq!(text(server.call("key-of-ci", "whoami", json!({})).await).await, "key:ci");
        assert_eq!(server.call("guess", "whoami", json!({})).await.status(), 401);
    }
    for (place, said) in [
        ("secretsmanager:none", "secretsmanager:GetSecretValue"),
        ("ssm:/none", "ssm:GetParameter"),
        ("s3:bucket", "secretsmanager:NAME"),
    ] {
        let output = command(place).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{place}: {stderr}");
        assert!(stderr.contains(said), "{place}: {stderr}");
    }
}

/// The commands that start a server, each with the variables before it, on any free port.
fn documented() -> impl Iterator<Item = (Vec<(&'static str, &'static str)>, Vec<String>)> {
    let lines = DOCS.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = lines.flat_map(|block| {
        // A backslash at the end of a line goes on with the next one.
        let mut commands = vec![Vec::new()];
        for line in block.lines() {
            let (line, goes_on) = match line.strip_suffix('\\') {
                Some(line) => (line, true),
                None => (line, false),
            };
            if let Some(words) = commands.last_mut() {
                words.extend(line.split_whitespace());
            }
            if !goes_on {
                commands.push(Vec::new());
            }
        }
        commands
    });
    lines.filter_map(|words| {
        let program = words.windows(2).position(|words| words == ["server", "http"])?;
        let variables = words[..program].iter().map(|word| word.split_once('='));
        let on_a_free_port = |word: &&str| match word.split_once(":8") {
            Some((address, "000" | "443")) => format!("{address}:0"),
            _ => (*word).to_owned(),
        };
        let arguments = words[program + 1..].iter().map(on_a_free_port).collect();
        Some((variables.collect::<Option<_>>()?, arguments))
    })
}

#[tokio::test]
async fn every_command_of_the_documentation_serves() {
    let folder = Folder::new("documented");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (name, text) in [
        ("cert.pem", certified.cert.pem()),
        ("ca.pem", certified.cert.pem()),
        ("key.pem", certified.signing_key.serialize_pem()),
    ] {
        std::fs::write(folder.path(name), text).unwrap();
    }
    let account = Moto::shared().account().await;
    let key = &account.access_key_id;
    let secret = json!({"Name": "mcp/api-keys", "SecretString": KEYS});
    Moto::shared().call("secretsmanager.CreateSecret", "secretsmanager", key, &secret).await;
    let parameter = json!({"Name": "/mcp/api-keys", "Type": "SecureString", "Value": KEYS});
    Moto::shared().call("AmazonSSM.PutParameter", "ssm", key, &parameter).await;
    let mut count = 0;
    for (variables, arguments) in documented() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = program(&arguments);
        at_moto(&mut command, &account).current_dir(folder.path("")).envs(variables);
        // It says where it listens, or the test fails with what it says instead.
        drop(Listening::start(&mut command));
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

/// A collector of OpenTelemetry, which tells each request's path and body.
fn collector() -> (String, mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || while answer(&stream, &sender).is_some() {});
        }
    });
    (url, requests)
}

fn answer(stream: &TcpStream, requests: &mpsc::Sender<(String, Vec<u8>)>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if path.is_empty() {
            path = line.split(' ').nth(1)?.to_owned();
        }
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
    requests.send((path, body)).ok()
}

// The collector is waited for on a thread, while the emulator answers on another.
#[tokio::test(flavor = "multi_thread")]
async fn on_lambda_the_spans_of_an_invocation_are_sent_before_the_process_is_stopped() {
    let (url, requests) = collector();
    let function = Emulator::new(PROGRAM)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        // The invocation's own trace is one that X-Ray does not sample.
        .env("OTEL_TRACES_SAMPLER", "always_on")
        .env("MCP_ALLOW_ANONYMOUS", "true");
    // The process is stopped in between, and would send nothing by itself.
    for _ in 0..2 {
        let event = call("whoami", json!({})).to_string();
        let Outcome::Answered(reply) = function.invoke(event, None).await else {
            panic!("no answer: {:?}", function.output())
        };
        assert!(String::from_utf8_lossy(&reply).contains("nobody"));
        for path in ["/v1/traces", "/v1/metrics"] {
            let sent = loop {
                let (at, body) = requests.recv_timeout(PATIENCE).unwrap();
                if at == path {
                    break body;
                }
            };
            let has = |text: &[u8]| sent.windows(text.len()).any(|window| window == text);
            assert!(has(b"whoami"), "{path}: {}", String::from_utf8_lossy(&sent));
        }
    }
}
