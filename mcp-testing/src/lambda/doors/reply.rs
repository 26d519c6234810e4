//! The reply of a function, held against the form that its door documents.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value};

use super::{Body, full};

/// Which form a door wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Function URLs and HTTP APIs with payload format 2.0.
    Version2,
    /// REST APIs.
    Version1,
    /// Target groups.
    Alb {
        /// Whether multi-value headers are enabled.
        multi_value: bool,
    },
}

/// Reads a reply; the error is what is wrong with it.
pub(super) fn read(form: Form, text: &Bytes) -> Result<Response<Body>, String> {
    let value: Value =
        serde_json::from_slice(text).map_err(|error| format!("the reply is not JSON: {error}"))?;
    let Value::Object(mut reply) = value else {
        return if form == Form::Version2 {
            Ok(inferred(text))
        } else {
            Err("the reply is no object".into())
        };
    };
    if form == Form::Version2 && !reply.contains_key("statusCode") {
        return Ok(inferred(text));
    }
    let allowed: &[&str] = match form {
        Form::Version2 => &["statusCode", "headers", "cookies", "body", "isBase64Encoded"],
        Form::Version1 => {
            &["statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"]
        }
        Form::Alb { .. } => &[
            "statusCode",
            "statusDescription",
            "headers",
            "multiValueHeaders",
            "body",
            "isBase64Encoded",
        ],
    };
    if let Some(unknown) = reply.keys().find(|name| !allowed.contains(&name.as_str())) {
        return Err(format!("the reply has a member `{unknown}`, which is none of {allowed:?}"));
    }
    let status = status(reply.get("statusCode"))?;
    let headers = headers(form, &mut reply)?;
    let body = body(form, &reply)?;

    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // The door counts for itself.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(response)
}

/// What payload format 2.0 makes of a reply without `statusCode`.
fn inferred(text: &Bytes) -> Response<Body> {
    let mut response = Response::new(full(text.clone()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

pub(super) fn status(value: Option<&Value>) -> Result<StatusCode, String> {
    let number = value.and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
    number
        .filter(|number| (100..=599).contains(number))
        .and_then(|number| StatusCode::from_u16(number).ok())
        .ok_or_else(|| format!("`statusCode` is {value:?}, expected a number from 100 to 599"))
}

fn headers(form: Form, reply: &mut Map<String, Value>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let (single, multiple) = (reply.remove("headers"), reply.remove("multiValueHeaders"));
    match form {
        Form::Alb { multi_value: true } if single.is_some() => {
            return Err("with multi-value headers enabled, `headers` is not read".into());
        }
        Form::Alb { multi_value: false } if multiple.is_some() => {
            return Err(
                "without multi-value headers enabled, `multiValueHeaders` is not read".into()
            );
        }
        _ => {}
    }
    add_single(&mut headers, single)?;
    add_multiple(&mut headers, multiple)?;
    for cookie in list(reply.get("cookies"), "cookies")? {
        add(&mut headers, "set-cookie", &cookie)?;
    }
    Ok(headers)
}

pub(super) fn add_single(headers: &mut HeaderMap, map: Option<Value>) -> Result<(), String> {
    for (name, value) in object(map, "headers")? {
        match value {
            Value::String(text) => add(headers, &name, &text)?,
            Value::Number(number) => add(headers, &name, &number.to_string())?,
            Value::Bool(flag) => add(headers, &name, &flag.to_string())?,
            other => return Err(format!("the header `{name}` is {other}, expected a string")),
        }
    }
    Ok(())
}

pub(super) fn add_multiple(headers: &mut HeaderMap, map: Option<Value>) -> Result<(), String> {
    for (name, values) in object(map, "multiValueHeaders")? {
        for value in list(Some(&values), &name)? {
            add(headers, &name, &value)?;
        }
    }
    Ok(())
}

fn object(value: Option<Value>, name: &str) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(other) => Err(format!("`{name}` is {other}, expected an object")),
    }
}

pub(super) fn list(value: Option<&Value>, name: &str) -> Result<Vec<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("`{name}` has something else than strings")),
        Some(other) => Err(format!("`{name}` is {other}, expected a list of strings")),
    }
}

pub(super) fn add(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let header = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{name}` is no header's name"))?;
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("the header `{name}` has no value that HTTP knows"))?;
    headers.append(header, value);
    Ok(())
}

fn body(form: Form, reply: &Map<String, Value>) -> Result<Bytes, String> {
    let is_base64 = match reply.get("isBase64Encoded") {
        Some(Value::Bool(flag)) => *flag,
        None if !matches!(form, Form::Alb { .. }) => false,
        other => return Err(format!("`isBase64Encoded` is {other:?}, expected true or false")),
    };
    match reply.get("body") {
        None | Some(Value::Null) => Ok(Bytes::new()),
        Some(Value::String(text)) if is_base64 => BASE64_STANDARD
            .decode(text)
            .map(Bytes::from)
            .map_err(|error| format!("`body` is not base64: {error}")),
        Some(Value::String(text)) => Ok(text.clone().into()),
        Some(other) => Err(format!("`body` is {other}, expected a string")),
    }
}

/// Renames the headers that API Gateway keeps for itself ("Important notes", REST APIs).
pub(super) fn remap(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    if let Some(value) = headers.remove(header::WWW_AUTHENTICATE) {
        headers.insert("x-amzn-remapped-www-authenticate", value);
    }
}
