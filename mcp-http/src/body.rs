use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::BoxBody;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::events::Events;

/// The body of a response: one JSON text, a stream of events, or nothing.
///
/// A stream of events does the call's work as it is polled, so a slow reader slows the call down,
/// and dropping the body cancels the call.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Events(Box<Events>),
    /// What the legacy engine sends, until the server shuts down where it would never end.
    Engine(BoxBody<Bytes, Infallible>, Option<Pin<Box<WaitForCancellationFutureOwned>>>),
}

impl Body {
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    pub(crate) fn full(text: Bytes) -> Self {
        Self(Kind::Full(text))
    }

    pub(crate) fn events(events: Events) -> Self {
        Self(Kind::Events(Box::new(events)))
    }

    pub(crate) fn engine(
        body: BoxBody<Bytes, Infallible>,
        until: Option<CancellationToken>,
    ) -> Self {
        Self(Kind::Engine(body, until.map(|token| Box::pin(token.cancelled_owned()))))
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
            Kind::Engine(..) => "Body::Engine",
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
            Kind::Engine(body, until) => {
                let frame = Pin::new(body).poll_frame(cx);
                if frame.is_pending()
                    && let Some(until) = until
                    && until.as_mut().poll(cx).is_ready()
                {
                    self.0 = Kind::Empty;
                    return Poll::Ready(None);
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(text) => text.is_empty(),
            Kind::Events(events) => events.is_at_end(),
            Kind::Engine(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(text) => SizeHint::with_exact(text.len() as u64),
            Kind::Events(_) => SizeHint::default(),
            Kind::Engine(body, _) => body.size_hint(),
        }
    }
}
