//! The HTTP listener of a Model Context Protocol server.
//!
//! Depend on this crate to serve HTTP without the facade `mcp-serve`; to mount a server in an
//! application that listens already, depend on `mcp-http`.
//!
//! [`HttpTransport`] serves [`mcp_http::HttpService`] on `/mcp` and a health check on `/health`
//! over HTTP/1.1 without TLS, and with the feature `http2` over HTTP/2: what terminates TLS is in front.
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

mod connection;
mod route;
mod transport;
mod versions;
mod write_timeout;

pub use mcp_http::{ConfigError, HttpConfig};

pub use crate::transport::HttpTransport;
