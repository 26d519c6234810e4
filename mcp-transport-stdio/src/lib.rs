//! The stdio transport of the Model Context Protocol: one JSON-RPC message a line.
//!
//! Depend on this crate to serve a [`Server`](mcp_core::Server) to the program that started this
//! process ([`StdioTransport`]), or over any other pair of byte streams in the same format
//! ([`serve_stream`]): a Unix socket, a TCP connection, a pipe in a test.
//!
//! What holds on either:
//!
//! - Both protocol eras are served at once. Modern requests, and legacy ones before any
//!   `initialize`, are answered directly; an `initialize` opens the connection's legacy session, to
//!   which legacy messages belong from then on.
//! - Calls run concurrently on one task. A call that can be answered at once costs no task, no
//!   channel and no timer; one that has to wait is kept beside the others, and dropped when the
//!   client sends `notifications/cancelled` for it. Work that keeps a processor busy belongs on
//!   `tokio::task::spawn_blocking`, as in any asynchronous program.
//! - Each line is answered, whatever it holds. A line over the limit is refused without being kept,
//!   text that is no message is refused by the identifier that it shows, if any, and a request under
//!   the identifier of one that is still in flight is refused while the other goes on.
//! - A client that does not read its answers is not read from, either, once 256 KiB of them are
//!   waiting. Calls in flight are limited in number, and the texts of their requests in size.
//! - When the client closes its side, what is in flight is finished, within the grace period.

mod input;
mod lines;
mod output;
mod stdio;
mod stream;
mod streams;

pub use crate::{
    stdio::StdioTransport,
    stream::{StreamOptions, serve_stream},
};
