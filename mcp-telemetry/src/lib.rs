//! What a server does, as numbers and as traces.
//!
//! Depend on this crate to have a server measured that `mcp-serve` does not run; the facade has
//! flags for it. A [`Telemetry`] has any of
//!
//! - Prometheus: a text for whoever scrapes;
//! - OpenTelemetry (feature `otlp`): spans and metrics, sent over OTLP.
//!
//! All of them name what they measure as the OpenTelemetry semantic conventions for MCP do
//! (`mcp.server.operation.duration`, `mcp.method.name`, `gen_ai.tool.name`, `error.type`). What a
//! caller makes up is never a label: an unknown tool's name, a resource's URI, an argument.
//!
//! ```
//! use mcp_core::{Server, tool};
//! use mcp_telemetry::Telemetry;
//!
//! /// Adds two integers.
//! #[tool]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! let telemetry = Telemetry::new().prometheus();
//! let server = telemetry.measure(Server::builder("hello", "1.0").tool::<add>().build());
//! assert!(telemetry.scrape().contains("mcp_server_active_operations"));
//! ```

mod layer;
mod operation;
#[cfg(feature = "otlp")]
mod otlp;
mod prometheus;
mod telemetry;

#[cfg(feature = "otlp")]
pub use crate::telemetry::OtlpError;
pub use crate::telemetry::Telemetry;
