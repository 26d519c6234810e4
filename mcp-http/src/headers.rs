//! The agreement between a modern request's headers and its body (2026-07-28, Server Validation).

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName};
use mcp_core::{
    ErrorKind, HeaderParam, LATEST_VERSION, Method, Request, RpcError, SUPPORTED_VERSIONS, Server,
};
use serde_json::Value;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
pub(crate) const SESSION_ID: HeaderName = HeaderName::from_static("mcp-session-id");

/// What the `MCP-Protocol-Version` header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared<'a> {
    /// There is none: a revision before 2025-06-18, or a caller that is no MCP client.
    Nothing,
    Modern,
    Legacy(&'a str),
    Unknown(&'a str),
    /// Several, or one that is no text.
    Invalid,
}

impl<'a> Declared<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        match single(headers, &PROTOCOL_VERSION) {
            Ok(None) => Self::Nothing,
            Ok(Some(version)) if version == LATEST_VERSION => Self::Modern,
            Ok(Some(version)) if SUPPORTED_VERSIONS.contains(&version) => Self::Legacy(version),
            Ok(Some(version)) => Self::Unknown(version),
            Err(_) => Self::Invalid,
        }
    }

    fn version(self) -> Option<&'a str> {
        match self {
            Self::Modern => Some(LATEST_VERSION),
            Self::Legacy(version) | Self::Unknown(version) => Some(version),
            Self::Nothing | Self::Invalid => None,
        }
    }
}

/// The error for a version that only the header names.
pub(crate) fn unsupported_version(requested: &str) -> RpcError {
    RpcError::new(ErrorKind::UnsupportedVersion, "unsupported protocol version").with_data(
        serde_json::json!({ "supported": SUPPORTED_VERSIONS, "requested": excerpt(requested) }),
    )
}

/// Whether the headers say what the body says.
///
/// # Errors
///
/// What disagrees.
pub(crate) fn agree(
    headers: &HeaderMap,
    declared: Declared<'_>,
    request: &Request,
    server: &Server,
) -> Result<(), RpcError> {
    let Some(version) = request.meta().protocol_version() else {
        // The server tells what is missing in the body; that comes before what is in the header.
        return Ok(());
    };
    let is_supported = SUPPORTED_VERSIONS.contains(&version);
    match declared.version() {
        Some(header) if header != version => {
            return Err(differs("MCP-Protocol-Version", header, version));
        }
        // The server answers with the versions that it does support.
        _ if !is_supported => return Ok(()),
        Some(_) => {}
        None if declared == Declared::Invalid => {
            return Err(mismatch(&Invalid::Ambiguous.text("MCP-Protocol-Version")));
        }
        None => return Err(missing("MCP-Protocol-Version")),
    }

    let method = request.method().as_str();
    match required(headers, &METHOD, "Mcp-Method")? {
        header if header == method => {}
        header => return Err(differs("Mcp-Method", header, method)),
    }

    if !matches!(
        request.method(),
        Method::CallTool
            | Method::ReadResource
            | Method::GetPrompt
            | Method::GetTask
            | Method::UpdateTask
            | Method::CancelTask
    ) {
        return Ok(());
    }
    let Some(name) = request.name() else {
        // The server tells that the body lacks it.
        return Ok(());
    };
    let header = required(headers, &NAME, "Mcp-Name")?;
    match decode(header) {
        Some(decoded) if decoded == name => {}
        Some(decoded) => return Err(differs("Mcp-Name", &decoded, name)),
        None => return Err(mismatch("the Base64 of the header Mcp-Name is malformed")),
    }

    if *request.method() == Method::CallTool {
        let params = server.header_params(name);
        if !params.is_empty() {
            let arguments = request.arguments()?;
            for param in params.iter() {
                agree_on_argument(headers, param, &arguments[param.argument()])?;
            }
        }
    }
    Ok(())
}

