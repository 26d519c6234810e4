//! A client of a WebSocket API, message by message.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message, client::IntoClientRequest as _, http::HeaderValue,
        protocol::WebSocketConfig,
    },
};

pub struct Socket {
    socket: WebSocketStream<TcpStream>,
    next: i64,
    /// What has come besides responses.
    pub heard: Vec<Value>,
}

impl Socket {
    /// Connects, and takes no frame that is larger than API Gateway's.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, &[("sec-websocket-protocol", "mcp")]).await
    }

    /// The same with these headers alone.
    pub async fn connect_with(
        url: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Self, Error> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await.unwrap();
        let limits = WebSocketConfig::default().max_frame_size(Some(32 * 1024));
        let (socket, _) = client_async_with_config(request, stream, Some(limits)).await?;
        Ok(Self { socket, next: 0, heard: Vec::new() })
    }

    pub async fn send(&mut self, message: Value) {
        self.socket.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// The next message.
    pub async fn receive(&mut self) -> Value {
        loop {
            match self.socket.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// Sends a request. Its identifier.
    pub async fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        id
    }

    /// The response to a request.
    pub async fn response(&mut self, id: i64) -> Value {
        loop {
            let message = self.receive().await;
            if message["id"] == id && message["method"].is_null() {
                return message;
            }
            self.heard.push(message);
        }
    }

    /// Makes a request, and waits for its result.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let id = self.ask(method, params).await;
        let response = self.response(id).await;
        assert!(response["error"].is_null(), "{method}: {response}");
        response["result"].clone()
    }

    /// Calls a tool. What it answers, if that is text.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> String {
        let result =
            self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_ne!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// Opens a legacy session whose client can be asked with forms.
    pub async fn initialize(&mut self) {
        let result = self
            .request(
                "initialize",
                json!({
                    "protocolVersion": "2025-11-25",
                    "capabilities": { "elicitation": {} },
                    "clientInfo": { "name": "test", "version": "1" },
                }),
            )
            .await;
        assert_eq!(result["protocolVersion"], "2025-11-25");
        self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }

    pub async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

/// What a modern request has in its parameters.
pub fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}
