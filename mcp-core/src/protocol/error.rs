use std::{borrow::Cow, fmt};

use serde_json::Value;

/// What went wrong with a request, as the protocol and HTTP number it.
///
/// This is the one table of JSON-RPC codes and HTTP statuses; bindings take both from here.
/// Codes from -32768 to -32000 are JSON-RPC's and the MCP specification's; the specification
/// leaves the rest to implementations, which is where the `-31xxx` codes come from. They end in
/// the HTTP status of the same meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is not JSON.
    Parse,
    /// The JSON is not a JSON-RPC request.
    InvalidRequest,
    /// The method does not exist in the request's protocol version.
    MethodNotFound,
    /// The parameters are well formed but name something that is not there: an unknown tool, a
    /// cursor that this server did not hand out.
    InvalidParams,
    /// There is no such resource; legacy revisions have a code of their own for it, later ones
    /// [`Self::InvalidParams`].
    ResourceNotFound,
    /// The parameters lack a required member or hold one of the wrong type.
    MalformedParams,
    /// The server failed; the text for the caller says no more than that.
    Internal,
    /// HTTP headers and body disagree (2026-07-28, Server Validation).
    HeaderMismatch,
    /// The tool needs a capability that the client did not declare.
    MissingClientCapability,
    /// The protocol version is none of the server's.
    UnsupportedVersion,
    /// The message is larger than the transport accepts.
    PayloadTooLarge,
    /// The message did not arrive whole within the time that the transport allows.
    ReadTimeout,
    /// The HTTP method is none of those that the endpoint has.
    MethodNotAllowed,
    /// The answer has a form that the HTTP client does not take.
    NotAcceptable,
    /// The HTTP body is not declared as JSON.
    UnsupportedMediaType,
    /// The `Host` or `Origin` header names a party that the server does not serve.
    ForbiddenOrigin,
    /// The session that the request names does not exist, or no longer.
    SessionNotFound,
    /// The caller lacks a scope that the tool requires.
    Forbidden,
    /// A limit on concurrency or rate is reached; the same request may succeed later.
    Overloaded,
    /// The call took longer than its deadline and was cancelled.
    DeadlineExceeded,
    /// The result is larger than the transport can carry.
    ResponseTooLarge,
    /// Another server has refused a request that this one passed on; the code is that server's.
    Foreign(i32),
}

impl ErrorKind {
    /// The JSON-RPC error code.
    pub const fn code(self) -> i32 {
        match self {
            Self::Parse => -32700,
            Self::InvalidRequest
            | Self::PayloadTooLarge
            | Self::ReadTimeout
            | Self::MethodNotAllowed
            | Self::NotAcceptable
            | Self::UnsupportedMediaType
            | Self::ForbiddenOrigin
            | Self::SessionNotFound => -32600,
            Self::MethodNotFound => -32601,
            Self::InvalidParams | Self::MalformedParams => -32602,
            Self::Internal => -32603,
            Self::ResourceNotFound => -32002,
            Self::HeaderMismatch => -32020,
            Self::MissingClientCapability => -32021,
            Self::UnsupportedVersion => -32022,
            Self::Forbidden => -31403,
            Self::ResponseTooLarge => -31413,
            Self::Overloaded => -31503,
            Self::DeadlineExceeded => -31504,
            Self::Foreign(code) => code,
        }
    }

    /// The HTTP status of a response that carries nothing but this error.
    ///
    /// Faults that the request itself shows are 4xx; what happens once a well-formed request is
    /// under way is an answer, hence 200.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Parse
            | Self::InvalidRequest
            | Self::MalformedParams
            | Self::HeaderMismatch
            | Self::MissingClientCapability
            | Self::UnsupportedVersion => 400,
            Self::Forbidden | Self::ForbiddenOrigin => 403,
            Self::MethodNotFound | Self::SessionNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::ReadTimeout => 408,
            Self::PayloadTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Overloaded => 503,
            Self::InvalidParams
            | Self::ResourceNotFound
            | Self::Internal
            | Self::DeadlineExceeded
            | Self::ResponseTooLarge
            | Self::Foreign(_) => 200,
        }
    }
}

/// A JSON-RPC error: the request itself could not be served.
///
/// What a tool has to say about its own work is a [`ToolError`](crate::ToolError) instead,
/// which the model gets to read.
#[derive(Clone, Debug)]
pub struct RpcError {
    kind: ErrorKind,
    message: Cow<'static, str>,
    data: Option<Box<Value>>,
}

impl RpcError {
    /// An error with a message for the caller.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), data: None }
    }

    /// Adds the error's `data` member.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(Box::new(data));
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write as _;
        // Writing to memory and serializing strings and values does not fail.
        let _ = write!(out, r#"{{"code":{},"message":"#, self.kind.code());
        let _ = serde_json::to_writer(&mut *out, &self.message);
        if let Some(data) = &self.data {
            out.extend_from_slice(br#","data":"#);
            let _ = serde_json::to_writer(&mut *out, data);
        }
        out.push(b'}');
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}
