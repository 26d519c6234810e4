//! Text to a server and back, over every transport: what no well-behaved client sends.

use std::{any::Any, net::Ipv4Addr, sync::Arc};

use futures_util::{SinkExt as _, StreamExt as _};
use mcp_core::{Server, Transport as _};
use mcp_testing::{
    __private::lambda::deployed,
    lambda::{Door, Emulator},
};
use mcp_transport_sse::HttpTransport;
use mcp_transport_stdio::StreamOptions;
use mcp_transport_ws::{WebSocketConfig, WebSocketService};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::{OnceCell, mpsc},
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A connection to a server that carries any text.
pub(crate) struct Wire {
    speaker: Speaker,
    heard: mpsc::UnboundedReceiver<Value>,
    sessions: bool,
    next_id: i64,
    _server: Kept,
}

/// What has to live as long as the connection.
type Kept = (Option<DropGuard>, Box<dyn Any + Send>);

/// How text leaves.
enum Speaker {
    /// One after the other, on a connection that answers come back on.
    Stream(mpsc::UnboundedSender<String>),
    /// Each in an HTTP request of its own.
    Posts(Posts),
}

/// Streamable HTTP, as a client speaks it that puts into the headers what its text says.
#[derive(Clone)]
struct Posts {
    client: reqwest::Client,
    url: String,
    session: Arc<OnceCell<String>>,
    hears: mpsc::UnboundedSender<Value>,
}

impl Wire {
    /// The tests' server on the standard streams.
    pub(crate) async fn stdio(server: Server) -> Self {
        let pipe = || tokio::net::unix::pipe::pipe().unwrap();
        let ((mut to_server, from_client), (to_client, from_server)) = (pipe(), pipe());
        let stop = CancellationToken::new();
        let options = StreamOptions::default();
        tokio::spawn({
            let stop = stop.clone();
            mcp_transport_stdio::serve_stream(server, from_client, to_client, options, stop)
        });
        let (speaker, mut texts) = mpsc::unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(text) = texts.recv().await {
                to_server.write_all(format!("{text}\n").as_bytes()).await.unwrap();
            }
        });
        let (hears, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(from_server).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = hears.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self::new(Speaker::Stream(speaker), heard, true, (Some(stop.drop_guard()), Box::new(())))
    }

    /// A WebSocket.
    pub(crate) async fn web_socket(server: Server) -> Self {
        let (url, kept) = listen(server).await;
        Self::socket(&format!("ws{}/ws", url.strip_prefix("http").unwrap()), kept).await
    }

    async fn socket(url: &str, kept: Kept) -> Self {
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "mcp".parse().unwrap());
        let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await.unwrap();
        let (socket, _) = client_async(request, stream).await.unwrap();
        let (mut sink, mut stream) = socket.split();
        let (speaker, mut texts) = mpsc::unbounded_channel::<String>();
        tokio::spawn(async move {
            while let Some(text) = texts.recv().await {
                sink.send(Message::Text(text.into())).await.unwrap();
            }
        });
        let (hears, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = stream.next().await {
                if let Message::Text(text) = message {
                    let _ = hears.send(serde_json::from_str(&text).unwrap());
                }
            }
        });
        Self::new(Speaker::Stream(speaker), heard, true, kept)
    }

    /// HTTP+SSE of 2024-11-05: answers come on one stream, whatever the requests' own say.
    pub(crate) async fn http_sse(server: Server) -> Self {
        let (url, kept) = listen(server).await;
        let client = reqwest::Client::new();
        let stream = client.get(format!("{url}/sse")).header("accept", "text/event-stream");
        let mut events = Events::of(stream.send().await.unwrap());
        let endpoint = format!("{url}{}", events.next().await.unwrap());
        let (speaker, mut texts) = mpsc::unbounded_channel::<String>();
        let (hears, heard) = mpsc::unbounded_channel();
        let refused = hears.clone();
        tokio::spawn(async move {
            while let Some(text) = texts.recv().await {
                let post = client.post(&endpoint).header("content-type", "application/json");
                let answer = post.body(text).send().await.unwrap();
                // What is no message is refused in its own response.
                if answer.status() != StatusCode::ACCEPTED {
                    let _ = refused.send(answer.json_value().await);
                }
            }
        });
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let _ = hears.send(serde_json::from_str(&event).unwrap());
            }
        });
        Self::new(Speaker::Stream(speaker), heard, true, kept)
    }

    /// Streamable HTTP.
    pub(crate) async fn http(server: Server) -> Self {
        let (url, kept) = listen(server).await;
        Self::posting(format!("{url}/mcp"), true, kept)
    }

    /// A front door of AWS Lambda.
    pub(crate) async fn behind(door: Door, function: Emulator) -> Self {
        let function = deployed(function, door).await;
        let url = function.open(door).await.unwrap();
        let kept: Kept = (None, Box::new(function));
        match door {
            Door::WebSocketApi => Self::socket(&url, kept).await,
            _ => Self::posting(url, false, kept),
        }
    }

    fn posting(url: String, sessions: bool, kept: Kept) -> Self {
        let (hears, heard) = mpsc::unbounded_channel();
        let client = reqwest::Client::new();
        let posts = Posts { client, url, session: Arc::default(), hears };
        Self::new(Speaker::Posts(posts), heard, sessions, kept)
    }

    fn new(
        speaker: Speaker,
        heard: mpsc::UnboundedReceiver<Value>,
        sessions: bool,
        kept: Kept,
    ) -> Self {
        Self { speaker, heard, sessions, next_id: 1, _server: kept }
    }

    /// Whether there are legacy sessions.
    pub(crate) fn has_sessions(&self) -> bool {
        self.sessions
    }

    /// Sends a text, whatever it is.
    pub(crate) fn say(&self, text: impl ToString) {
        let text = text.to_string();
        match &self.speaker {
            Speaker::Stream(speaker) => speaker.send(text).unwrap(),
            Speaker::Posts(posts) => {
                tokio::spawn(posts.clone().send(text));
            }
        }
    }

    /// What the server says next.
    pub(crate) async fn hear(&mut self) -> Value {
        self.heard.recv().await.expect("the server says something")
    }

    /// The answer to a text, without what comes before.
    pub(crate) async fn ask(&mut self, text: impl ToString) -> Value {
        self.say(text);
        loop {
            let message = self.hear().await;
            if message.get("method").is_none() {
                return message;
            }
        }
    }

    /// The answer to a request of 2026-07-28.
    pub(crate) async fn modern(&mut self, method: &str, params: Value) -> Value {
        let request = self.modern_request(method, params);
        self.ask(request).await
    }

    /// A request of 2026-07-28.
    pub(crate) fn modern_request(&mut self, method: &str, params: Value) -> Value {
        let mut request = self.legacy_request(method, params);
        let meta = &mut request["params"]["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "wire", "version": "1" });
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        request
    }

    /// The answer to a request of the revisions before.
    pub(crate) async fn legacy(&mut self, method: &str, params: Value) -> Value {
        let request = self.legacy_request(method, params);
        self.ask(request).await
    }

    /// A request of the revisions before.
    pub(crate) fn legacy_request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        json!({ "jsonrpc": "2.0", "id": self.next_id, "method": method, "params": params })
    }

    /// Shakes hands. Where there are no sessions, the server says what it is all the same.
    pub(crate) async fn initialize(&mut self, version: &str) -> Value {
        let params = json!({
            "protocolVersion": version,
            "capabilities": {},
            "clientInfo": { "name": "wire", "version": "1" },
        });
        let answer = self.legacy("initialize", params).await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        self.say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        if let Speaker::Posts(posts) = &self.speaker
            && self.sessions
        {
            posts.open_stream().await;
        }
        answer["result"].clone()
    }
}

