use std::fmt;

use aws_smithy_types::byte_stream::ByteStream;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{
    Error, Protocol, Service,
    protocol::{result_of, xml},
};

/// Headers by their names in lower case.
pub(crate) type Headers = Vec<(String, String)>;

fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// An answer that was read as a whole.
#[derive(Clone)]
pub struct Response {
    pub(crate) service: Service,
    pub(crate) operation: String,
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// Without the body, which may be a secret.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Response {
    /// The HTTP status, 200 to 299.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The bytes as they came.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body as the service's protocol has it. An empty body reads as an empty object.
    ///
    /// # Errors
    ///
    /// When it is not what `T` expects.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let unreadable =
            |reason: String| Error::unreadable(&self.service, &self.operation, &reason);
        match self.service.protocol() {
            Protocol::Json10 { .. } | Protocol::Json11 { .. } | Protocol::RestJson => {
                let body = if self.body.is_empty() { b"{}".as_slice() } else { &self.body };
                serde_json::from_slice(body).map_err(|error| unreadable(error.to_string()))
            }
            protocol => {
                let text = std::str::from_utf8(&self.body)
                    .map_err(|error| unreadable(error.to_string()))?;
                let text = match protocol {
                    Protocol::Query { .. } => result_of(text, &self.operation),
                    _ => text,
                };
                let text = if text.trim().is_empty() { "<Empty/>" } else { text };
                xml(text).map_err(|error| unreadable(error.to_string()))
            }
        }
    }
}

/// An answer whose body comes as its reader takes it. Dropping it closes the connection.
pub struct Streamed {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    pub(crate) body: ByteStream,
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Streamed {
    /// The HTTP status: 200, or 206 for a part.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// How long the body is, in bytes, if the service said so.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length").and_then(|length| length.parse().ok())
    }

    /// The body, of any length: nothing limits it but its reader. A connection that ends before
    /// `content-length` bytes is an error of the stream.
    pub fn into_body(self) -> ByteStream {
        self.body
    }
}
