//! The replies that event sources can read.

use std::future::poll_fn;
use std::pin::Pin;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::Body as _;
use lambda_runtime::{MetadataPrelude, StreamResponse};
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{shape::Shape, stream::BodyStream};

/// A whole reply to an HTTP event, written in the form of its shape.
#[derive(Debug)]
pub(crate) struct Whole {
    shape: Shape,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Whole {
    /// Gathers a reply's body, with the notifications before the result if there are any.
    pub(crate) async fn gather(shape: Shape, response: Response<mcp_http::Body>) -> Self {
        let (parts, mut body) = response.into_parts();
        let mut gathered = BytesMut::new();
        let mut whole = Bytes::new();
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            let Ok(data) = frame.into_data() else { continue };
            if whole.is_empty() && gathered.is_empty() {
                whole = data;
                continue;
            }
            if gathered.is_empty() {
                gathered.extend_from_slice(&std::mem::take(&mut whole));
            }
            gathered.extend_from_slice(&data);
            if gathered.len() > shape.body_limit() {
                keep_last_event(&mut gathered);
            }
        }
        if !gathered.is_empty() {
            if escaped_len(&gathered) > shape.body_limit() {
                keep_last_event(&mut gathered);
            }
            whole = gathered.freeze();
        }
        Self { shape, status: parts.status, headers: parts.headers, body: whole }
    }
}

/// Drops the notifications, of which there are more than a reply can hold. The response is limited
/// where it is written.
fn keep_last_event(events: &mut BytesMut) {
    let end = events.len().saturating_sub(2);
    if let Some(at) = events[..end].windows(2).rposition(|pair| pair == b"\n\n") {
        let _ = events.split_to(at + 2);
    }
}

/// How long a text is inside of a JSON string.
fn escaped_len(text: &[u8]) -> usize {
    text.iter()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
            0..=31 => 6,
            _ => 1,
        })
        .sum()
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut reply = serializer.serialize_map(None)?;
        reply.serialize_entry("statusCode", &self.status.as_u16())?;
        match self.shape {
            Shape::FunctionUrl | Shape::HttpApi | Shape::WebSocketApi => {
                reply.serialize_entry("headers", &Single(&self.headers))?;
                // A WebSocket API knows no cookies. AWS does without where there are none; `cargo
                // lambda watch` does not.
                if self.shape != Shape::WebSocketApi {
                    reply.serialize_entry("cookies", &Values(&self.headers, "set-cookie"))?;
                }
            }
            Shape::HttpApiV1 | Shape::RestApi => {
                reply.serialize_entry("multiValueHeaders", &Multiple(&self.headers))?;
            }
            Shape::Alb { multi_value } => {
                let reason = self.status.canonical_reason().unwrap_or("Unknown");
                let description = format!("{} {reason}", self.status.as_u16());
                reply.serialize_entry("statusDescription", &description)?;
                if multi_value {
                    reply.serialize_entry("multiValueHeaders", &Multiple(&self.headers))?;
                } else {
                    reply.serialize_entry("headers", &Single(&self.headers))?;
                }
            }
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) => {
                reply.serialize_entry("isBase64Encoded", &false)?;
                reply.serialize_entry("body", text)?;
            }
            Err(_) => {
                reply.serialize_entry("isBase64Encoded", &true)?;
                reply.serialize_entry("body", &BASE64_STANDARD.encode(&self.body))?;
            }
        }
        reply.end()
    }
}

/// Headers with one value each; several are joined, as HTTP has it.
struct Single<'a>(&'a HeaderMap);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut headers = serializer.serialize_map(None)?;
        for name in self.0.keys().filter(|name| *name != header::SET_COOKIE) {
            let mut values = self.0.get_all(name).iter().filter_map(|value| value.to_str().ok());
            let first = values.next().unwrap_or_default();
            match values.next() {
                None => headers.serialize_entry(name.as_str(), first)?,
                Some(second) => {
                    let mut joined = format!("{first}, {second}");
                    for value in values {
                        joined.push_str(", ");
                        joined.push_str(value);
                    }
                    headers.serialize_entry(name.as_str(), &joined)?;
                }
            }
        }
        headers.end()
    }
}

/// Headers with a list of values each.
struct Multiple<'a>(&'a HeaderMap);

impl Serialize for Multiple<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.keys();
        serializer.collect_map(names.map(|name| (name.as_str(), Values(self.0, name.as_str()))))
    }
}

struct Values<'a>(&'a HeaderMap, &'a str);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.0.get_all(self.1).iter();
        serializer.collect_seq(values.filter_map(|value| value.to_str().ok()))
    }
}

/// A reply that is passed on as it comes to be.
pub(crate) fn stream(response: Response<mcp_http::Body>) -> StreamResponse<BodyStream> {
    let (mut parts, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    let cookies = parts.headers.get_all(header::SET_COOKIE).iter();
    let cookies = cookies.filter_map(|cookie| cookie.to_str().ok().map(str::to_owned)).collect();
    parts.headers.remove(header::SET_COOKIE);
    // The prelude has one value for each header.
    let metadata_prelude =
        MetadataPrelude { status_code: parts.status, headers: joined(parts.headers), cookies };
    StreamResponse { metadata_prelude, stream: BodyStream(body) }
}

fn joined(headers: HeaderMap) -> HeaderMap {
    if headers.keys_len() == headers.len() {
        return headers;
    }
    let mut joined = HeaderMap::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(value) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
            joined.insert(name.clone(), value);
        }
    }
    joined
}
