//! A reply as server-sent events.

use std::{
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream as _;
use mcp_core::{Reply, ReplyPart, RequestId};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::{HttpConfig, service::panicked};

/// How much is gathered before it is handed over, in bytes.
const FRAME: usize = 16 * 1024;
/// From which size on a response is handed over without a copy, in bytes.
const LARGE: usize = 8 * 1024;

/// How far the first frame is on its way. What a call says at first must not wait until it has said all;
/// later frames may go out together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Due,
    /// It is handed over, and written once there is nothing more at once.
    HandedOver,
    Written,
}

/// Writes a reply's parts as events, as many in one frame as are ready.
pub(crate) struct Events {
    /// `None` after the response.
    reply: Option<Reply>,
    buffer: Vec<u8>,
    /// What goes before `buffer`.
    queue: VecDeque<Bytes>,
    beginning: Beginning,
    interval: Duration,
    keep_alive: Option<Pin<Box<Sleep>>>,
    /// When a stream ends that would never end by itself.
    until: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Events {
    /// Begins with a part that is there already.
    pub(crate) fn new(reply: Reply, first: ReplyPart, config: &HttpConfig) -> Self {
        let until =
            reply.is_subscription().then(|| Box::pin(config.shutdown.clone().cancelled_owned()));
        let mut events = Self {
            reply: Some(reply),
            buffer: Vec::with_capacity(512),
            queue: VecDeque::new(),
            beginning: Beginning::Due,
            interval: config.keep_alive,
            keep_alive: None,
            until,
        };
        events.push(first);
        events
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.reply.is_none() && self.queue.is_empty() && self.buffer.is_empty()
    }

    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.queue.is_empty() && self.buffer.is_empty() {
            let Some(reply) = &mut self.reply else {
                return Poll::Ready(None);
            };
            if self.beginning == Beginning::HandedOver {
                self.beginning = Beginning::Written;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(until) = &mut self.until
                && until.as_mut().poll(cx).is_ready()
            {
                reply.close();
                self.until = None;
            }
            // Tools cannot panic through a reply, but layers can.
            match catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *reply).poll_next(cx))) {
                Ok(Poll::Ready(Some(part))) => self.push(part),
                Ok(Poll::Ready(None)) => self.reply = None,
                Ok(Poll::Pending) => return self.poll_keep_alive(cx),
                Err(panic) => {
                    let id: RequestId = reply.id().clone();
                    self.push(ReplyPart::Response(panicked(Some(&id), &*panic)));
                }
            }
        }
        // What is there goes along; what the call has yet to do does not hold it up.
        while self.buffer.len() < FRAME
            && let Some(part) = self.reply.as_mut().and_then(Reply::next_ready)
        {
            self.push(part);
        }
        if self.beginning == Beginning::Due {
            self.beginning = Beginning::HandedOver;
        }
        if let Some(bytes) = self.queue.pop_front() {
            return Poll::Ready(Some(bytes));
        }
        if self.buffer.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(std::mem::take(&mut self.buffer).into()))
    }

    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let interval = self.interval;
        let timer = self.keep_alive.get_or_insert_with(|| Box::pin(tokio::time::sleep(interval)));
        std::task::ready!(timer.as_mut().poll(cx));
        timer.as_mut().reset(Instant::now() + interval);
        Poll::Ready(Some(Bytes::from_static(b":\n\n")))
    }

    fn push(&mut self, part: ReplyPart) {
        const DATA: &[u8] = b"data: ";
        match part {
            ReplyPart::Notification(notification) => {
                self.buffer.extend_from_slice(DATA);
                let start = self.buffer.len();
                notification.write_to(&mut self.buffer);
                one_line(&mut self.buffer[start..]);
            }
            // Only the replies of legacy sessions have these.
            ReplyPart::Request(_) | ReplyPart::CloseStream => return,
            ReplyPart::Response(response) => {
                self.buffer.extend_from_slice(DATA);
                self.reply = None;
                let text = response.into_bytes();
                if text.len() < LARGE || has_line_break(&text) {
                    let start = self.buffer.len();
                    self.buffer.extend_from_slice(&text);
                    one_line(&mut self.buffer[start..]);
                } else {
                    self.queue.push_back(std::mem::take(&mut self.buffer).into());
                    self.queue.push_back(text);
                }
            }
        }
        self.buffer.extend_from_slice(b"\n\n");
    }
}

fn has_line_break(json: &[u8]) -> bool {
    json.contains(&b'\n') || json.contains(&b'\r')
}

/// The same JSON in one line.
pub(crate) fn without_line_breaks(json: Bytes) -> Bytes {
    if !has_line_break(&json) {
        return json;
    }
    let mut text = Vec::from(json);
    one_line(&mut text);
    text.into()
}

/// Line breaks end an event's data. In JSON they can only stand between tokens, where a space
/// does as well; they come from tools that pass on JSON text which someone else has written.
pub(crate) fn one_line(json: &mut [u8]) {
    if has_line_break(json) {
        for byte in json {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
}
