//! A listener with nothing but a WebSocket, and clients of it: tungstenite's, and one that writes bytes.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]
#![allow(unreachable_pub, reason = "a test has no public interface")]
#![allow(clippy::needless_pass_by_value, reason = "`json!` makes values, and tests read better so")]

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use mcp_core::Transport as _;
use mcp_stage::{Stage, initialize, initialized, modern, server};
use mcp_transport_sse::HttpTransport;
use mcp_transport_ws::{WebSocketConfig, WebSocketService};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes: only a hang comes to its end.
pub const HANG: Duration = Duration::from_secs(100);

pub async fn within<F: Future>(future: F) -> F::Output {
    timeout(HANG, future).await.expect("nothing happens")
}

/// A server that listens until the test is over.
pub struct Listening {
    pub address: SocketAddr,
    pub stage: Arc<Stage>,
    pub shutdown: CancellationToken,
    pub task: JoinHandle<io::Result<()>>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listening {
    pub async fn start() -> Self {
        Self::with(WebSocketConfig::new(), |transport| transport).await
    }

    pub async fn with(
        config: WebSocketConfig,
        configure: impl FnOnce(HttpTransport) -> HttpTransport,
    ) -> Self {
        let stage = Arc::<Stage>::default();
        let server = server(&stage);
        let sockets = WebSocketService::new(server.clone(), config);
        let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
        let transport = configure(transport.only_mounts().mount("/ws", sockets));
        let address = transport.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(transport.serve(server, shutdown.clone()));
        Self { address, stage, shutdown, task }
    }

    pub async fn connect(&self) -> Client {
        self.connect_at("/ws").await
    }

    pub async fn connect_at(&self, path: &str) -> Client {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "mcp".parse().unwrap());
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (stream, response) = within(client_async(request, stream)).await.unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "mcp");
        Client { stream }
    }

    /// A client with a legacy session.
    pub async fn legacy(&self, version: &str) -> Client {
        let mut client = self.connect().await;
        let answer = client.ask(initialize(0, version)).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
        client.send(initialized()).await;
        client
    }

    /// A connection that has been upgraded, for bytes.
    pub async fn raw(&self) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(upgrade("").as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        stream
    }

    /// The status of the answer to a request, and its body where that is JSON.
    pub async fn status(&self, request: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1);
        let length = length.map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        within(stream.read_exact(&mut body)).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    /// Waits until this many calls wait.
    pub async fn until_waiting(&self, count: usize) {
        let waiting = async {
            while self.stage.waiting.load(Ordering::SeqCst) != count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        within(waiting).await;
    }
}

const KEYS: [(&str, &str); 6] = [
    ("host", "localhost"),
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-protocol", "mcp"),
];

/// An upgrade request. The headers given replace those of the same name, and remove them where they
/// are empty.
pub fn upgrade(headers: &str) -> String {
    let mut request = "GET /ws HTTP/1.1\r\n".to_owned();
    for (name, value) in KEYS {
        if !headers.lines().any(|header| header.starts_with(&format!("{name}:"))) {
            request += &format!("{name}: {value}\r\n");
        }
    }
    for header in headers.lines().filter(|header| !header.ends_with(':')) {
        request += &format!("{header}\r\n");
    }
    request + "\r\n"
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A frame as a client sends it, masked with zeros.
pub fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![head];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | length as u8),
        length @ ..65536 => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// The code of the close frame that comes, after whatever else comes.
pub async fn close_code(stream: &mut (impl AsyncRead + Unpin)) -> u16 {
    loop {
        let opcode = within(stream.read_u8()).await.expect("a close frame") & 0xf;
        let length = match within(stream.read_u8()).await.unwrap() {
            126 => usize::from(stream.read_u16().await.unwrap()),
            127 => usize::try_from(stream.read_u64().await.unwrap()).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        within(stream.read_exact(&mut payload)).await.unwrap();
        if opcode == 8 {
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
    }
}

pub struct Client<S = TcpStream> {
    pub stream: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub async fn text(&mut self, text: impl Into<String>) {
        let message = Message::Text(text.into().into());
        within(self.stream.send(message)).await.unwrap();
    }

    pub async fn send(&mut self, message: Value) {
        self.text(message.to_string()).await;
    }

    pub async fn next(&mut self) -> Value {
        loop {
            match within(self.stream.next()).await.expect("a message").unwrap() {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(message["jsonrpc"], "2.0");
                    return message;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a message: {other:?}"),
            }
        }
    }

    /// Sends a message and returns the next one.
    pub async fn ask(&mut self, message: Value) -> Value {
        self.send(message).await;
        self.next().await
    }

    /// Waits until the server closes; with which code.
    pub async fn closed(&mut self) -> CloseCode {
        loop {
            match within(self.stream.next()).await.expect("a close frame").unwrap() {
                Message::Close(frame) => return frame.expect("a code").code,
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("not a close frame: {other:?}"),
            }
        }
    }

    /// Checks that nothing but this is answered, with a call that is answered after it.
    pub async fn nothing_more(&mut self) {
        let answer = self.ask(modern("last", "echo", json!({"text": "end"}))).await;
        assert_eq!(answer["id"], "last", "{answer}");
    }
}
