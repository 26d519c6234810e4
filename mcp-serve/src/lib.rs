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
//! To mount a server in an application that has its own listener, use `mcp-http`'s tower service
//! instead.

mod cli;
mod logging;
mod run;
mod signals;

#[doc(hidden)]
pub use mcp_core::__private;
pub use mcp_core::*;

pub use crate::run::run;

/// The README's examples, kept compiling.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
