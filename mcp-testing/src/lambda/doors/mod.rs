//! What stands in front of a function.

mod alb;
mod event;
mod function_url;
mod http_api;
mod invoke;
mod prelude;
mod reply;
mod rest_api;
mod web_socket_api;

use std::{convert::Infallible, io, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited, combinators::BoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

pub(super) use self::web_socket_api::{Connections, MANAGEMENT, WebSocketSettings};
use super::{emulator::Function, invocation::PAYLOAD};

/// A service of AWS that invokes functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Door {
    /// A Function URL whose invoke mode is `BUFFERED`.
    FunctionUrl,
    /// A Function URL whose invoke mode is `RESPONSE_STREAM`.
    FunctionUrlStream,
    /// A REST API of API Gateway, stage `v1`, with a Lambda proxy integration.
    RestApi,
    /// The same with the response transfer mode `STREAM`.
    RestApiStream,
    /// An HTTP API of API Gateway, stage `prod`, with payload format 2.0.
    HttpApi,
    /// A load balancer's target group.
    Alb,
    /// The same with multi-value headers enabled.
    AlbMultiValue,
    /// A WebSocket API of API Gateway, stage `prod`, with Lambda proxy integrations.
    WebSocketApi,
    /// Lambda's own API: `POST /2015-03-31/functions/NAME/invocations`.
    Invoke,
}

impl Door {
    /// All doors that carry HTTP requests.
    pub const HTTP: [Self; 7] = [
        Self::FunctionUrl,
        Self::FunctionUrlStream,
        Self::RestApi,
        Self::RestApiStream,
        Self::HttpApi,
        Self::Alb,
        Self::AlbMultiValue,
    ];

    /// The door's name, as on a command line: `function-url-stream`.
    pub fn name(self) -> &'static str {
        match self {
            Self::FunctionUrl => "function-url",
            Self::FunctionUrlStream => "function-url-stream",
            Self::RestApi => "rest-api",
            Self::RestApiStream => "rest-api-stream",
            Self::HttpApi => "http-api",
            Self::Alb => "alb",
            Self::AlbMultiValue => "alb-multi-value",
            Self::WebSocketApi => "web-socket-api",
            Self::Invoke => "invoke",
        }
    }

    /// Whether the door hands replies on as streams, which the function has to be told with
    /// `MCP_LAMBDA_RESPONSE=stream`.
    pub fn streams(self) -> bool {
        matches!(self, Self::FunctionUrlStream | Self::RestApiStream)
    }

    /// The path of the server behind this door.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::RestApi | Self::RestApiStream => "/v1/mcp",
            Self::HttpApi => "/prod/mcp",
            Self::WebSocketApi => "/prod",
            Self::Invoke => "/2015-03-31/functions/function/invocations",
            _ => "/mcp",
        }
    }

    /// How clients speak to it.
    pub(super) fn scheme(self) -> &'static str {
        if self == Self::WebSocketApi { "ws" } else { "http" }
    }

    /// How large a request's body may be.
    fn max_body(self) -> usize {
        match self {
            // "Lambda functions as targets", Limits.
            Self::Alb | Self::AlbMultiValue => 1024 * 1024,
            // API Gateway would take 10 MB, of which the invocation carries 6.
            _ => PAYLOAD,
        }
    }
}

impl std::str::FromStr for Door {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let doors = || Self::HTTP.into_iter().chain([Self::WebSocketApi, Self::Invoke]);
        doors().find(|door| door.name() == text).ok_or_else(|| {
            let names: Vec<&str> = doors().map(Self::name).collect();
            format!("`{text}` is no door; there are {}", names.join(", "))
        })
    }
}

type Body = BoxBody<Bytes, io::Error>;

/// Serves a door until the future is dropped.
pub(super) async fn serve(door: Door, function: Arc<Function>, listener: TcpListener) {
    if door == Door::WebSocketApi {
        return web_socket_api::serve(function, listener).await;
    }
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let function = Arc::clone(&function);
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let function = Arc::clone(&function);
                async move { Ok::<_, Infallible>(answer(door, &function, request).await) }
            });
            // An error is the client's, or of a stream that has broken off.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    door: Door,
    function: &Arc<Function>,
    request: Request<Incoming>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, door.max_body()).collect().await {
        Ok(body) => body.to_bytes(),
        Err(cause) if cause.is::<LengthLimitError>() => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Request Too Long"}"#);
        }
        Err(_) => return text(StatusCode::BAD_REQUEST, r#"{"message":"Bad Request"}"#),
    };
    let request = Request::from_parts(parts, body);
    match door {
        Door::FunctionUrl | Door::FunctionUrlStream => {
            function_url::answer(function, request, door.streams()).await
        }
        Door::RestApi | Door::RestApiStream => {
            rest_api::answer(function, request, door.streams()).await
        }
        Door::HttpApi => http_api::answer(function, request).await,
        Door::Alb | Door::AlbMultiValue => {
            alb::answer(function, request, door == Door::AlbMultiValue).await
        }
        // The other API that a function calls.
        Door::Invoke if request.uri().path().starts_with(MANAGEMENT) => {
            web_socket_api::manage(function, request)
        }
        Door::Invoke => invoke::answer(function, request).await,
        Door::WebSocketApi => text(StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#),
    }
}

/// A body that is there already.
fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never| match never {}).boxed()
}

/// A reply of the door's own.
fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}
