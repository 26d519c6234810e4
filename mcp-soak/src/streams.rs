//! A client of HTTP/2 that opens streams and takes nothing of them.

use std::net::SocketAddr;

use anyhow::ensure;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;

/// How much the server may send of a stream that nobody reads, in bytes.
const WINDOW: u32 = 4096;

pub(crate) struct UnreadStreams {
    sender: SendRequest<Full<Bytes>>,
    responses: Vec<Response<Incoming>>,
}

impl UnreadStreams {
    /// Opens a connection and posts the message on so many streams.
    pub(crate) async fn open(
        address: SocketAddr,
        count: usize,
        headers: &str,
        message: &Value,
    ) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let (sender, connection) = Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(connection);
        let mut unread = Self { sender, responses: Vec::with_capacity(count) };
        for _ in 0..count {
            let response = unread.post(headers, message).await?;
            unread.responses.push(response);
        }
        Ok(unread)
    }

    async fn post(&mut self, headers: &str, message: &Value) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::post("http://localhost/mcp")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers.lines().filter_map(|line| line.split_once(": ")) {
            request = request.header(name, value);
        }
        let response = self.sender.send_request(request.body(message.to_string().into())?).await?;
        ensure!(response.status() == 200, "{}", response.status());
        Ok(response)
    }

    /// Whether every stream was given up by itself, and the connection still serves.
    pub(crate) async fn given_up(mut self, headers: &str, message: &Value) -> anyhow::Result<()> {
        for response in self.responses.drain(..) {
            ensure!(response.into_body().collect().await.is_err(), "a stream has come to its end");
        }
        self.post(headers, message).await?;
        Ok(())
    }
}
