//! The HTTP request that an event describes.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    event::{Headers, HttpEvent, MultiValueHeaders, Text},
    shape::Shape,
};

/// Why there is no request in an event.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("the event's HTTP method is none")]
    Method,
    #[error("the event's path or query string is none")]
    Uri,
    #[error("the event's body is not the base64 that `isBase64Encoded` says it is")]
    Base64,
}

/// Makes the request. What the event says about its caller is left to others.
pub(crate) fn request(
    shape: Shape,
    event: HttpEvent<'_>,
) -> Result<Request<Full<Bytes>>, BadRequest> {
    let context = event.request_context.as_ref();
    let method = match context.and_then(|context| context.http.as_ref()) {
        Some(http) => &http.method,
        None => event.http_method.as_ref().ok_or(BadRequest::Method)?,
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| BadRequest::Method)?;

    let uri = uri(shape, &event).parse::<http::Uri>().map_err(|_| BadRequest::Uri)?;
    let cookies = cookies(&event);
    let body = body(event.body, event.is_base64_encoded)?;

    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(event.multi_value_headers, event.headers);
    if let Some(cookies) = cookies {
        request.headers_mut().insert(header::COOKIE, cookies);
    }
    Ok(request)
}

/// The body, or the message, that an event carries.
pub(crate) fn body(
    body: Option<Text<'_>>,
    is_base64_encoded: Option<bool>,
) -> Result<Bytes, BadRequest> {
    Ok(match body {
        None => Bytes::new(),
        Some(body) if is_base64_encoded == Some(true) => {
            BASE64_STANDARD.decode(body.as_bytes()).map_err(|_| BadRequest::Base64)?.into()
        }
        Some(body) => body.0.into_owned().into(),
    })
}

/// The headers, in the form that has all their values if the event has it.
pub(crate) fn headers(multiple: Option<MultiValueHeaders>, single: Option<Headers>) -> HeaderMap {
    multiple
        .map(|headers| headers.0)
        .or_else(|| single.map(|headers| headers.0))
        .unwrap_or_default()
}

/// The cookies of payload format 2.0, which takes them out of the headers.
fn cookies(event: &HttpEvent<'_>) -> Option<HeaderValue> {
    let cookies = event.cookies.as_deref().filter(|cookies| !cookies.is_empty())?;
    let cookies = cookies.iter().map(|cookie| &**cookie).collect::<Vec<_>>().join("; ");
    HeaderValue::try_from(cookies).ok()
}

/// The path as the client sees it after the stage, and the query string.
fn uri(shape: Shape, event: &HttpEvent<'_>) -> String {
    let raw = event.raw_path.as_deref().or(event.path.as_deref()).unwrap_or_default();
    let stage = event.request_context.as_ref().and_then(|context| context.stage.as_deref());
    let path = match stage {
        // Payload format 2.0 leaves the stage in the path, where there is one in the URL.
        Some(stage) if shape == Shape::HttpApi => without_stage(raw, stage),
        _ => raw,
    };
    let mut uri = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        uri.push('/');
    }
    for byte in path.bytes() {
        push_encoded(&mut uri, byte, b"/%:@!$&'()*+,;=");
    }

    if let Some(query) = event.raw_query_string.as_deref().filter(|query| !query.is_empty()) {
        uri.push('?');
        for byte in query.bytes() {
            push_encoded(&mut uri, byte, b"/%:@!$&'()*+,;=?");
        }
        return uri;
    }
    // A load balancer passes on what stood in the URL, API Gateway decodes it.
    let kept: &[u8] = match shape {
        Shape::Alb { .. } => b"/%:@!$'()*+,;?",
        _ => b"/:@!$'()*,;?",
    };
    for (name, value) in parameters(event) {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        name.bytes().for_each(|byte| push_encoded(&mut uri, byte, kept));
        uri.push('=');
        value.bytes().for_each(|byte| push_encoded(&mut uri, byte, kept));
    }
    uri
}

fn without_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

fn push_encoded(uri: &mut String, byte: u8, kept: &[u8]) {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || kept.contains(&byte) {
        uri.push(char::from(byte));
    } else {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        uri.push('%');
        uri.push(char::from(DIGITS[usize::from(byte >> 4)]));
        uri.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// The parameters of the events that have no query string.
fn parameters<'a>(event: &HttpEvent<'a>) -> Vec<(Text<'a>, Text<'a>)> {
    let multiple: Option<Pairs<'a, Vec<Text<'a>>>> =
        read(event.multi_value_query_string_parameters);
    if let Some(Pairs(pairs)) = multiple {
        return pairs
            .into_iter()
            .flat_map(|(name, values)| {
                values.into_iter().map(move |value| (Text(name.0.clone()), value))
            })
            .collect();
    }
    read(event.query_string_parameters).map(|Pairs(pairs)| pairs).unwrap_or_default()
}

fn read<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// An object's members in their order.
struct Pairs<'a, T>(Vec<(Text<'a>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pairs<'a, T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for PairsVisitor<T> {
            type Value = Vec<(Text<'de>, T)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }

        deserializer.deserialize_map(PairsVisitor(std::marker::PhantomData)).map(Pairs)
    }
}
