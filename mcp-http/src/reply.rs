//! HTTP responses out of JSON-RPC messages.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use mcp_core::{Encoded, ErrorKind, RequestId, RpcError};

use crate::Body;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NO: HeaderValue = HeaderValue::from_static("no");
const POST: HeaderValue = HeaderValue::from_static("POST");
const ACCEL_BUFFERING: http::HeaderName = http::HeaderName::from_static("x-accel-buffering");

/// A reply that consists of one JSON-RPC response.
pub(crate) fn json(response: Encoded) -> Response<Body> {
    let status = StatusCode::from_u16(response.http_status());
    json_with_status(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), response.into_bytes())
}

pub(crate) fn json_with_status(status: StatusCode, text: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A response that consists of a JSON-RPC error, under the identifier of the request if that is known.
pub fn refusal(id: Option<&RequestId>, error: RpcError) -> Response<Body> {
    let is_method_not_allowed = error.kind() == ErrorKind::MethodNotAllowed;
    let mut response = json(Encoded::refusal(id, error));
    if is_method_not_allowed {
        response.headers_mut().insert(header::ALLOW, POST);
    }
    response
}

/// A reply that goes on as events.
pub(crate) fn events(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(ACCEL_BUFFERING, NO);
    response
}

/// The answer to what wants none.
pub(crate) fn accepted() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}
