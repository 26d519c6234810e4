use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use mcp_core::connections::{ConnectionGateway, ConnectionStore};
use mcp_http::HttpConfig;

use crate::{
    shape::{PAYLOAD, Shape},
    web_socket,
};

/// Whether replies are streamed, where the event source can pass a stream on.
///
/// An event does not tell how its source invoked the function, and a source that waits for one kind
/// of reply passes the other on as garbage. So the deployment that sets up the source has to say it:
/// `InvokeMode: RESPONSE_STREAM` of a Function URL, or `responseTransferMode: STREAM` of a REST API's
/// integration, go with `MCP_LAMBDA_RESPONSE=stream`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseMode {
    /// Replies are whole. A call's notifications come with its result in one body, for clients that
    /// take server-sent events, and are dropped for others.
    Buffered,
    /// Function URLs and REST APIs get streams; all other sources cannot stream and get whole
    /// replies.
    Stream,
    /// A REST API whose stage variable `MCP_LAMBDA_RESPONSE` is `stream` gets streams, everything
    /// else whole replies. For functions behind several sources. The default.
    #[default]
    Auto,
}

/// A text that names no [`ResponseMode`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no response mode: expected `buffered`, `stream` or `auto`")]
pub struct ResponseModeError(String);

impl FromStr for ResponseMode {
    type Err = ResponseModeError;

    fn from_str(text: &str) -> Result<Self, ResponseModeError> {
        match text {
            "buffered" => Ok(Self::Buffered),
            "stream" => Ok(Self::Stream),
            "auto" => Ok(Self::Auto),
            other => Err(ResponseModeError(other.to_owned())),
        }
    }
}

impl ResponseMode {
    /// Whether the reply to an event of this shape is streamed.
    pub(crate) fn streams(self, shape: Shape, stage_says_stream: bool) -> bool {
        shape.can_stream()
            && match self {
                Self::Buffered => false,
                Self::Stream => true,
                Self::Auto => stage_says_stream,
            }
    }
}

/// How a [`LambdaTransport`](crate::LambdaTransport) answers.
#[derive(Clone)]
pub struct LambdaConfig {
    pub(crate) http: HttpConfig,
    pub(crate) response: ResponseMode,
    pub(crate) margin: Duration,
    pub(crate) allow_anonymous: bool,
    pub(crate) iam_scopes: Vec<Box<str>>,
    pub(crate) connections: Option<Connections>,
}

/// What a function needs that is behind a WebSocket API.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    pub(crate) store: Arc<dyn ConnectionStore>,
    pub(crate) gateway: Arc<dyn ConnectionGateway>,
    pub(crate) answer: web_socket::Answer,
}

impl fmt::Debug for LambdaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaConfig")
            .field("response", &self.response)
            .field("margin", &self.margin)
            .field("allow_anonymous", &self.allow_anonymous)
            .finish_non_exhaustive()
    }
}

impl Default for LambdaConfig {
    fn default() -> Self {
        Self::new(HttpConfig::new())
    }
}

impl LambdaConfig {
    /// Answers HTTP events as this configuration says, except that no sessions are kept, that any
    /// `Host` is served, since it is the platform that has routed the request here, and that bodies
    /// may have the 6 MB that Lambda lets in.
    pub fn new(http: HttpConfig) -> Self {
        Self {
            http: http.stateless().allow_any_host().max_body(PAYLOAD),
            response: ResponseMode::default(),
            margin: Duration::from_millis(500),
            allow_anonymous: false,
            iam_scopes: Vec::new(),
            connections: None,
        }
    }

    /// Sets whether replies are streamed.
    #[must_use]
    pub fn response(mut self, mode: ResponseMode) -> Self {
        self.response = mode;
        self
    }

    /// Sets how long before the end of the invocation a call is cancelled, so that its client is
    /// told before Lambda ends the process; 500 ms by default, and never more than a quarter of the
    /// time that is left.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Serves HTTP requests whose caller nothing has authenticated, neither the event source nor
    /// the server itself. Without it they are answered with 401. Direct invocations are allowed by
    /// IAM before they get here and always served.
    #[must_use]
    pub fn allow_anonymous(mut self, allow: bool) -> Self {
        self.allow_anonymous = allow;
        self
    }

    /// Whether the event source has to have authenticated the caller: nothing else does.
    pub(crate) fn needs_principal(&self) -> bool {
        !self.allow_anonymous && !self.http.has_authentication()
    }

    /// Sets the scopes of callers whom IAM has let in, who bring none of their own; none by default.
    #[must_use]
    pub fn iam_scopes<I>(mut self, scopes: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<Box<str>>,
    {
        self.iam_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Serves the clients of a WebSocket API of API Gateway, too: whose connections are kept in this
    /// store, which all processes of the function share, and are sent messages by this gateway.
    /// `mcp-state-aws` has both. Without it nobody can connect.
    #[must_use]
    pub fn connections(
        mut self,
        store: Arc<dyn ConnectionStore>,
        gateway: Arc<dyn ConnectionGateway>,
    ) -> Self {
        self.connections = Some(Connections { store, gateway, answer: web_socket::answer });
        self
    }
}
