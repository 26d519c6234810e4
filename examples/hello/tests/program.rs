//! The program itself: its arguments, its environment, its signals, its exit codes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use hello::add;
use mcp_testing::{
    __private::block_on,
    Harness,
    lambda::{Door, Emulator, Outcome},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hello");

/// The program with an environment that says nothing about how to serve.
fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for name in ["AWS_LAMBDA_RUNTIME_API", "MCP_LISTEN", "PORT", "RUST_LOG", "MCP_LOG_FORMAT"] {
        command.env_remove(name);
    }
    command
}

fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A server on a free port, ended with the test.
struct Listening {
    child: Child,
    stderr: BufReader<ChildStderr>,
    url: String,
}

impl Listening {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut server = Self { child, stderr, url: String::new() };
        let mut said = String::new();
        while server.stderr.read_line(&mut said).unwrap() > 0 {
            if let Some(start) = said.rfind("http://") {
                let url = said[start..].split(['"', ' ', '\n', '\u{1b}']).next().unwrap();
                url.clone_into(&mut server.url);
                return server;
            }
        }
        panic!("the program did not say where it listens: {said}");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers over stdio without ever having been told how to serve.
fn speaks_stdio(arguments: &[&str]) {
    let mut child = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}"#;
    writeln!(child.stdin.take().unwrap(), "{request}").unwrap();
    let Output { status, stdout, .. } = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(stdout).unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(stdout.starts_with(r#"{"jsonrpc":"2.0","id":"x","result":"#), "{stdout}");
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
}

#[test]
fn stdio_is_served_when_asked_for() {
    speaks_stdio(&["stdio"]);
}

#[test]
fn stdio_is_served_when_stdin_is_a_pipe() {
    speaks_stdio(&[]);
}

#[test]
fn clients_connect_over_stdio_in_both_eras() {
    block_on(async {
        for legacy in [false, true] {
            let mut command = program();
            command.arg("stdio");
            let connect = Harness::stdio(command);
            let mcp = if legacy { connect.legacy().await } else { connect.await };
            assert_eq!(mcp.call(add { a: 1, b: 2 }).await.text(), "3");
        }
    });
}

#[test]
fn clients_connect_over_http_in_both_eras_and_sigterm_ends_with_zero() {
    let server = Listening::start(program().args(["http", "--listen", "127.0.0.1:0"]));
    block_on(async {
        let modern = Harness::http(&server.url).await;
        assert_eq!(modern.call(add { a: 1, b: 2 }).await.text(), "3");
        let legacy = Harness::http(&server.url).legacy().await;
        assert_eq!(legacy.call(add { a: 3, b: 4 }).await.text(), "7");
    });
    server.signal("-TERM");
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn the_environment_can_ask_for_http() {
    for (name, value) in [("MCP_LISTEN", "127.0.0.1:0"), ("PORT", "0")] {
        let server = Listening::start(program().env(name, value));
        assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
        server.signal("-INT");
        assert_eq!(server.end().0, Some(0));
    }
}

#[test]
fn health_tells_by_its_exit_code() {
    let server = Listening::start(program().args(["http", "--listen", "127.0.0.1:0"]));
    let address = server.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    // As a container does, whose server listens on all addresses.
    let everywhere = address.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(output(program().arg("health").env("MCP_LISTEN", everywhere)).0, Some(0));
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));

    let (code, stdout, stderr) = output(program().args(["health", "--listen", &address]));
    assert_eq!(code, Some(1));
    assert!(stdout.is_empty() && stderr.contains(&address), "{stdout}{stderr}");
}

#[test]
fn health_wants_an_answer_from_the_server() {
    // Something else listens there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let other = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let read = client.read(&mut [0; 256]).unwrap();
        assert!(read > 0, "nothing is asked");
        client.write_all(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
    });
    let (code, _, stderr) = output(program().args(["health", "--listen", &address]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("404"), "{stderr}");
    other.join().unwrap();
}

#[test]
fn every_call_has_a_line_in_the_log_without_its_arguments() {
    let server = Listening::start(program().args([
        "http",
        "--listen",
        "127.0.0.1:0",
        "--log-format",
        "json",
    ]));
    block_on(async {
        let mcp = Harness::http(&server.url).await;
        mcp.call(hello::echo { text: "a secret".to_owned() }).await.text();
    });
    server.signal("-TERM");
    let (_, log) = server.end();
    let line = log.lines().find(|line| line.contains(r#""tool":"echo""#)).expect("a line");
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["outcome"], "ok");
    assert!(line["duration_ms"].is_number() && line["request_id"].is_string(), "{line}");
    assert!(!log.contains("a secret"), "{log}");
}

#[test]
fn an_address_off_loopback_needs_a_word() {
    let (code, _, stderr) = output(program().args(["http", "--listen", "0.0.0.0:0"]));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("--allow-anonymous"), "{stderr}");

    let server =
        Listening::start(program().args(["http", "--listen", "0.0.0.0:0", "--allow-anonymous"]));
    server.signal("-TERM");
    assert_eq!(server.end().0, Some(0));
}

/// The digest of the key `secret-of-ci`.
const KEYS: &str = "ci sha256:8070ed5cbb72fe832fe5a6afc19a5a810ae1ed0cbf4403892fdb5e35e29ff0c5";

#[test]
fn off_loopback_callers_show_a_key() {
    let server = Listening::start(
        program().args(["http", "--listen", "0.0.0.0:0"]).env("MCP_API_KEYS", KEYS),
    );
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let status = |header: &str| {
        let address = url.split('/').nth(2).unwrap();
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "POST /mcp HTTP/1.1\r\nhost: mcp.example.com\r\ncontent-length: {}\r\n{header}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status("X-API-Key: secret-of-ci"), "200");
    assert_eq!(status("Authorization: Bearer secret-of-ci"), "200");
    assert_eq!(status("X-API-Key: guess"), "401");
    assert_eq!(status("Accept: application/json"), "401");
    server.signal("-TERM");
    let (code, log) = server.end();
    assert_eq!(code, Some(0));
    assert!(!log.contains("secret-of-ci"), "{log}");
}

#[test]
fn keys_that_cannot_be_read_keep_the_program_from_serving() {
    for (name, value, wanted) in [
        ("MCP_API_KEYS", "ci secret-of-ci", "MCP_API_KEYS: line 1"),
        ("MCP_API_KEYS", "", "no API key"),
        ("MCP_API_KEYS_FILE", "/no/such/file", "/no/such/file"),
    ] {
        let (code, _, stderr) =
            output(program().args(["http", "--listen", "127.0.0.1:0"]).env(name, value));
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains(wanted) && !stderr.contains("secret-of-ci"), "{stderr}");
    }
}

#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, stderr) = output(program().args(["http", "--listen", &address]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("cannot listen on {address}")), "{stderr}");
}

