use std::{fmt, sync::Arc};

use http::{HeaderValue, Method, Request, StatusCode, Uri, header, request};
use mcp_core::BoxError;
use serde_json::json;

use super::{body::Outgoing, connection::Connection};

const USER_AGENT: &str = concat!("mcp-transport-lambda/", env!("CARGO_PKG_VERSION"));

/// Where the APIs are that Lambda has for the process.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    /// A host and a port.
    pub(super) address: String,
    host: HeaderValue,
    /// What comes before every path: nothing on Lambda, `/.rt/NAME` with `cargo lambda watch`.
    base: String,
}

/// The API does not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    /// What it says of it.
    pub(super) text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {} {}", self.status, self.text)
    }
}

impl std::error::Error for Refused {}

impl RuntimeApi {
    /// Reads what `AWS_LAMBDA_RUNTIME_API` holds: `127.0.0.1:9001`, or a URL.
    pub(crate) fn parse(text: &str) -> Option<Arc<Self>> {
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        if uri.scheme().is_some_and(|scheme| *scheme != http::uri::Scheme::HTTP) {
            return None;
        }
        let address = match authority.port() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        let base = uri.path().trim_end_matches('/').to_owned();
        Some(Arc::new(Self { host: authority.as_str().parse().ok()?, address, base }))
    }

    /// A connection of one's own, which is made when it is first needed.
    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        Connection::new(Arc::clone(self))
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::HOST, &self.host)
            .header(header::USER_AGENT, USER_AGENT)
    }

    /// A request that tells of a failure.
    pub(super) fn failure(
        &self,
        path: &str,
        kind: &str,
        message: &str,
    ) -> Result<Request<Outgoing>, BoxError> {
        let text = json!({ "errorType": kind, "errorMessage": message }).to_string();
        // The type goes into a header, whose characters are few.
        let kind = HeaderValue::from_str(kind)
            .unwrap_or_else(|_| HeaderValue::from_static("Function.Unknown"));
        Ok(self
            .request(Method::POST, path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("lambda-runtime-function-error-type", kind)
            .body(Outgoing::whole(text))?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_a_host_and_a_port_or_a_url() {
        let parts = |text| {
            let api = RuntimeApi::parse(text).unwrap();
            (api.address.clone(), api.base.clone())
        };
        let of = |address: &str, base: &str| (address.to_owned(), base.to_owned());
        assert_eq!(parts("127.0.0.1:9001"), of("127.0.0.1:9001", ""));
        assert_eq!(parts("http://[::1]:9000/"), of("[::1]:9000", ""));
        assert_eq!(parts("http://localhost/.rt/hello"), of("localhost:80", "/.rt/hello"));
        for text in ["", "/.rt/hello", "https://example.com", "no address"] {
            assert!(RuntimeApi::parse(text).is_none(), "{text}");
        }
    }
}
