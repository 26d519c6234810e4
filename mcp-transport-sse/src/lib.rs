//! The HTTP listener of a Model Context Protocol server.
//!
//! Depend on this crate to serve HTTP without the facade `mcp-serve`; to mount a server in an
//! application that listens already, depend on `mcp-http`.
//!
//! [`HttpTransport`] serves [`mcp_http::HttpService`] on `/mcp` and checks on `/health` and `/ready`
//! over HTTP/1.1; with the feature `http2` over HTTP/2, and with the feature `tls` over TLS, where
//! nothing in front terminates it.
//!
//! ```no_run
//! use mcp_core::{Server, Transport as _};
//! use mcp_transport_sse::HttpTransport;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn run() -> std::io::Result<()> {
//! let server = Server::builder("hello", "1.0").build();
//! let transport = HttpTransport::bind("127.0.0.1:8000").await?;
//! println!("listening on http://{}/mcp", transport.local_addr()?);
//! transport.serve(server, CancellationToken::new()).await
//! # }
//! ```

#[cfg(feature = "tls")]
mod client_certificate;
mod connection;
mod cors;
mod ready;
mod route;
#[cfg(feature = "http2")]
mod stream;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod versions;
mod write_timeout;

pub use mcp_http::{Authentication, ConfigError, HttpConfig, ProtectedResource};

#[cfg(feature = "tls")]
pub use crate::tls::{Tls, TlsError};
pub use crate::transport::HttpTransport;
