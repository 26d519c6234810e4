use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use mcp_connection::{Incoming, Wire};
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep},
};

use crate::events::one_line;

/// How much may wait for the client to read before nothing more is done for it, in bytes.
const FULL: usize = 256 * 1024;

/// What the client is to be sent: written by the wire, taken by the response's body.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Mutex<Unsent>>);

#[derive(Debug, Default)]
struct Unsent {
    buffer: BytesMut,
    /// Who waits for it to be empty.
    waker: Option<Waker>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Unsent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event that does not come from the wire.
    pub(super) fn push(&self, event: &str) {
        self.lock().buffer.put_slice(event.as_bytes());
    }

    /// All that there is.
    pub(super) fn take(&self) -> Option<Bytes> {
        let mut unsent = self.lock();
        if unsent.buffer.is_empty() {
            return None;
        }
        if let Some(waker) = unsent.waker.take() {
            waker.wake();
        }
        Some(std::mem::take(&mut unsent.buffer).freeze())
    }
}

/// The messages of one session: requests of their own in one direction, one stream in the other.
pub(super) struct Messages {
    incoming: mpsc::Receiver<Bytes>,
    received: Option<Bytes>,
    outbox: Outbox,
    has_ended: bool,
    is_over: bool,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether there was a message since the timer was set.
    is_active: bool,
}

impl Messages {
    pub(super) fn new(incoming: mpsc::Receiver<Bytes>, outbox: Outbox, idle: Duration) -> Self {
        Self {
            incoming,
            received: None,
            outbox,
            has_ended: false,
            is_over: false,
            idle,
            timer: Box::pin(tokio::time::sleep(idle)),
            is_active: true,
        }
    }

    /// Ready when there was no message for too long. Looked at once per interval: setting the timer
    /// with each message would cost it a look at the clock.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            if !std::mem::take(&mut self.is_active) {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + self.idle);
        }
    }

    fn over(&mut self) -> Poll<io::Result<()>> {
        self.is_over = true;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl Wire for Messages {
    fn next_message(&mut self) -> Option<Incoming> {
        self.received.take().map(Incoming::Text)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(message) = self.incoming.poll_recv(cx) {
            self.is_active = true;
            self.received = message;
            return if self.received.is_some() { Poll::Ready(Ok(())) } else { self.over() };
        }
        ready!(self.poll_idle(cx));
        self.over()
    }

    fn stop(&mut self) {
        self.has_ended = true;
        self.incoming.close();
    }

    fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn is_drained(&self) -> bool {
        self.has_ended && self.received.is_none()
    }

    fn has_room(&self) -> bool {
        self.outbox.lock().buffer.len() < FULL
    }

    fn push(&mut self, message: impl AsRef<[u8]> + Into<Bytes>) {
        self.is_active = true;
        let buffer = &mut self.outbox.lock().buffer;
        buffer.put_slice(b"event: message\ndata: ");
        let start = buffer.len();
        buffer.put_slice(message.as_ref());
        one_line(&mut buffer[start..]);
        buffer.put_slice(b"\n\n");
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over {
            return self.over();
        }
        let mut unsent = self.outbox.lock();
        if unsent.buffer.is_empty() {
            return Poll::Ready(Ok(()));
        }
        unsent.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
