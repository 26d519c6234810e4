use bytes::Bytes;
use serde_json::value::RawValue;

use super::{RequestId, span::Span};

/// A client's answer to a request of the server. Only legacy sessions have these.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    text: Bytes,
    id: Option<RequestId>,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Result(Span),
    Error(Span),
}

impl ClientResponse {
    /// `text` is the message that the raw values are parts of.
    pub(super) fn new(
        bytes: Bytes,
        text: &str,
        id: Option<&RawValue>,
        result: Option<&RawValue>,
        error: Option<&RawValue>,
    ) -> Self {
        let span = |raw: &RawValue| Span::of(raw.get(), text);
        let outcome = match (result, error) {
            (Some(result), None) => Outcome::Result(span(result)),
            (_, Some(error)) => Outcome::Error(span(error)),
            (None, None) => Outcome::Error(Span::default()),
        };
        Self { id: id.and_then(RequestId::parse), outcome, text: bytes }
    }

    /// The identifier of the request that it answers.
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }

    /// The result, or the error, as JSON.
    ///
    /// # Errors
    ///
    /// The error that the client answered.
    pub fn result(&self) -> Result<&str, &str> {
        let text = |span: Span| std::str::from_utf8(span.bytes(&self.text)).unwrap_or_default();
        match self.outcome {
            Outcome::Result(span) => Ok(text(span)),
            Outcome::Error(span) => Err(text(span)),
        }
    }
}