#[test]
fn lambda_is_served_where_the_environment_is_lambdas() {
    block_on(async {
        // As it is deployed: without arguments, and JSON logs as a setting of the function.
        let function = || {
            Emulator::new(PROGRAM).env("AWS_LAMBDA_LOG_FORMAT", "JSON").env("MCP_METRICS", "emf")
        };
        let mcp = Harness::behind(Door::FunctionUrlStream, function()).await;
        assert_eq!(mcp.call(add { a: 1, b: 2 }).await.text(), "3");

        let direct = function();
        let call = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}"#;
        for _ in 0..2 {
            assert!(matches!(direct.invoke(call, None).await, Outcome::Answered(_)));
        }
        let lines: Vec<serde_json::Value> = loop {
            // What the process has written gets here a little later.
            let lines = direct.output();
            if lines.iter().filter(|line| line.contains("CloudWatchMetrics")).count() == 2 {
                break lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            }
            tokio::task::yield_now().await;
        };
        let metrics: Vec<_> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
        assert_eq!((&metrics[0]["Subject"], &metrics[0]["ColdStarts"]), (&"add".into(), &1.into()));
        assert_eq!((&metrics[1]["Calls"], &metrics[1]["ColdStarts"]), (&1.into(), &0.into()));
        let logs: Vec<_> = lines.iter().filter(|line| line["tool"] == "add").collect();
        assert_eq!((logs.len(), &logs[0]["outcome"]), (2, &"ok".into()));
    });
}

