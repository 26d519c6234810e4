//! A server with tools that tests can hold, and a client that writes bytes.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, and tests are to read well"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{collections::VecDeque, io, net::SocketAddr, sync::Arc, time::Duration};

use mcp_core::{
    Call, LogLevel, Resource, Server, Tool, ToolContext, ToolPack, ToolResult, Transport as _, tool,
};
use mcp_stage::{add, echo, panics, whoami};
use mcp_transport_sse::HttpTransport;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Long enough for anything; a test that takes this long hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Returns a text of a given length.
#[tool]
async fn big(
    /// The length in bytes.
    length: usize,
) -> String {
    "x".repeat(length)
}

/// Logs at several levels.
#[tool]
async fn talk(cx: &ToolContext) -> String {
    cx.log(LogLevel::Info, "zero").await;
    cx.log(LogLevel::Warning, "one").await;
    cx.log(LogLevel::Error, json!({"two": 2})).await;
    "talked".to_owned()
}

/// Has arguments that clients mirror into headers.
#[derive(Deserialize, JsonSchema, Tool)]
#[allow(dead_code, reason = "only the headers matter")]
pub struct Query {
    /// Where.
    #[tool(header = "Region")]
    region: Option<String>,
    /// How many.
    #[tool(header = "Limit")]
    limit: Option<i64>,
    /// Whether to only pretend.
    #[tool(header = "Dry-Run")]
    dry_run: Option<bool>,
}

impl Call<()> for Query {
    type Output = String;

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<String> {
        Ok("queried".into())
    }
}

/// What the gated tools and the tests tell each other.
#[derive(Debug)]
pub struct Gate {
    /// One permit for each step that a tool may take.
    pub steps: Semaphore,
    /// How many calls run.
    pub running: watch::Sender<usize>,
    /// How many calls have ended, in whatever way.
    pub ended: watch::Sender<usize>,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            steps: Semaphore::new(0),
            running: watch::Sender::new(0),
            ended: watch::Sender::new(0),
        }
    }
}

impl Gate {
    pub async fn running(&self, count: usize) {
        let mut running = self.running.subscribe();
        within(running.wait_for(|running| *running >= count)).await.unwrap();
    }

    pub async fn ended(&self, count: usize) {
        let mut ended = self.ended.subscribe();
        within(ended.wait_for(|ended| *ended >= count)).await.unwrap();
    }
}

struct Running<'a>(&'a Gate);

impl<'a> Running<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.running.send_modify(|running| *running += 1);
        Self(gate)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.ended.send_modify(|ended| *ended += 1);
    }
}

/// Reports each step that the test lets it take, then returns.
#[derive(Deserialize, JsonSchema, Tool)]
pub struct Step {
    /// How many steps.
    steps: u64,
}

impl Call<Gate> for Step {
    type Output = String;

    async fn call(self, gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
        let _running = Running::new(gate);
        for step in 1..=self.steps {
            gate.steps.acquire().await?.forget();
            cx.progress_of(step, self.steps, "a step").await;
        }
        Ok(format!("took {} steps", self.steps))
    }
}

/// Closes the stream of its answer, then answers when the test lets it.
#[derive(Deserialize, JsonSchema, Tool)]
pub struct Leave {}

impl Call<Gate> for Leave {
    type Output = String;

    async fn call(self, gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
        cx.close_stream();
        gate.steps.acquire().await?.forget();
        Ok("came back".into())
    }
}

/// Reports all steps at once.
#[derive(Deserialize, JsonSchema, Tool)]
pub struct Rush {
    /// How many steps.
    steps: u64,
}

impl Call<Gate> for Rush {
    type Output = String;

    async fn call(self, gate: &Gate, cx: &ToolContext) -> ToolResult<String> {
        let _running = Running::new(gate);
        for step in 1..=self.steps {
            cx.progress_of(step, self.steps, "").await;
        }
        Ok(format!("took {} steps", self.steps))
    }
}

pub fn server(gate: &Arc<Gate>) -> Server {
    Server::builder("test-server", "1.2.3")
        .tool::<echo>()
        .tool::<add>()
        .tool::<big>()
        .tool::<panics>()
        .tool::<whoami>()
        .tool::<talk>()
        .tool::<Query>()
        .resource(Resource::text("test://note", "note", "nothing new"))
        .pack(
            ToolPack::with_shared("gated", Arc::clone(gate))
                .tool::<Step>()
                .tool::<Rush>()
                .tool::<Leave>(),
        )
        .build()
}

/// A server that listens on a free port until the test is over.
pub struct Listening {
    pub address: SocketAddr,
    pub gate: Arc<Gate>,
    pub server: Server,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<std::io::Result<()>>,
}

pub async fn start() -> Listening {
    start_with(|transport| transport).await
}

