use std::time::Duration;

use mcp_core::{BoxError, Method, Request, RequestId, Response, ResultBody, SUPPORTED_VERSIONS};

/// Upper bounds of the durations that are told apart, in seconds, as the semantic conventions for
/// MCP advise for `mcp.server.operation.duration`.
pub(crate) const BOUNDS: [f64; 14] =
    [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// What one request is about.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "spans alone tell all of it"))]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) target: Target,
    pub(crate) id: RequestId,
    pub(crate) version: Option<&'static str>,
}

/// What it acts on, if that is one of few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Tool(Box<str>),
    Prompt(Box<str>),
    None,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) duration: Duration,
    pub(crate) error: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The tool says that it has failed.
    Tool,
    /// A JSON-RPC error.
    Rpc(i32),
    /// A layer has failed.
    Layer,
    /// The client has given it up.
    Cancelled,
}

impl Failure {
    /// The value of `error.type`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Tool => "tool_error".to_owned(),
            Self::Rpc(code) => code.to_string(),
            Self::Layer => "_OTHER".to_owned(),
            Self::Cancelled => "cancelled".to_owned(),
        }
    }

    pub(crate) fn of(response: &Result<Response, BoxError>) -> Option<Self> {
        match response.as_ref().map(Response::as_result) {
            Ok(Ok(ResultBody::Tool(result))) if result.is_error() => Some(Self::Tool),
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(Self::Rpc(error.kind().code())),
            Err(_) => Some(Self::Layer),
        }
    }
}

impl Operation {
    /// `is_known` says of a tool or prompt whether the server has it.
    pub(crate) fn of(request: &Request, is_known: impl Fn(&Method, &str) -> bool) -> Self {
        let method = request.method();
        let name = request.name().filter(|name| is_known(method, name));
        let target = match (method, name) {
            (Method::CallTool, Some(name)) => Target::Tool(name.into()),
            (Method::GetPrompt, Some(name)) => Target::Prompt(name.into()),
            _ => Target::None,
        };
        Self {
            method: method.well_known().unwrap_or("_OTHER"),
            target,
            id: request.id().clone(),
            version: request.meta().protocol_version().and_then(|version| {
                SUPPORTED_VERSIONS.iter().copied().find(|known| *known == version)
            }),
        }
    }

    /// The name of its span.
    #[cfg_attr(not(feature = "otlp"), allow(dead_code, reason = "there are no spans"))]
    pub(crate) fn name(&self) -> String {
        match &self.target {
            Target::Tool(name) | Target::Prompt(name) => format!("{} {name}", self.method),
            Target::None => self.method.to_owned(),
        }
    }
}
