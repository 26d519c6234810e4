use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use serde_json::json;
use tracing::Span;

use crate::stream::BodyStream;

/// The trailers that tell of a stream's failure ("Building a custom runtime for AWS Lambda").
pub(super) const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
pub(super) const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// What stands between a stream's prelude and its body.
const DELIMITER: Bytes = Bytes::from_static(&[0; 8]);

/// The body of a request to the Runtime API.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Whole(Option<Bytes>),
    Streamed(Box<Streamed>),
}

/// A stream that begins with its prelude. Polling it does the call's work.
#[derive(Debug)]
pub(crate) struct Streamed<S = BodyStream> {
    /// What comes before the body, the last first. Each is a chunk of its own, as some emulators take a
    /// chunk for the prelude; they are one write, with the first event if that is there.
    before: Vec<Bytes>,
    body: Option<S>,
    trailers: Option<HeaderMap>,
    /// The invocation's, which goes on as long as its stream.
    span: Span,
}

impl Outgoing {
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }

    pub(crate) fn whole(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()).filter(|text| !text.is_empty()))
    }

    pub(super) fn streamed(prelude: Vec<u8>, body: BodyStream, span: Span) -> Self {
        Self::Streamed(Box::new(Streamed::new(prelude, body, span)))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Streamed(streamed) => streamed.poll(cx).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

impl<S: Stream<Item = Result<Bytes, Infallible>> + Unpin> Streamed<S> {
    fn new(prelude: Vec<u8>, body: S, span: Span) -> Self {
        Self { before: vec![DELIMITER, prelude.into()], body: Some(body), trailers: None, span }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        if let Some(data) = self.before.pop() {
            return Poll::Ready(Some(Frame::data(data)));
        }
        if let Some(body) = &mut self.body {
            let _entered = self.span.enter();
            let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *body).poll_next(cx)));
            match polled {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(Some(Ok(data)))) => return Poll::Ready(Some(Frame::data(data))),
                Ok(Poll::Ready(None)) => {}
                Err(_) => {
                    tracing::error!("a streamed reply panicked");
                    self.trailers = Some(broken_off());
                }
            }
            self.body = None;
        }
        Poll::Ready(self.trailers.take().map(Frame::trailers))
    }
}

fn broken_off() -> HeaderMap {
    let kind = "Runtime.Panic";
    let error =
        json!({ "errorType": kind, "errorMessage": "the reply broke off: the function panicked" });
    let error = BASE64_STANDARD.encode(error.to_string());
    let mut trailers = HeaderMap::with_capacity(2);
    trailers.insert(ERROR_TYPE, HeaderValue::from_static(kind));
    if let Ok(error) = HeaderValue::try_from(error) {
        trailers.insert(ERROR_BODY, error);
    }
    trailers
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use std::{collections::VecDeque, task::Waker};

    use super::*;

    /// Does what is listed, poll by poll: bytes, nothing yet, or a panic.
    struct Script(VecDeque<Step>);

    enum Step {
        Says(&'static str),
        Waits,
        Panics,
    }

    impl Stream for Script {
        type Item = Result<Bytes, Infallible>;

        fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            match self.0.pop_front() {
                Some(Step::Says(text)) => Poll::Ready(Some(Ok(text.into()))),
                Some(Step::Waits) => Poll::Pending,
                Some(Step::Panics) => panic!("on purpose"),
                None => Poll::Ready(None),
            }
        }
    }

    /// What comes of each poll: data, `None` for nothing yet, and at last the trailers.
    fn play(steps: impl IntoIterator<Item = Step>) -> (Vec<Option<String>>, Option<HeaderMap>) {
        let script = Script(steps.into_iter().collect());
        let mut streamed = Streamed::new(b"{}".to_vec(), script, Span::none());
        let (mut frames, mut cx) = (Vec::new(), Context::from_waker(Waker::noop()));
        loop {
            match streamed.poll(&mut cx) {
                Poll::Pending => frames.push(None),
                Poll::Ready(None) => return (frames, None),
                Poll::Ready(Some(frame)) => match frame.into_data() {
                    Ok(data) => frames.push(Some(String::from_utf8(data.to_vec()).unwrap())),
                    Err(frame) => {
                        assert!(streamed.poll(&mut cx).is_ready());
                        return (frames, frame.into_trailers().ok());
                    }
                },
            }
        }
    }

    fn data(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    const DELIMITER: &str = "\0\0\0\0\0\0\0\0";

    #[test]
    fn the_prelude_does_not_wait_for_an_event() {
        let (frames, trailers) = play([Step::Says("one"), Step::Waits, Step::Says("two")]);
        assert_eq!(frames, [data("{}"), data(DELIMITER), data("one"), None, data("two")]);
        assert_eq!(trailers, None);
        let (frames, _) = play([Step::Waits, Step::Says("one")]);
        assert_eq!(frames, [data("{}"), data(DELIMITER), None, data("one")]);
        assert_eq!(play([]).0, [data("{}"), data(DELIMITER)]);
    }

    #[test]
    fn a_panic_in_the_midst_of_a_stream_is_told_in_its_trailers() {
        let (frames, trailers) = play([Step::Says("one"), Step::Panics]);
        assert_eq!(frames, [data("{}"), data(DELIMITER), data("one")]);
        let trailers = trailers.unwrap();
        assert_eq!(trailers[ERROR_TYPE], "Runtime.Panic");
        let error = BASE64_STANDARD.decode(&trailers[ERROR_BODY]).unwrap();
        let error: serde_json::Value = serde_json::from_slice(&error).unwrap();
        assert_eq!(error["errorType"], "Runtime.Panic");
    }
}
