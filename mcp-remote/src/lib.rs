//! Tools of other Model Context Protocol servers, mounted in one's own.
//!
//! Depend on this crate to write a *gateway*: a server with light tools of its own and heavy ones
//! that run elsewhere, behind one URL or one command for the client.
//!
//! ```no_run
//! use mcp_core::Server;
//! use mcp_remote::Remote;
//!
//! # async fn gateway() -> Result<(), Box<dyn std::error::Error>> {
//! let heavy = Remote::http("https://heavy.example/mcp").bearer("secret").connect().await?;
//! let server = Server::builder("gateway", "1.0").mount("heavy", heavy).build();
//! # Ok(())
//! # }
//! ```
//!
//! **Listed** once, when the connection is made: names, titles, descriptions, schemas,
//! annotations and icons are the other server's, and its `top` is called `heavy_top` here. A
//! server that is down at that time cannot be mounted; it is for the program to try again, or to
//! serve without those tools. A tool that comes later is found by the next connect.
//!
//! **Checked** like a tool of one's own: arguments that do not fit the schema never leave.
//!
//! **Kept** byte for byte: content of every kind, structured content, `_meta`. An answer that
//! tells of a failure stays one, and a JSON-RPC error keeps its code, message and data. Progress
//! arrives in its order, and before the answer.
//!
//! **Cancelled** over there when it is cancelled here, for whatever reason: the client, the
//! connection, the deadline.
//!
//! **Traced**: the `traceparent`, `tracestate` and `baggage` of the call go along in `_meta`.
//!
//! A connection that broke is made again by the next call that needs it, and at growing intervals
//! where that fails; until then, calls end at once in a tool error of the kind
//! [`Unavailable`](mcp_core::ToolErrorKind::Unavailable). A call that was under way when it broke
//! is not repeated: nobody can know whether it has been done.
//!
//! Not forwarded: questions to the user, sampling, roots, tasks, resources and prompts.
//!
//! The feature `tls`, on by default, is what makes `https:` work. The feature `lambda` has
//! `Remote::lambda`, for a server that is a function of AWS Lambda, with what that cannot do.

mod call;
mod connect;
mod connection;
mod error;
mod http;
mod inbox;
#[cfg(feature = "lambda")]
mod lambda;
mod link;
mod remote;
mod stdio;

pub use crate::{
    connect::Connect,
    error::ConnectError,
    remote::{Remote, RemoteTool},
};
