//! The request with which a client leaves HTTP (RFC 6455, section 4.2).

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use mcp_core::{ErrorKind, RpcError};
use mcp_http::Body;
use tokio_tungstenite::tungstenite::{
    Error, error::ProtocolError, handshake::server::create_response_with_body,
};

const SUBPROTOCOL: HeaderName = header::SEC_WEBSOCKET_PROTOCOL;
const MCP: HeaderValue = HeaderValue::from_static("mcp");
const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// The response that ends HTTP, or the one that refuses to.
#[expect(clippy::result_large_err, reason = "both are the same response, and sent at once")]
pub(crate) fn answer<B>(request: &Request<B>) -> Result<Response<Body>, Response<Body>> {
    let mut response = create_response_with_body(request, Body::empty).map_err(refusal)?;
    if !offers_mcp(request.headers()) {
        return Err(invalid("ask for the WebSocket subprotocol `mcp` (Sec-WebSocket-Protocol)"));
    }
    response.headers_mut().insert(SUBPROTOCOL, MCP);
    Ok(response)
}

fn offers_mcp(headers: &HeaderMap) -> bool {
    headers
        .get_all(SUBPROTOCOL)
        .iter()
        .filter_map(|offers| offers.to_str().ok())
        .flat_map(|offers| offers.split(','))
        .any(|offer| offer.trim() == "mcp")
}

#[cold]
fn refusal(error: Error) -> Response<Body> {
    let Error::Protocol(error) = error else {
        return invalid("the upgrade request is malformed");
    };
    match error {
        ProtocolError::WrongHttpMethod => {
            let error = RpcError::new(ErrorKind::MethodNotAllowed, "a WebSocket begins with GET");
            let mut response = mcp_http::refusal(None, error);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            response
        }
        ProtocolError::MissingConnectionUpgradeHeader
        | ProtocolError::MissingUpgradeWebSocketHeader
        | ProtocolError::MissingSecWebSocketVersionHeader => {
            let mut response = invalid("this is a WebSocket: upgrade to `websocket`, version 13");
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::UPGRADE, WEBSOCKET);
            headers.insert(header::SEC_WEBSOCKET_VERSION, VERSION);
            response
        }
        _ => invalid("the upgrade request is malformed: `Sec-WebSocket-Key` is 16 bytes in Base64"),
    }
}

fn invalid(message: &'static str) -> Response<Body> {
    mcp_http::refusal(None, RpcError::new(ErrorKind::InvalidRequest, message))
}
