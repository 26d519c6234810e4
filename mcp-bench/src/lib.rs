//! The load generator behind `cargo xtask bench`, as a library so that a test can drive it, too.
//!
//! The servers and the comparison are this package's binaries: `floor`, `rmcp-server`,
//! `bench-server` and `compare`; on AWS Lambda `lambda-floor`, `lambda-server` and `lambda`.

mod call;
mod credentials;
mod door;
mod duplex;
mod http;
mod latency;
mod listen;
mod process;
mod runtime_api;
mod server;

pub use self::{
    call::{Call, Dialect, EVENTS, Expected, LISTED_TOOLS, Load, Template},
    credentials::Credentials,
    door::Door,
    duplex::Duplex,
    http::Connection,
    latency::Latencies,
    listen::Listen,
    process::{Memory, Usage},
    runtime_api::Function,
    server::{RunningServer, Setting, Subject},
};