pub async fn start_with(configure: impl FnOnce(HttpTransport) -> HttpTransport) -> Listening {
    let gate = Arc::new(Gate::default());
    let transport = configure(HttpTransport::bind("127.0.0.1:0").await.unwrap());
    let address = transport.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = server(&gate);
    let task = tokio::spawn(transport.serve(server.clone(), shutdown.clone()));
    Listening { address, gate, server, shutdown, task }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listening {
    pub async fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends one message on a connection of its own.
    pub async fn post(&self, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let mut client = self.connect().await;
        client.post(headers, body).await;
        client.reply().await
    }

    /// Sends one modern request with all the headers that it needs.
    pub async fn modern(&self, method: &str, params: Value) -> Reply {
        let (headers, body) = modern(method, params);
        self.post(&headers, body).await
    }

    /// Sends a request without a body.
    pub async fn bare(&self, method: &str, path: &str, headers: &str) -> Reply {
        let mut client = self.connect().await;
        client.write(format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
        client.is_head = method == "HEAD";
        client.reply().await
    }
}

/// The `_meta` of a modern request.
pub fn meta() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

/// The headers and the body of a modern request with the identifier 1.
pub fn modern(method: &str, mut params: Value) -> (String, String) {
    let mut headers = format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: {method}\r\n");
    if let Some(name) = params["name"].as_str() {
        headers += &format!("mcp-name: {name}\r\n");
    }
    for (key, value) in meta().as_object().unwrap() {
        if params["_meta"].get(key).is_none() {
            params["_meta"][key] = value.clone();
        }
    }
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    (headers, body.to_string())
}

pub fn call(tool: &str, arguments: Value) -> Value {
    json!({ "name": tool, "arguments": arguments })
}

pub fn call_with_progress(tool: &str, arguments: Value) -> Value {
    json!({ "name": tool, "arguments": arguments, "_meta": { "progressToken": "p" } })
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("nothing happens")
}

/// One connection.
pub struct Client {
    pub stream: BufReader<TcpStream>,
    pub is_head: bool,
    events: VecDeque<Value>,
}

#[derive(Debug)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The messages of an event stream.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        assert_eq!(self.header("content-type"), Some("text/event-stream"), "{self:?}");
        messages(self.text())
    }

    /// The messages of a reply in either form.
    #[track_caller]
    pub fn messages(&self) -> Vec<Value> {
        match self.header("content-type") {
            Some("application/json") => vec![self.json()],
            _ => self.events(),
        }
    }

    /// Asserts that this is a JSON-RPC error.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: i64, id: Value) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        let message = self.json();
        assert_eq!(message["jsonrpc"], "2.0", "{message}");
        assert_eq!(message["id"], id, "{message}");
        assert_eq!(message["error"]["code"], code, "{message}");
        assert!(message["error"]["message"].is_string(), "{message}");
        message
    }
}

/// The messages in the text of an event stream.
pub fn messages(text: &str) -> Vec<Value> {
    text.split("\n\n")
        .filter_map(|event| event.lines().find_map(|line| line.strip_prefix("data: ")))
        .filter(|data| !data.is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

impl Client {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream), is_head: false, events: VecDeque::new() }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends a message; `headers` end in line breaks.
    pub async fn post(&mut self, headers: &str, body: impl AsRef<[u8]>) {
        self.try_post(headers, body).await.unwrap();
    }

    /// The same to a server that may be gone.
    pub async fn try_post(&mut self, headers: &str, body: impl AsRef<[u8]>) -> io::Result<()> {
        let body = body.as_ref();
        let mut bytes =
            format!("POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ] {
            if !headers.contains(&format!("{name}:")) {
                bytes += &format!("{name}: {value}\r\n");
            }
        }
        bytes += headers;
        bytes += "\r\n";
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes).await
    }

    pub async fn reply(&mut self) -> Reply {
        let Head { status, headers } = self.head().await;
        let mut reply = Reply { status, headers, body: Vec::new() };
        if self.is_head {
            return reply;
        }
        if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                reply.body.extend(chunk);
            }
        } else {
            let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
            reply.body.resize(length, 0);
            within(self.stream.read_exact(&mut reply.body)).await.unwrap();
        }
        reply
    }

    /// The reply, or `None` where the connection ends before its first byte.
    pub async fn try_reply(&mut self) -> Option<Reply> {
        match within(self.stream.fill_buf()).await {
            Ok([]) | Err(_) => None,
            Ok(_) => Some(self.reply().await),
        }
    }

    pub async fn head(&mut self) -> Head {
        let line = self.line().await;
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {line:?}"));
        let status = status.parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line().await;
            let Some((name, value)) = line.split_once(": ") else {
                return Head { status, headers };
            };
            headers.push((name.to_ascii_lowercase(), value.trim_end().to_owned()));
        }
    }

    /// The next chunk of a chunked body; `None` at its end.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        let size = self.line().await;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        within(self.stream.read_exact(&mut chunk)).await.unwrap();
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }

    /// The next message of an event stream, comments and events without data left out.
    pub async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let chunk = self.chunk().await.expect("the stream has ended");
            self.events.extend(messages(std::str::from_utf8(&chunk).unwrap()));
        }
    }

    /// Waits until the server closes the connection; what it sent until then.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = within(self.stream.read_to_end(&mut rest)).await;
        rest
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        within(self.stream.read_line(&mut line)).await.unwrap();
        line
    }
}
