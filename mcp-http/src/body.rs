use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};

use crate::{events::Events, legacy::Reading, sse};

/// The body of a response: one JSON text, a stream of events, or nothing.
///
/// A stream of events does the call's work as it is polled, so a slow reader slows the call down,
/// and dropping the body cancels the call. Calls of legacy sessions go on in tasks of their own, no
/// faster than their client reads, so that it can come back for the answer.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Events(Box<Events>),
    /// A stream of a legacy session.
    Reading(Box<Reading>),
    /// A session of HTTP+SSE.
    Session(Box<sse::Stream>),
}

impl Body {
    /// A body of no bytes.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(crate) fn full(text: Bytes) -> Self {
        Self(Kind::Full(text))
    }

    pub(crate) fn events(events: Events) -> Self {
        Self(Kind::Events(Box::new(events)))
    }

    pub(crate) fn reading(reading: Reading) -> Self {
        Self(Kind::Reading(Box::new(reading)))
    }

    pub(crate) fn session(stream: sse::Stream) -> Self {
        Self(Kind::Session(Box::new(stream)))
    }
}

/// For those who answer some requests themselves, beside the service.
impl From<Bytes> for Body {
    fn from(text: Bytes) -> Self {
        Self::full(text)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Empty => "Body::Empty",
            Kind::Full(_) => "Body::Full",
            Kind::Events(_) => "Body::Events",
            Kind::Reading(_) => "Body::Reading",
            Kind::Session(_) => "Body::Session",
        })
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(text) => {
                let text = std::mem::take(text);
                self.0 = Kind::Empty;
                Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(text))))
            }
            Kind::Events(events) => {
                events.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::Reading(reading) => {
                reading.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Kind::Session(stream) => {
                stream.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(text) => text.is_empty(),
            Kind::Events(events) => events.is_at_end(),
            Kind::Reading(reading) => reading.is_at_end(),
            Kind::Session(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(text) => SizeHint::with_exact(text.len() as u64),
            Kind::Events(_) | Kind::Reading(_) | Kind::Session(_) => SizeHint::default(),
        }
    }
}
