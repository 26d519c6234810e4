//! AWS Lambda on loopback: a function's binary, unmodified, behind the front doors that AWS has.
//!
//! An [`Emulator`] starts a program as Lambda does, with a Runtime API of its own for each process,
//! and [opens doors](Emulator::open) to it: Function URLs, API Gateway, a load balancer, direct
//! invocation. What comes in becomes the event that the door's service documents; what the function
//! answers has to have the form that the service documents, or the client gets the error that it
//! gets from AWS, and [`Emulator::faults`] tells why.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use mcp_testing::{Harness, lambda::{Door, Emulator}};
//!
//! let function = Emulator::new("target/debug/hello").env("MCP_ALLOW_ANONYMOUS", "true");
//! let url = function.open(Door::FunctionUrl).await?;
//! let mcp = Harness::http(url).await;
//! # Ok(()) }
//! ```

mod doors;
mod emulator;
pub(crate) mod harness;
mod invocation;
mod runtime_api;
mod sandbox;

pub use self::{
    doors::Door,
    emulator::Emulator,
    harness::at_doors,
    invocation::{Failure, Outcome},
};
