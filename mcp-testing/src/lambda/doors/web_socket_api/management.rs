//! The API Gateway Management API: `@connections`.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use super::{MESSAGE, STAGE, event::time, is_token};
use crate::lambda::{
    doors::{Body, event::decode, full},
    emulator::Function,
};

/// Answers a request to `/STAGE/@connections/ID`.
pub(in crate::lambda::doors) fn answer(
    function: &Arc<Function>,
    request: Request<Bytes>,
) -> Response<Body> {
    let path = decode(request.uri().path());
    let in_stage = path.strip_prefix('/').and_then(|path| path.strip_prefix(STAGE));
    let Some(id) = in_stage.and_then(|path| path.strip_prefix("/@connections/")) else {
        return error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden");
    };
    if !is_signed(request.headers()) {
        let message = "Missing Authentication Token";
        return error(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", message);
    }
    if !is_token(id) {
        let message = format!("Invalid connectionId: {id}");
        return error(StatusCode::BAD_REQUEST, "BadRequestException", &message);
    }
    let Some(connection) = function.connections.get(id) else {
        return error(StatusCode::GONE, "GoneException", "Gone");
    };
    match *request.method() {
        Method::POST if request.body().len() > MESSAGE => {
            function.fault(format!("a message of {} bytes", request.body().len()));
            let message = "Message too long";
            error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", message)
        }
        Method::POST => {
            if connection.send(request.into_body()) {
                with(StatusCode::OK, "")
            } else {
                let message = "the client does not read its messages";
                error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", message)
            }
        }
        Method::GET => {
            let iso = |milliseconds: u128| time(milliseconds).format("%FT%T%.3fZ").to_string();
            let context = &connection.context;
            let told = json!({
                "connectedAt": iso(context.connected_at),
                "identity": { "sourceIp": "127.0.0.1", "userAgent": context.user_agent },
                "lastActiveAt": iso(connection.last_active.load(Ordering::Relaxed).into()),
            });
            with(StatusCode::OK, told.to_string())
        }
        Method::DELETE => {
            connection.close();
            with(StatusCode::NO_CONTENT, "")
        }
        _ => error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
    }
}

/// Whether a request has the form of one that is signed for this service (Signature Version 4). Whose
/// key it is, and whether the signature is right, is not known here.
fn is_signed(headers: &HeaderMap) -> bool {
    let authorization =
        headers.get(http::header::AUTHORIZATION).and_then(|text| text.to_str().ok());
    let Some(fields) = authorization.and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 ")) else {
        return false;
    };
    let field = |name: &str| {
        fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let scope = field("Credential").map(|scope| scope.split('/').skip(1).collect::<Vec<_>>());
    let is_scoped = matches!(
        scope.as_deref(),
        Some([date, _region, "execute-api", "aws4_request"]) if date.len() == 8
    );
    let signs_host = field("SignedHeaders").is_some_and(|names| {
        let names: Vec<&str> = names.split(';').collect();
        names.contains(&"host") && names.contains(&"x-amz-date")
    });
    let signature = field("Signature");
    let is_digest = signature
        .is_some_and(|text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_scoped && signs_host && is_digest && headers.contains_key("x-amz-date")
}

fn with(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response<Body> {
    let mut response = with(status, json!({ "message": message }).to_string());
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
    response
}