fn agree_on_argument(
    headers: &HeaderMap,
    param: &HeaderParam,
    argument: &Value,
) -> Result<(), RpcError> {
    let name = param.header();
    let header = match single(headers, name) {
        Ok(header) => header,
        Err(invalid) => return Err(mismatch(&invalid.text(name))),
    };
    // Values of other types are none that a client could put into a header; the tool's schema
    // refuses them.
    let expected = matches!(argument, Value::String(_) | Value::Number(_) | Value::Bool(_));
    let header = match (header, expected) {
        (None, false) => return Ok(()),
        (None, true) => return Err(missing(name)),
        (Some(_), false) => {
            return Err(mismatch(&format!(
                "the header {name} is there, but the body has no such value in the argument `{}`",
                param.argument()
            )));
        }
        (Some(header), true) => header,
    };
    let Some(decoded) = decode(header) else {
        return Err(mismatch(&format!("the Base64 of the header {name} is malformed")));
    };
    let agrees = match argument {
        Value::String(text) => decoded == text.as_str(),
        Value::Bool(value) => decoded == if *value { "true" } else { "false" },
        // `42` and `42.0` are equal.
        Value::Number(number) => match (decoded.parse::<i64>(), number.as_i64()) {
            (Ok(header), Some(body)) => header == body,
            _ => decoded.parse::<f64>().ok().is_some_and(|header| number.as_f64() == Some(header)),
        },
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    let body = argument.as_str().map_or_else(|| argument.to_string(), str::to_owned);
    Err(differs(name, &decoded, &body))
}

/// Why a header that may stand once has no value.
enum Invalid {
    Ambiguous,
    Characters,
}

impl Invalid {
    fn text(&self, name: &str) -> String {
        match self {
            Self::Ambiguous => format!("the header {name} is there more than once"),
            Self::Characters => {
                format!("the header {name} has characters other than visible ASCII")
            }
        }
    }
}

/// The value of a header that may stand only once: where there are two, whoever looked at the
/// request before may have gone by the other.
fn single(
    headers: &HeaderMap,
    name: impl http::header::AsHeaderName,
) -> Result<Option<&str>, Invalid> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Invalid::Ambiguous);
    }
    value.to_str().map(Some).map_err(|_| Invalid::Characters)
}

fn required<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    display: &str,
) -> Result<&'a str, RpcError> {
    match single(headers, name) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(missing(display)),
        Err(invalid) => Err(mismatch(&invalid.text(display))),
    }
}

/// A value as it stands, or out of `=?base64?…?=`; `None` if that is malformed.
fn decode(value: &str) -> Option<Cow<'_, str>> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="))
    else {
        return Some(Cow::Borrowed(value));
    };
    let bytes = BASE64_STANDARD.decode(encoded).ok()?;
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cold]
fn missing(name: &str) -> RpcError {
    mismatch(&format!("the header {name} is missing"))
}

#[cold]
pub(crate) fn differs(name: &str, header: &str, body: &str) -> RpcError {
    mismatch(&format!("the header {name} says `{}`, the body `{}`", excerpt(header), excerpt(body)))
}

#[cold]
fn mismatch(what: &str) -> RpcError {
    RpcError::new(ErrorKind::HeaderMismatch, format!("header mismatch: {what}"))
}

fn excerpt(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_sentinel_is_decoded() {
        for (header, expected) in [
            ("us-west1", Some("us-west1")),
            ("=?base64?SGVsbG8sIOS4lueVjA==?=", Some("Hello, 世界")),
            ("=?base64?IHBhZGRlZCA=?=", Some(" padded ")),
            ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", Some("=?base64?literal?=")),
            ("=?base64??=", Some("")),
            ("=?base64?SGVsbG8", Some("=?base64?SGVsbG8")),
            ("SGVsbG8?=", Some("SGVsbG8?=")),
            ("=?BASE64?SGVsbG8=?=", Some("=?BASE64?SGVsbG8=?=")),
            ("=?base64?SGVsbG8?=", None),
            ("=?base64?SGVs!!!bG8=?=", None),
            ("=?base64?/////w==?=", None),
            ("=?base64?=", Some("=?base64?=")),
        ] {
            assert_eq!(decode(header).as_deref(), expected, "{header}");
        }
    }
}
