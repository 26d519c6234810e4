//! What a binding's platform allows one request: facts that it puts into the request's extensions.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    CallResult, Encoded, ErrorKind, Request, RpcError, ToolError, ToolErrorKind, task::TaskLink,
};

/// When a request has to be answered at the latest, whatever its tool's own timeout is.
///
/// A binding whose platform ends the process, or the exchange, puts it into
/// [`Request::extensions`]. The call is cancelled at that instant, and its client told so. The work
/// of tasks outlives the exchange and is not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// How long a call may take that may take `timeout` by itself.
    pub(crate) fn cap(request: &Request, timeout: Duration) -> Duration {
        match request.extensions().get::<Self>() {
            Some(Self(at)) if !request.task().is_some_and(TaskLink::is_task) => {
                timeout.min(at.saturating_duration_since(Instant::now()))
            }
            _ => timeout,
        }
    }
}

/// For whom a request is made, where one deployment serves several tenants that its platform keeps
/// apart. Bindings put it into [`Request::extensions`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant(pub std::sync::Arc<str>);

/// How large a response may be.
///
/// A binding that cannot carry more puts it into [`Request::extensions`]. A larger answer of a tool
/// becomes a tool error that tells the model so, and any other larger result a JSON-RPC error.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLimit {
    bytes: usize,
    carrier: &'static str,
    in_string: bool,
}

impl ResponseLimit {
    /// A limit of so many bytes of JSON, which is that of `carrier`: "an AWS Lambda response".
    pub const fn new(bytes: usize, carrier: &'static str) -> Self {
        Self { bytes, carrier, in_string: false }
    }

    /// Counts the response as what it becomes inside of a JSON string: with quotes, backslashes and
    /// control characters escaped.
    #[must_use]
    pub const fn in_string(mut self) -> Self {
        self.in_string = true;
        self
    }

    /// What to answer instead, if a response is too large.
    pub(super) fn refuse(
        self,
        response: &Encoded,
        is_tool: bool,
    ) -> Option<Result<CallResult, RpcError>> {
        let text = response.as_bytes();
        let size = if self.in_string && text.len().saturating_mul(WORST_ESCAPE) > self.bytes {
            text.iter().map(|byte| escaped(*byte)).sum()
        } else {
            text.len()
        };
        if size <= self.bytes {
            return None;
        }
        tracing::warn!(bytes = size, limit = self.bytes, "a response is too large and not sent");
        let message = format!(
            "the answer is too large: it takes {size} bytes, and {} holds {} at most; ask for less \
             at a time",
            self.carrier, self.bytes
        );
        Some(if is_tool {
            Ok(ToolError::new(ToolErrorKind::InvalidArguments, message).into())
        } else {
            Err(RpcError::new(ErrorKind::ResponseTooLarge, message))
        })
    }
}

/// How many bytes a byte of a JSON text becomes inside of a JSON string, at most: line breaks and
/// tabs between tokens become two. JSON text has no other control characters.
const WORST_ESCAPE: usize = 2;

fn escaped(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        _ => 1,
    }
}
