//! A WebSocket as the wire of a connection.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _, Stream as _, StreamExt as _};
use mcp_connection::{Incoming, Wire};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::keep_alive::{KeepAlive, Silence};

/// How much may wait for the client to read before nothing more is done for it.
const FULL: usize = 256 * 1024;
/// How much is read at once. Every connection has a buffer of this size, idle or not.
const READ: usize = 8 * 1024;
/// From which size on what has been gathered is written without waiting for more.
const WRITE: usize = 32 * 1024;
/// From this length on a message keeps the buffer that it was read into instead of being copied.
const LARGE: usize = 64 * 1024;
/// How long the client may take to read the last messages and to close its side.
const LAST_WORDS: Duration = Duration::from_secs(2);

pub(crate) struct Socket<S> {
    stream: WebSocketStream<S>,
    received: Option<Utf8Bytes>,
    /// What is yet to be handed to the stream.
    outbox: VecDeque<Utf8Bytes>,
    /// How many bytes have been pushed since everything was written.
    unwritten: usize,
    keep_alive: KeepAlive,
    /// Whether the client has been promised a pong, which is written before more is read: the pongs
    /// of a client that reads nothing would grow without a limit.
    owes_pong: bool,
    has_ended: bool,
    /// Whether what is still to be said would not be listened to.
    is_over: bool,
    /// What to tell the client at the end; `None` where it closes by itself.
    close: Option<CloseFrame>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(crate) async fn accept(stream: S, max_message: usize, ping: Duration) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ)
            .write_buffer_size(WRITE)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        Self {
            stream: WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await,
            received: None,
            outbox: VecDeque::new(),
            unwritten: 0,
            keep_alive: KeepAlive::new(ping),
            owes_pong: false,
            has_ended: false,
            is_over: false,
            close: Some(close_frame(CloseCode::Away, "the server is stopping")),
        }
    }

    /// Ends the connection, for the reason that has come up.
    pub(crate) async fn close(mut self) {
        let last_words = async {
            while let Some(text) = self.outbox.pop_front() {
                self.stream.feed(Message::Text(text)).await?;
            }
            if let Some(frame) = self.close.take() {
                self.stream.send(Message::Close(Some(frame))).await?;
            }
            self.stream.flush().await?;
            while let Some(message) = self.stream.next().await {
                message?;
            }
            Ok::<(), Error>(())
        };
        if timeout(LAST_WORDS, last_words).await.is_err() {
            return;
        }
        // Closing a socket with something left to read would take away from the client what it
        // has not read yet.
        let stream = self.stream.get_mut();
        let linger = async {
            stream.shutdown().await?;
            let mut buffer = vec![0; READ];
            while stream.read(&mut buffer).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(LAST_WORDS, linger).await;
    }

    /// Has the connection end without a further word but this one.
    fn fail(&mut self, code: CloseCode, reason: &'static str) -> Poll<io::Result<()>> {
        tracing::debug!(code = u16::from(code), reason, "a WebSocket is closed");
        self.close = Some(close_frame(code, reason));
        self.over()
    }

    fn over(&mut self) -> Poll<io::Result<()>> {
        self.is_over = true;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn take(&mut self, text: Utf8Bytes) {
        // A call that waits must not keep all that was read along with it.
        self.received = Some(if text.len() < LARGE {
            let text: &str = &text;
            Utf8Bytes::from(text)
        } else {
            text
        });
    }

    /// Hands over to the stream what there is, which writes it once it is much, or flushed.
    fn poll_hand_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.outbox.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_ready(cx))?;
            if let Some(text) = self.outbox.pop_front() {
                Pin::new(&mut self.stream).start_send(Message::Text(text))?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_hand_over(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.unwritten = 0;
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.owes_pong {
                ready!(self.poll_flush(cx))?;
                self.owes_pong = false;
            }
            let Some(message) = ready!(Pin::new(&mut self.stream).poll_next(cx)) else {
                self.close = None;
                return self.over();
            };
            self.keep_alive.heard();
            match message {
                Ok(Message::Text(text)) => {
                    self.take(text);
                    return Poll::Ready(Ok(()));
                }
                Ok(Message::Ping(_)) => self.owes_pong = true,
                Ok(Message::Pong(_) | Message::Frame(_)) => {}
                Ok(Message::Binary(_)) => {
                    return self.fail(CloseCode::Unsupported, "messages are text, not binary");
                }
                Ok(Message::Close(_)) => {
                    self.close = None;
                    return self.over();
                }
                Err(Error::Capacity(_)) => {
                    return self.fail(CloseCode::Size, "the message is larger than the limit");
                }
                Err(Error::Utf8(_)) => {
                    return self.fail(CloseCode::Invalid, "the message is not UTF-8");
                }
                Err(Error::Protocol(_)) => {
                    return self.fail(CloseCode::Protocol, "this is not the WebSocket protocol");
                }
                Err(error) => {
                    tracing::debug!(%error, "a WebSocket cannot be read any more");
                    self.close = None;
                    return self.over();
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for Socket<S> {
    fn next_message(&mut self) -> Option<Incoming> {
        self.received.take().map(|text| Incoming::Text(text.into()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // What the client says next may be that it closes, after which the stream takes nothing more.
        // An error is that of the next flush, too.
        let _ = self.poll_hand_over(cx);
        if let Poll::Ready(read) = self.poll_message(cx) {
            return Poll::Ready(read);
        }
        while !self.owes_pong {
            match ready!(self.keep_alive.poll(cx)) {
                Silence::Ask => {
                    // What cannot be written is written later, with the next flush.
                    let asked = Pin::new(&mut self.stream).start_send(Message::Ping(Bytes::new()));
                    if asked.is_err() {
                        return self.over();
                    }
                    let _ = self.poll_flush(cx)?;
                }
                Silence::Dead => {
                    return self.fail(CloseCode::Policy, "pings are not answered");
                }
            }
        }
        Poll::Pending
    }

    fn stop(&mut self) {
        self.has_ended = true;
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn is_drained(&self) -> bool {
        self.has_ended && self.received.is_none()
    }

    fn has_room(&self) -> bool {
        self.unwritten < FULL
    }

    fn push(&mut self, message: impl AsRef<[u8]> + Into<Bytes>) {
        match Utf8Bytes::try_from(message.into()) {
            Ok(text) => {
                self.unwritten += text.len();
                self.outbox.push_back(text);
            }
            // JSON is written out of strings.
            Err(error) => tracing::error!(%error, "a message that is no text is not sent"),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over {
            return self.over();
        }
        self.poll_write(cx).map_err(into_io)
    }
}

fn close_frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: Utf8Bytes::from_static(reason) }
}

fn into_io(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        error => io::Error::new(io::ErrorKind::ConnectionAborted, error),
    }
}
