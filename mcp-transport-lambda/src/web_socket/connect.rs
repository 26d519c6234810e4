//! A client that wants to connect.

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use mcp_core::{ErrorKind, Principal, RpcError, connections::ConnectionAddress};
use mcp_http::Body;

use super::{KEEP, within};
use crate::{
    config::Connections,
    event::HttpEvent,
    function::{Inner, anonymous, refusal},
    identity,
    request::headers,
};

/// Decides who may connect, as any request's caller is decided on, and keeps who it is: an authorizer
/// is asked now and never again.
pub(super) async fn answer(
    inner: &Inner,
    connections: &Connections,
    address: &ConnectionAddress,
    event: HttpEvent<'_>,
) -> Response<Body> {
    let context = event.request_context.as_ref();
    let principal =
        context.and_then(|context| identity::principal(context, &inner.config.iam_scopes));
    let opening = context.and_then(|context| context.request_id.as_deref()).unwrap_or_default();
    let opening = opening.to_owned();

    let mut request = Request::new(());
    *request.headers_mut() = headers(event.multi_value_headers, event.headers);
    if let Some(principal) = principal {
        request.extensions_mut().insert::<Principal>(principal);
    }
    let request = match inner.service.admit(request).await {
        Ok(request) => request,
        Err(refusal) => return *refusal,
    };
    let principal = request.extensions().get::<Principal>();
    if principal.is_none() && inner.config.needs_principal() {
        return anonymous();
    }
    if !offers_mcp(request.headers()) {
        let message = "ask for the WebSocket subprotocol `mcp` (Sec-WebSocket-Protocol)";
        let error = RpcError::new(ErrorKind::InvalidRequest, message);
        return refusal(StatusCode::BAD_REQUEST, None, error);
    }

    let opened = connections.store.open(&address.connection, &opening, principal, KEEP);
    if let Err(error) = within(opened).await {
        tracing::error!(%error, "a client cannot connect");
        let message = "the server cannot take connections at the moment; try again later";
        let error = RpcError::new(ErrorKind::Overloaded, message);
        return refusal(StatusCode::SERVICE_UNAVAILABLE, None, error);
    }
    let mut response = Response::new(Body::empty());
    let mcp = HeaderValue::from_static("mcp");
    response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, mcp);
    response
}

fn offers_mcp(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|offers| offers.to_str().ok())
        .flat_map(|offers| offers.split(','))
        .any(|offer| offer.trim() == "mcp")
}
