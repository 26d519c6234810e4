//! Write a Model Context Protocol server once, run it everywhere.
//!
//! This is the crate that servers depend on. It re-exports the vocabulary of `mcp-core` and adds
//! [`run`], which makes a whole program of a [`Server`]: it finds out from its arguments and its
//! environment how to serve, writes logs, and stops when it is told to.
//!
//! ```no_run
//! use mcp_serve::{Server, tool};
//!
//! /// Adds two integers.
//! #[tool]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! #[tokio::main]
//! async fn main() -> std::process::ExitCode {
//!     mcp_serve::run(Server::builder("hello", "1.0").tool::<add>().build()).await
//! }
//! ```
//!
//! Tools that share a state, and describe each argument, are types in a pack:
//!
//! ```
//! use mcp_serve::{Call, Server, Tool, ToolContext, ToolPack, ToolResult};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// Counts how often a word stands in the document.
//! #[derive(Deserialize, JsonSchema, Tool)]
//! #[tool(read_only, idempotent)]
//! struct CountWord {
//!     /// The word, matched exactly.
//!     word: String,
//! }
//!
//! struct Document(String);
//!
//! impl Call<Document> for CountWord {
//!     type Output = usize;
//!
//!     async fn call(self, document: &Document, _cx: &ToolContext) -> ToolResult<usize> {
//!         Ok(document.0.split_whitespace().filter(|word| **word == self.word).count())
//!     }
//! }
//!
//! let pack = ToolPack::new("text", Document("to be or not to be".into())).tool::<CountWord>();
//! let server = Server::builder("words", "1.0").pack(pack).build();
//! # assert_eq!(server.tool_names(), ["count_word"]);
//! ```
//!
//! To mount a server in an application that has its own listener, use `mcp-http`'s tower service
//! instead.

mod allocator;
mod auth;
mod cli;
mod health;
#[cfg(feature = "lambda")]
mod lambda;
mod logging;
mod metrics;
mod run;
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod session_store;
mod signals;
mod state_keys;
#[cfg(feature = "telemetry")]
mod telemetry;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "ws")]
mod ws;

#[doc(hidden)]
pub use mcp_core::__private;
pub use mcp_core::*;

pub use crate::run::run;
