use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{
    session::Session,
    stream::{EventStream, ReaderKey},
};

/// A connection that reads one stream of a session.
pub(crate) struct Reading {
    session: Arc<Session>,
    stream: Arc<EventStream>,
    reader: ReaderKey,
    /// What is on its way.
    frames: VecDeque<Bytes>,
    interval: Duration,
    keep_alive: Option<Pin<Box<Sleep>>>,
    /// What ends a stream that would go on for ever.
    until: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    is_over: bool,
}

impl Reading {
    pub(super) fn new(
        session: Arc<Session>,
        (stream, reader): (Arc<EventStream>, ReaderKey),
        keep_alive: Duration,
        until: Option<CancellationToken>,
    ) -> Self {
        session.reader_came();
        Self {
            session,
            stream,
            reader,
            frames: VecDeque::new(),
            interval: keep_alive,
            keep_alive: None,
            until: until.map(|token| Box::pin(token.cancelled_owned())),
            is_over: false,
        }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.is_over && self.frames.is_empty()
    }

    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Poll::Ready(Some(frame));
            }
            if self.is_over {
                return Poll::Ready(None);
            }
            match self.stream.poll_frame(self.reader, &mut self.frames, cx) {
                Poll::Ready(Some(())) => continue,
                Poll::Ready(None) => {
                    self.is_over = true;
                    continue;
                }
                Poll::Pending => {}
            }
            if let Poll::Ready(notification) = self.session.poll_notification(&self.stream, cx) {
                self.stream.push(notification);
                continue;
            }
            if let Some(until) = &mut self.until
                && until.as_mut().poll(cx).is_ready()
            {
                self.is_over = true;
                continue;
            }
            return self.poll_keep_alive(cx);
        }
    }

    fn poll_keep_alive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let interval = self.interval;
        let timer = self.keep_alive.get_or_insert_with(|| Box::pin(tokio::time::sleep(interval)));
        ready!(timer.as_mut().poll(cx));
        timer.as_mut().reset(Instant::now() + interval);
        Poll::Ready(Some(Bytes::from_static(b":\n\n")))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.stream.leave(self.reader);
        self.session.reader_left();
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("stream", &self.stream.number()).finish_non_exhaustive()
    }
}
