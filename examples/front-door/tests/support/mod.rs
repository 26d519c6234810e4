//! The program, started as its documentation says.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use reqwest::{Client, Response};
use serde_json::{Value, json};

pub const DOCS: &str = include_str!("../../../../docs/front-door.md");
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_front-door");
/// Two callers: one with the scope of the tool, one without. The keys are `key-of-ci` and
/// `key-of-guest`.
pub const KEYS: &str = "\
    ci sha256:e9c893f01a06c7a7a151f3217c9f51b0992615a91e173540357ee7a77b934cbd stock:read\n\
    guest sha256:cf5b59f212650ab2364cd39a7573269714ede441310c8cc2e3903d635ffd6659\n";

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["MCP_", "OTEL_", "AWS_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env_remove("PORT").env_remove("RUST_LOG");
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A folder that goes with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("front-door-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("keys"), KEYS).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program on a free port of all addresses, ended with the test.
pub struct Listening {
    pub child: Child,
    /// What clients on this machine call it by.
    pub base: String,
    pub log: mpsc::Receiver<String>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Listening {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .env("MCP_LOG_FORMAT", "json")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        let url = lines.find_map(|line| {
            said += &line;
            let line: Value = serde_json::from_str(&line).ok()?;
            line["url"].as_str().map(str::to_owned)
        });
        let url = url.unwrap_or_else(|| panic!("the program does not listen: {said}"));
        let (sender, log) = mpsc::channel();
        std::thread::spawn(move || lines.for_each(|line| drop(sender.send(line))));
        let base = url.replace("0.0.0.0", "localhost");
        Self { child, base: base.trim_end_matches("/mcp").to_owned(), log }
    }

    pub fn with_keys(folder: &Folder, more: &[&str]) -> Self {
        let keys = folder.path("keys");
        let arguments = ["http", "--listen", "0.0.0.0:0", "--api-keys-file", &keys];
        Self::start(program(&arguments).args(more))
    }

    pub async fn post(&self, client: &Client, key: Option<&str>, body: Value) -> Response {
        let mut request = client.post(format!("{}/mcp", self.base)).body(body.to_string());
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        request.send().await.unwrap()
    }

    pub async fn call(&self, key: &str, tool: &str, arguments: Value) -> Response {
        self.post(&Client::new(), Some(key), call(tool, arguments)).await
    }

    pub async fn get(&self, path: &str) -> Response {
        Client::new().get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    pub fn end(&mut self) -> String {
        self.terminate();
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        stdout
    }
}

pub fn call(tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

pub async fn text(response: Response) -> String {
    let status = response.status();
    let body = response.text().await.unwrap();
    let message: Value = serde_json::from_str(&body).unwrap();
    let text = message["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{status}: {body}")).to_owned()
}
