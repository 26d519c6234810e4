//! The client's end of what carries messages in both directions: a server's standard streams, or a
//! WebSocket.

use std::{collections::VecDeque, net::SocketAddr, time::Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{ChildStdin, ChildStdout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message, Utf8Bytes,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{Call, Dialect, Expected, Latencies, Template, call::events_in};

/// One client's messages, with the calls among them.
#[derive(Debug)]
pub struct Duplex {
    carrier: Carrier,
    template: Template,
    expected: Expected,
    /// How many events come before an answer.
    events: usize,
}

#[derive(Debug)]
enum Carrier {
    Pipes { stdin: ChildStdin, stdout: ChildStdout, received: BytesMut, unsent: Vec<u8> },
    Socket(Box<WebSocketStream<TcpStream>>),
}

impl Duplex {
    /// Shakes hands over a server's standard streams if the dialect does, and makes the first call.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it must.
    pub async fn over_pipes(
        stdin: ChildStdin,
        stdout: ChildStdout,
        call: Call,
    ) -> anyhow::Result<Self> {
        let received = BytesMut::with_capacity(64 * 1024);
        Self::open(Carrier::Pipes { stdin, stdout, received, unsent: Vec::new() }, call).await
    }

    /// The same over a WebSocket, which it opens at `/ws`.
    ///
    /// # Errors
    ///
    /// When the server does not answer as it must.
    pub async fn over_web_socket(address: SocketAddr, call: Call) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let upgrade = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\
             Sec-WebSocket-Protocol: mcp\r\n\r\n"
        );
        stream.write_all(upgrade.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.context("no answer to the upgrade")?);
        }
        ensure!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
        Self::open(Carrier::Socket(Box::new(socket)), call).await
    }

    async fn open(mut carrier: Carrier, call: Call) -> anyhow::Result<Self> {
        let mut answers = Vec::new();
        if call.dialect == Dialect::Session {
            carrier.add(Dialect::initialize().as_bytes()).await?;
            carrier.flush().await?;
            carrier.receive(&mut answers).await.context("initialize")?;
            carrier.add(Dialect::initialized().as_bytes()).await?;
        }
        let template = Template::new(call.text());
        let mut first = template.clone();
        carrier.add(first.next_call().1).await?;
        carrier.flush().await?;
        let answer = loop {
            answers.clear();
            carrier.receive(&mut answers).await?;
            if let Some(answer) = answers.pop().filter(|message| events_in(message) == 0) {
                break answer;
            }
        };
        let expected = Expected::learn(&answer, call)?;
        Ok(Self { carrier, template, expected, events: call.load.events() })
    }

    /// The answer to the first call.
    pub fn learned(&self) -> &[u8] {
        self.expected.bytes()
    }

    /// Calls until `end` and keeps `in_flight` calls on their way: as many new ones are sent
    /// together as answers have come together.
    ///
    /// # Errors
    ///
    /// When an answer is wrong in any byte, or comes twice.
    pub async fn call_until(
        &mut self,
        end: Instant,
        in_flight: usize,
    ) -> anyhow::Result<Latencies> {
        let mut latencies = Latencies::default();
        let mut pending: VecDeque<(u32, Instant)> = VecDeque::with_capacity(in_flight);
        let mut messages = Vec::new();
        let (mut events, mut answered) = (0, 0);
        let mut first_event = None;
        let mut now = Instant::now();
        loop {
            if now < end && pending.len() < in_flight {
                while pending.len() < in_flight {
                    let (number, request) = self.template.next_call();
                    self.carrier.add(request).await?;
                    pending.push_back((number, now));
                }
                self.carrier.flush().await?;
            }
            if pending.is_empty() {
                let expected = answered * self.events;
                ensure!(events == expected, "{events} events in place of {expected}");
                return Ok(latencies);
            }
            messages.clear();
            let begun = self.carrier.receive(&mut messages).await?;
            now = Instant::now();
            for message in &messages {
                // Answers may come in any order; most come in that of the calls.
                let call = self
                    .expected
                    .check(message)
                    .and_then(|number| pending.iter().position(|(pending, _)| *pending == number));
                if let Some((_, called)) = call.and_then(|place| pending.remove(place)) {
                    latencies.record(now - called);
                    if let Some(first) = first_event.take() {
                        latencies.record_first(first - called);
                    }
                    answered += 1;
                } else if self.events > 0 && events_in(message) == 1 {
                    events += 1;
                    first_event.get_or_insert(begun);
                } else {
                    bail!("a wrong answer: {}", String::from_utf8_lossy(message));
                }
            }
        }
    }
}

impl Carrier {
    /// Adds a message to those that are to be sent.
    async fn add(&mut self, message: &[u8]) -> anyhow::Result<()> {
        match self {
            Self::Pipes { unsent, .. } => {
                unsent.extend_from_slice(message);
                unsent.push(b'\n');
            }
            Self::Socket(socket) => {
                let text = Utf8Bytes::try_from(Bytes::copy_from_slice(message))?;
                socket.feed(Message::Text(text)).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Pipes { stdin, unsent, .. } => {
                stdin.write_all(unsent).await?;
                unsent.clear();
            }
            Self::Socket(socket) => socket.flush().await?,
        }
        Ok(())
    }

    /// Waits for a message, and takes along those that have come with it. Tells when the first came.
    async fn receive(&mut self, messages: &mut Vec<Bytes>) -> anyhow::Result<Instant> {
        let mut first = None;
        match self {
            Self::Pipes { stdout, received, .. } => {
                while messages.is_empty() {
                    received.reserve(64 * 1024);
                    let read = stdout.read_buf(received).await?;
                    ensure!(read > 0, "the server closed its standard output");
                    let new = received.len() - read;
                    let mut taken = 0;
                    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &received[new..]).collect();
                    for end in ends.into_iter().map(|end| new + end) {
                        let line = received.split_to(end + 1 - taken).freeze();
                        taken = end + 1;
                        messages.push(line.slice(..line.len() - 1));
                    }
                    first = Some(Instant::now());
                }
            }
            Self::Socket(socket) => {
                let mut message = socket.next().await;
                loop {
                    match message.context("the server closed its WebSocket")?? {
                        Message::Text(text) => {
                            first.get_or_insert_with(Instant::now);
                            messages.push(text.into());
                        }
                        Message::Ping(_) => {}
                        other => bail!("neither text nor a ping: {other:?}"),
                    }
                    match socket.next().now_or_never() {
                        Some(next) => message = next,
                        None if messages.is_empty() => message = socket.next().await,
                        None => break,
                    }
                }
            }
        }
        Ok(first.unwrap_or_else(Instant::now))
    }
}