#[test]
fn an_environment_that_lambda_cannot_have_is_an_error_that_names_it() {
    let (code, _, stderr) = output(program().env("AWS_LAMBDA_RUNTIME_API", "no address"));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("AWS_LAMBDA_RUNTIME_API is \"no address\""), "{stderr}");
    assert!(stderr.contains("a host and a port"), "{stderr}");
    let (code, _, stderr) = output(
        program()
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
            .env("AWS_LAMBDA_MAX_CONCURRENCY", "many"),
    );
    assert_eq!(code, Some(2));
    assert!(stderr.contains("AWS_LAMBDA_MAX_CONCURRENCY is \"many\""), "{stderr}");
    let (code, _, stderr) = output(
        program()
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
            .env("MCP_LAMBDA_RESPONSE", "streamed"),
    );
    assert_eq!(code, Some(2));
    assert!(stderr.contains("`buffered`, `stream` or `auto`"), "{stderr}");
}

#[test]
fn wrong_arguments_exit_with_two_and_help_with_zero() {
    let (code, _, stderr) = output(program().arg("htpt"));
    assert_eq!(code, Some(2));
    assert!(stderr.contains("similar subcommand exists: 'http'"), "{stderr}");

    let (code, stdout, _) = output(program().arg("--help"));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("stdio") && stdout.contains("RUST_LOG"), "{stdout}");

    let (code, stdout, _) = output(program().arg("--version"));
    assert_eq!((code, stdout.trim()), (Some(0), concat!("hello ", env!("CARGO_PKG_VERSION"))));
}

/// One connection that is kept open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(url: &str) -> Self {
        let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The status and the body of the next response.
    fn reply(&mut self) -> (u16, String) {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {line:?}"));
        let (status, mut length) = (status.parse().unwrap(), 0);
        loop {
            line.clear();
            self.0.read_line(&mut line).unwrap();
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

#[test]
fn no_accepted_call_fails_when_sigterm_comes_under_load() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    const CLIENTS: usize = 32;
    const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40}}}"#;
    let server =
        Listening::start(program().args(["http", "--listen", "127.0.0.1:0", "--drain-delay", "1"]));
    let url = server.url.clone();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        CALL.len()
    );
    let is_answer = |(status, body): (u16, String)| status == 200 && body.contains(r#""42""#);
    let ready = || {
        let mut probe = Connection::open(&url);
        probe.write("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n");
        probe.reply().0
    };
    assert_eq!(ready(), 200);
    // A call of which half has arrived at the time, and the rest once nobody else is let in.
    let mut half = Connection::open(&url);
    half.write(&format!("{head}{}", &CALL[..20]));

    let (draining, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Connection::open(&url);
                // As a load balancer does, it sends nothing more to who is not ready.
                while !draining.load(Ordering::SeqCst) {
                    client.write(&format!("{head}{CALL}"));
                    assert!(is_answer(client.reply()));
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        while answered.load(Ordering::SeqCst) < CLIENTS {
            std::thread::yield_now();
        }
        server.signal("-TERM");
        while ready() == 200 {}
        assert_eq!(ready(), 503);
        draining.store(true, Ordering::SeqCst);
    });
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    while TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    half.write(&CALL[20..]);
    assert!(is_answer(half.reply()));
    let (code, log) = server.end();
    assert_eq!(code, Some(0), "{log}");
}
