use bytestring::ByteString;
use serde_json::value::RawValue;

use super::{RequestId, span::Span};

/// A client's answer to a request of the server. Only legacy sessions have these.
#[derive(Clone, Debug)]
pub struct ClientResponse {
    text: ByteString,
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
        text: &ByteString,
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
        Self { id: id.and_then(RequestId::parse), outcome, text: text.clone() }
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
        match self.outcome {
            Outcome::Result(span) => Ok(span.str(&self.text)),
            Outcome::Error(span) => Err(span.str(&self.text)),
        }
    }
}
