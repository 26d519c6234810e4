//! The events, as "WebSocket API mapping template reference" names their members and as API Gateway's
//! samples have them.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Request, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{DOMAIN, STAGE, token};
use crate::lambda::{
    doors::event::{last_headers, multi_value_headers, query},
    invocation::epoch_millis,
};

/// What all events of a connection have in common.
#[derive(Clone, Debug)]
pub(super) struct SocketContext {
    pub(super) connection: String,
    /// Milliseconds since the Unix epoch.
    pub(super) connected_at: u128,
    pub(super) user_agent: Option<String>,
}

impl SocketContext {
    fn request(&self, route: &str, kind: &str, authorizer: Option<&Value>) -> Value {
        let now = epoch_millis(SystemTime::now());
        let id = token();
        let mut identity = json!({ "sourceIp": "127.0.0.1" });
        if let Some(agent) = &self.user_agent {
            identity["userAgent"] = json!(agent);
        }
        let mut context = json!({
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": id,
            "requestTime": time(now).format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "messageDirection": "IN",
            "stage": STAGE,
            "connectedAt": milliseconds(self.connected_at),
            "requestTimeEpoch": milliseconds(now),
            "identity": identity,
            "requestId": id,
            "domainName": DOMAIN,
            "connectionId": self.connection,
            "apiId": "id",
        });
        if let Some(authorizer) = authorizer {
            context["authorizer"] = authorizer.clone();
        }
        context
    }
}

pub(super) fn connect(
    context: &SocketContext,
    request: &Request<Incoming>,
    authorizer: Option<&Value>,
) -> Value {
    let mut headers = request.headers().clone();
    headers.remove(header::CONNECTION);
    headers.remove(header::UPGRADE);
    for (name, value) in [
        ("x-amzn-trace-id", "Root=1-5fd5ea4b-35d888b22f86c62d26beae28"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    let mut event = json!({
        "headers": last_headers(&headers),
        "multiValueHeaders": multi_value_headers(&headers),
        "requestContext": context.request("$connect", "CONNECT", authorizer),
        "isBase64Encoded": false,
    });
    let parameters = query(request.uri());
    if !parameters.is_empty() {
        let last = parameters.iter().map(|(name, values)| (name.clone(), json!(values.last())));
        event["queryStringParameters"] = Value::Object(last.collect());
        event["multiValueQueryStringParameters"] = json!(parameters);
    }
    event
}

pub(super) fn message(
    context: &SocketContext,
    route: &str,
    text: &str,
    authorizer: Option<&Value>,
) -> Value {
    let mut request = context.request(route, "MESSAGE", authorizer);
    request["messageId"] = json!(token());
    json!({ "requestContext": request, "body": text, "isBase64Encoded": false })
}

pub(super) fn disconnect(
    context: &SocketContext,
    code: u16,
    reason: &str,
    authorizer: Option<&Value>,
) -> Value {
    let mut request = context.request("$disconnect", "DISCONNECT", authorizer);
    request["disconnectStatusCode"] = json!(code);
    request["disconnectReason"] = json!(reason);
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, http::HeaderValue::from_static(DOMAIN));
    for name in ["x-api-key", "x-forwarded-for", "x-restapi"] {
        headers.insert(name, http::HeaderValue::from_static(""));
    }
    json!({
        "headers": last_headers(&headers),
        "multiValueHeaders": multi_value_headers(&headers),
        "requestContext": request,
        "isBase64Encoded": false,
    })
}

fn milliseconds(time: u128) -> u64 {
    u64::try_from(time).unwrap_or(u64::MAX)
}

pub(super) fn time(milliseconds: u128) -> DateTime<Utc> {
    let milliseconds = i64::try_from(milliseconds).unwrap_or_default();
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}
