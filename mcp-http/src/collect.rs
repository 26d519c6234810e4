use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use tokio::time::Sleep;

/// How much of a body that is too large is read all the same, and thrown away, as a multiple of
/// the limit. A client that writes all of its request before it reads would otherwise find the
/// connection reset instead of the answer.
const DISCARDED: u64 = 4;

/// Gathers a request's body, up to a limit of size and of time.
#[derive(Debug)]
pub(crate) struct Collector {
    limit: usize,
    timeout: Duration,
    /// The whole body of most requests, not copied.
    first: Bytes,
    /// All of a body that comes in pieces.
    pieces: BytesMut,
    /// How much has been thrown away, once the body is known to be too large.
    discarded: Option<u64>,
    has_waited: bool,
    deadline: Option<Pin<Box<Sleep>>>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CollectError {
    TooLarge,
    TooSlow,
    /// The client is gone, or what it sends is not HTTP.
    Broken,
}

impl Collector {
    pub(crate) fn new(limit: usize, timeout: Duration) -> Self {
        Self {
            limit,
            timeout,
            first: Bytes::new(),
            pieces: BytesMut::new(),
            discarded: None,
            has_waited: false,
            deadline: None,
        }
    }

    /// Whether a body of this length is read to its end although it is too large.
    pub(crate) fn can_discard(&self, length: u64) -> bool {
        length <= (self.limit as u64).saturating_mul(DISCARDED)
    }

    /// Throws away what comes; the end is that the body is too large.
    pub(crate) fn discard(&mut self) {
        self.discarded = Some(self.len() as u64);
        self.first = Bytes::new();
        self.pieces = BytesMut::new();
    }

    pub(crate) fn poll<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Bytes, CollectError>> {
        loop {
            let frame = match body.as_mut().poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(CollectError::Broken)),
                Poll::Ready(None) => return Poll::Ready(self.finish()),
                Poll::Pending => {
                    ready!(self.poll_deadline(cx));
                    return Poll::Ready(Err(CollectError::TooSlow));
                }
            };
            let Ok(mut data) = frame.into_data() else {
                continue;
            };
            let size = data.remaining();
            if size > self.limit.saturating_sub(self.len()) && self.discarded.is_none() {
                self.discard();
            }
            if let Some(discarded) = self.discarded {
                let discarded = discarded + size as u64;
                self.discarded = Some(discarded);
                if !self.can_discard(discarded) {
                    return Poll::Ready(Err(CollectError::TooLarge));
                }
            } else if self.len() == 0 {
                // Nothing is copied where the data is `Bytes`.
                self.first = data.copy_to_bytes(size);
            } else {
                if self.pieces.is_empty() {
                    // What the client says about the length is no reason to allocate it.
                    self.pieces.reserve((self.first.len() + size) * 2);
                    self.pieces.extend_from_slice(&std::mem::take(&mut self.first));
                }
                while data.has_remaining() {
                    let chunk = data.chunk();
                    let length = chunk.len();
                    self.pieces.extend_from_slice(chunk);
                    data.advance(length);
                }
            }
            if body.is_end_stream() {
                return Poll::Ready(self.finish());
            }
        }
    }

    /// Ready once the body has taken too long.
    ///
    /// The first wait is without a timer, and only one poll long: hyper hands over the head first
    /// and the body on the next poll even where both are there, and nearly all requests need no
    /// more.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !std::mem::replace(&mut self.has_waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let timeout = self.timeout;
        self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout))).as_mut().poll(cx)
    }

    fn len(&self) -> usize {
        self.first.len() + self.pieces.len()
    }

    fn finish(&mut self) -> Result<Bytes, CollectError> {
        if self.discarded.is_some() {
            return Err(CollectError::TooLarge);
        }
        Ok(if self.pieces.is_empty() {
            std::mem::take(&mut self.first)
        } else {
            std::mem::take(&mut self.pieces).freeze()
        })
    }
}
