//! A client of HTTP that does what it is told, also what it should not.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpSocket, TcpStream},
};

pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) session: Option<String>,
    pub(crate) body: String,
    /// Whether the server closes the connection after this.
    pub(crate) closes: bool,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::new(TcpStream::connect(address).await?)
    }

    /// One that soon cannot be sent anything more, unless it reads: the operating system would take
    /// megabytes for it.
    pub(crate) async fn with_little_room(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(16 * 1024)?;
        Self::new(socket.connect(address).await?)
    }

    fn new(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
        Ok(self.stream.get_mut().write_all(bytes.as_ref()).await?)
    }

    /// Sends a message to `/mcp`; `headers` end in line breaks.
    pub(crate) async fn post(&mut self, headers: &str, message: &Value) -> anyhow::Result<()> {
        let body = message.to_string();
        self.write(format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             accept: application/json, text/event-stream\r\ncontent-length: {}\r\n{headers}\r\n{body}",
            body.len()
        ))
        .await
    }

    pub(crate) async fn ask(&mut self, headers: &str, message: &Value) -> anyhow::Result<Reply> {
        self.post(headers, message).await?;
        self.reply().await
    }

    pub(crate) async fn reply(&mut self) -> anyhow::Result<Reply> {
        let status = self.line().await?;
        let status = status.split(' ').nth(1).context("no status")?.parse()?;
        let mut reply = Reply { status, session: None, body: String::new(), closes: false };
        let (mut length, mut chunked) = (0, false);
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse()?,
                ("transfer-encoding", value) => chunked = value == "chunked",
                ("mcp-session-id", value) => reply.session = Some(value.to_owned()),
                ("connection", value) => reply.closes = value == "close",
                _ => {}
            }
        }
        let mut body = Vec::new();
        if chunked {
            loop {
                let size = usize::from_str_radix(self.line().await?.trim(), 16)?;
                let from = body.len();
                body.resize(from + size + 2, 0);
                self.stream.read_exact(&mut body[from..]).await?;
                body.truncate(from + size);
                if size == 0 {
                    break;
                }
            }
        } else {
            body.resize(length, 0);
            self.stream.read_exact(&mut body).await?;
        }
        reply.body = String::from_utf8(body)?;
        Ok(reply)
    }

    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await? == 0 {
            bail!("the server has closed the connection");
        }
        Ok(line)
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        let mut rest = [0; 4096];
        while self.stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }

    /// Opens a legacy session.
    pub(crate) async fn open_session(&mut self) -> anyhow::Result<String> {
        let reply = self.ask("", &mcp_stage::initialize(0, "2025-11-25")).await?;
        let session = reply.session.with_context(|| format!("no session: {}", reply.body))?;
        let headers = format!("mcp-session-id: {session}\r\n");
        let reply = self.ask(&headers, &mcp_stage::initialized()).await?;
        anyhow::ensure!(reply.status == 202, "{reply:?}");
        Ok(session)
    }
}

/// A modern call: its headers, and itself.
pub(crate) fn modern(tool: &str, arguments: Value) -> (String, Value) {
    let headers = format!(
        "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n"
    );
    (headers, mcp_stage::modern(1, tool, arguments))
}

/// A call that is answered at once, to see that the server is well.
pub(crate) async fn check(address: SocketAddr) -> anyhow::Result<()> {
    let (headers, call) = modern("add", json!({"a": 1, "b": 2}));
    let reply = Client::connect(address).await?.ask(&headers, &call).await?;
    anyhow::ensure!(reply.status == 200 && reply.body.contains("\"3\""), "{reply:?}");
    Ok(())
}