impl Posts {
    async fn send(self, text: String) {
        let message: Value = serde_json::from_str(&text).unwrap_or_default();
        let mut post = self
            .client
            .post(&self.url)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json");
        let params = &message["params"];
        let version = &params["_meta"]["io.modelcontextprotocol/protocolVersion"];
        if let Some(version) = version.as_str() {
            post = post.header("mcp-protocol-version", version);
            let name = ["name", "uri"].iter().find_map(|name| params[*name].as_str());
            for (header, value) in [("mcp-method", message["method"].as_str()), ("mcp-name", name)]
            {
                if let Some(value) = value {
                    post = post.header(header, value);
                }
            }
        } else if let Some(session) = self.session.get() {
            post = post.header("mcp-session-id", session);
        }
        let answer = post.body(text).send().await.unwrap();
        if let Some(session) = answer.headers().get("mcp-session-id") {
            let _ = self.session.set(session.to_str().unwrap().to_owned());
        }
        self.read(answer).await;
    }

    async fn read(&self, answer: reqwest::Response) {
        let kind = answer.headers().get("content-type").map(|kind| kind.as_bytes().to_vec());
        if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
            let mut events = Events::of(answer);
            while let Some(event) = events.next().await {
                let _ = self.hears.send(serde_json::from_str(&event).unwrap());
            }
        } else {
            match answer.json_value().await {
                // What wants no answer gets none.
                Value::Null => {}
                message => drop(self.hears.send(message)),
            }
        }
    }

    /// The stream on which a session hears of what it has not asked for.
    async fn open_stream(&self) {
        let session = self.session.get().expect("the handshake opens a session");
        let get = self.client.get(&self.url).header("accept", "text/event-stream");
        let stream = get.header("mcp-session-id", session).send().await.unwrap();
        assert_eq!(stream.status(), StatusCode::OK);
        let posts = self.clone();
        tokio::spawn(async move { posts.read(stream).await });
    }
}

/// A listener with all that it can speak, and its address as a URL.
pub(crate) async fn listen(server: Server) -> (String, Kept) {
    let transport = HttpTransport::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", transport.local_addr().unwrap());
    let sockets = WebSocketService::new(server.clone(), WebSocketConfig::new());
    let transport = transport.mount("/ws", sockets).legacy_sse(true);
    let stop = CancellationToken::new();
    tokio::spawn(transport.serve(server, stop.clone()));
    (url, (Some(stop.drop_guard()), Box::new(())))
}

/// The data of server-sent events, without those that have none.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    fn of(response: reqwest::Response) -> Self {
        Self { response, text: String::new() }
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let event: String = self.text.drain(..end + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data:"));
                if let Some(data) = data.map(str::trim).filter(|data| !data.is_empty()) {
                    return Some(data.to_owned());
                }
            }
            let chunk = self.response.chunk().await.ok()??;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

trait JsonValue {
    async fn json_value(self) -> Value;
}

impl JsonValue for reqwest::Response {
    /// The body; `null` if there is none.
    async fn json_value(self) -> Value {
        match &*self.bytes().await.unwrap() {
            b"" => Value::Null,
            body => serde_json::from_slice(body).unwrap_or_else(|error| {
                panic!("no JSON ({error}): {}", String::from_utf8_lossy(body))
            }),
        }
    }
}
