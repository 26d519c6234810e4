//! The program on emulators that others have made: `cargo lambda watch`, and AWS's Runtime Interface
//! Emulator. `cargo xtask test` installs both.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use mcp_testing::__private::block_on;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lambda-function-url");
/// Where cargo-lambda is.
const CARGO_LAMBDA: &str = "MCP_TEST_CARGO_LAMBDA";
/// Where the Runtime Interface Emulator is.
const RIE: &str = "MCP_TEST_LAMBDA_RIE";

/// A program that this variable leads to; `None` where there is none, unless nothing may be left out
/// (`CI=true`).
fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{variable} is not set");
        eprintln!("SKIPPED: {variable} is not set; `cargo xtask test` installs it");
    }
    path
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn start(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.kill_on_drop(true).spawn().unwrap()
}

/// What a function is told by its environment.
fn deployed(command: &mut Command, mode: &str) {
    command
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("MCP_ALLOW_ANONYMOUS", "true")
        .env("MCP_STATE_KEY", "ab".repeat(32))
        .env("MCP_LAMBDA_RESPONSE", mode);
}

async fn listens(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The response to a POST: head and body, as they stand on the wire.
async fn post(address: SocketAddr, path: &str, body: &str) -> String {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    String::from_utf8(reply).unwrap()
}

const ADD: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add","arguments":{"a":2,"b":40}}}"#;
const COUNT: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"count","arguments":{"n":3},"_meta":{"progressToken":"p"}}}"#;

#[test]
fn cargo_lambda_watch_serves_the_function_url() {
    let Some(cargo_lambda) = installed(CARGO_LAMBDA) else { return };
    block_on(async {
        for mode in ["buffered", "stream"] {
            let address = free_address();
            let mut watch = Command::new(&cargo_lambda);
            watch.args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P"]);
            watch.arg(address.port().to_string());
            watch.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
            let _watch = start(&mut watch);
            listens(address).await;
            let mut function = Command::new(PROGRAM);
            function
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/lambda-function-url"));
            deployed(&mut function, mode);
            let _function = start(&mut function);

            let reply = post(address, "/lambda-url/lambda-function-url/mcp", ADD).await;
            assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("42"), "{mode}: {reply}");
            let reply = post(address, "/lambda-url/lambda-function-url/mcp", COUNT).await;
            assert!(reply.to_ascii_lowercase().contains("text/event-stream"), "{mode}: {reply}");
            assert_eq!(reply.matches("notifications/progress").count(), 3, "{mode}: {reply}");
            assert!(reply.contains("counted to 3"), "{mode}: {reply}");

            // Directly, as with `cargo lambda invoke`.
            let path = "/2015-03-31/functions/lambda-function-url/invocations";
            let reply = post(address, path, ADD).await;
            assert!(reply.contains("42"), "{mode}: {reply}");
        }
    });
}

#[test]
fn the_runtime_interface_emulator_serves_events() {
    let Some(rie) = installed(RIE) else { return };
    block_on(async {
        let (address, runtime_api) = (free_address(), free_address());
        let mut emulator = Command::new(rie);
        emulator
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime_api.to_string()])
            .arg(PROGRAM);
        deployed(&mut emulator, "buffered");
        let _emulator = start(&mut emulator);
        listens(address).await;
        let path = "/2015-03-31/functions/function/invocations";
        let reply = post(address, path, ADD).await;
        assert!(reply.contains("42"), "{reply}");

        let event = format!(
            r#"{{"version":"2.0","rawPath":"/mcp","rawQueryString":"","headers":{{"accept":"application/json, text/event-stream","content-type":"application/json"}},"requestContext":{{"domainName":"id.lambda-url.us-east-1.on.aws","stage":"$default","http":{{"method":"POST","path":"/mcp"}}}},"body":{},"isBase64Encoded":false}}"#,
            serde_json::to_string(COUNT).unwrap()
        );
        let reply = post(address, path, &event).await;
        let (_, reply) = reply.split_once("\r\n\r\n").unwrap();
        let start = reply.find('{').unwrap();
        let end = reply.rfind('}').unwrap();
        let reply: serde_json::Value = serde_json::from_str(&reply[start..=end]).unwrap();
        assert_eq!(reply["statusCode"], 200, "{reply}");
        assert!(reply["body"].as_str().unwrap().contains("counted to 3"), "{reply}");
    });
}
