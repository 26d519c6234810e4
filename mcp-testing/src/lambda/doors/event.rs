//! What the events of several doors have in common.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, Uri, header};
use serde_json::{Map, Value, json};

/// Headers by their names, which are in small letters, with their values joined.
pub(super) fn joined_headers(headers: &HeaderMap, without: &[HeaderName]) -> Map<String, Value> {
    headers
        .keys()
        .filter(|name| !without.contains(name))
        .map(|name| (name.as_str().to_owned(), json!(values(headers, name).join(","))))
        .collect()
}

/// The last value of each header, as API Gateway's `headers` has it.
pub(super) fn last_headers(headers: &HeaderMap) -> Map<String, Value> {
    headers
        .keys()
        .map(|name| (name.as_str().to_owned(), json!(values(headers, name).last())))
        .collect()
}

pub(super) fn multi_value_headers(headers: &HeaderMap) -> Map<String, Value> {
    headers.keys().map(|name| (name.as_str().to_owned(), json!(values(headers, name)))).collect()
}

pub(super) fn values<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
}

/// The parameters of a query string, as they stand there.
pub(super) fn raw_query(uri: &Uri) -> BTreeMap<String, Vec<String>> {
    let mut parameters: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let query = uri.query().unwrap_or_default();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameters.entry(name.to_owned()).or_default().push(value.to_owned());
    }
    parameters
}

/// The parameters of a query string, decoded.
pub(super) fn query(uri: &Uri) -> BTreeMap<String, Vec<String>> {
    let decoded = |values: Vec<String>| values.iter().map(|value| decode(value)).collect();
    raw_query(uri).into_iter().map(|(name, values)| (decode(&name), decoded(values))).collect()
}

pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = match bytes[at] {
            b'+' => b' ',
            b'%' => match text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok())
            {
                Some(byte) => {
                    at += 2;
                    byte
                }
                None => b'%',
            },
            byte => byte,
        };
        decoded.push(byte);
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The body, and whether it is base64: it is where it is no text, or is compressed.
pub(super) fn body(request: &Request<Bytes>) -> (Value, bool) {
    const TEXTS: [&str; 3] = ["application/json", "application/javascript", "application/xml"];
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_text = kind.is_none_or(|kind| {
        kind.starts_with("text/") || TEXTS.iter().any(|text| kind.starts_with(text))
    }) && !request.headers().contains_key(header::CONTENT_ENCODING);
    match std::str::from_utf8(request.body()) {
        Ok(text) if is_text => (json!(text), false),
        _ => (json!(BASE64_STANDARD.encode(request.body())), true),
    }
}

/// The event of payload format 2.0.
pub(super) fn version_2(
    request: &Request<Bytes>,
    stage: &str,
    domain: &str,
    authorizer: Option<&Value>,
) -> Value {
    let uri = request.uri();
    let headers = request.headers();
    let cookies: Vec<&str> =
        values(headers, &header::COOKIE).iter().flat_map(|value| value.split("; ")).collect();
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": uri.path(),
        "rawQueryString": uri.query().unwrap_or_default(),
        "headers": joined_headers(headers, &[header::COOKIE]),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": request.method().as_str(),
                "path": uri.path(),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": agent,
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": stage,
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_u64,
        },
        "isBase64Encoded": false,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    let parameters = query(request.uri());
    if !parameters.is_empty() {
        let joined = parameters.into_iter().map(|(name, values)| (name, json!(values.join(","))));
        event["queryStringParameters"] = Value::Object(joined.collect());
    }
    if let Some(authorizer) = authorizer {
        event["requestContext"]["authorizer"] = authorizer.clone();
    }
    if !request.body().is_empty() {
        let (text, is_base64) = body(request);
        event["body"] = text;
        event["isBase64Encoded"] = is_base64.into();
    }
    event
}
