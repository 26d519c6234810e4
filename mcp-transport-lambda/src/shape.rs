use std::time::Duration;

/// The most that a synchronous invocation carries in either direction, in bytes of JSON: 6 MB, as
/// Lambda counts them (Lambda quotas; the figure stands in its error message).
pub(crate) const PAYLOAD: usize = 6_291_556;

/// The most that a message of a WebSocket API has, in bytes ("Quotas for WebSocket APIs": message
/// payload size). Frames of 32 KB are API Gateway's affair on the way to the client: a message that
/// is posted is one, and would be several if it were posted in pieces.
const MESSAGE: usize = 128 * 1024;

/// Kept free for what a reply has besides its body: status, headers, the members' names.
const ENVELOPE: usize = 16 * 1024;

/// What kind of HTTP event an invocation brings, and so which reply its source can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Payload format 2.0 from a Function URL.
    FunctionUrl,
    /// Payload format 2.0 from an API Gateway HTTP API.
    HttpApi,
    /// Payload format 1.0 from an API Gateway HTTP API.
    HttpApiV1,
    /// An API Gateway REST API.
    RestApi,
    /// An API Gateway WebSocket API: a connection's beginning, which is a request, and its messages.
    WebSocketApi,
    /// An Application Load Balancer's target group.
    Alb {
        /// Whether the target group has multi-value headers enabled.
        multi_value: bool,
    },
}

impl Shape {
    pub(crate) fn can_stream(self) -> bool {
        matches!(self, Self::FunctionUrl | Self::RestApi)
    }

    /// How many bytes of JSON a buffered reply may have.
    pub(crate) fn payload_limit(self) -> usize {
        match self {
            // "Lambda functions as targets", Limits.
            Self::Alb { .. } => 1024 * 1024,
            Self::WebSocketApi => MESSAGE,
            _ => PAYLOAD,
        }
    }

    /// How many of these the body may have, escaped for the string that it stands in.
    pub(crate) fn body_limit(self) -> usize {
        self.payload_limit() - ENVELOPE
    }

    /// The name of the limit, for who runs into it.
    pub(crate) fn carrier(self) -> &'static str {
        match self {
            Self::Alb { .. } => "a response through an Application Load Balancer (1 MB)",
            Self::WebSocketApi => "a message of an API Gateway WebSocket API (128 KB)",
            _ => "an AWS Lambda response (6 MB)",
        }
    }

    /// When the source gives a buffered reply up, whatever time the function has left.
    pub(crate) fn gives_up_after(self) -> Option<Duration> {
        match self {
            // "Quotas for HTTP APIs"; it cannot be raised.
            Self::HttpApi | Self::HttpApiV1 => Some(Duration::from_secs(30)),
            // "Quotas for REST APIs". It can be raised for Regional and private APIs, but a call that
            // needs longer is better streamed.
            Self::RestApi => Some(Duration::from_secs(29)),
            // "Quotas for WebSocket APIs"; it cannot be raised.
            Self::WebSocketApi => Some(Duration::from_secs(29)),
            Self::FunctionUrl | Self::Alb { .. } => None,
        }
    }
}
