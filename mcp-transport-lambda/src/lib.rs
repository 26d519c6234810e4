//! Model Context Protocol servers on AWS Lambda.
//!
//! Depend on this crate to run a server on Lambda without the facade `mcp-serve`, which detects
//! Lambda by itself.
//!
//! [`LambdaTransport`] answers, from one function and without being told which it is,
//!
//! | event source | reply |
//! |---|---|
//! | Function URL | buffered, or streamed ([`ResponseMode`]) |
//! | API Gateway REST API | buffered, or streamed |
//! | API Gateway HTTP API (payload 1.0 and 2.0) | buffered |
//! | API Gateway WebSocket API | messages through `@connections` ([`LambdaConfig::connections`]) |
//! | Application Load Balancer, with single or multi-value headers | buffered |
//! | AgentCore Gateway | the tool's result |
//! | direct invocation with a JSON-RPC message, or an array of them | JSON-RPC responses |
//! | EventBridge schedule | nothing: it keeps the function warm |
//! | SQS, with the work of tasks | which messages are to be delivered again |
//!
//! A function sees one request at a time and shares its clients with other instances, so legacy
//! clients have sessions only where there is a store of them: see
//! [`HttpConfig::stateless`](mcp_http::HttpConfig::stateless).
//!
//! ```no_run
//! use mcp_core::{Server, Transport as _};
//! use mcp_transport_lambda::LambdaTransport;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn run() -> Result<(), mcp_transport_lambda::LambdaError> {
//! let server = Server::builder("hello", "1.0").build();
//! LambdaTransport::new().serve(server, CancellationToken::new()).await
//! # }
//! ```

mod after;
mod config;
mod direct;
mod event;
mod extension;
mod function;
mod identity;
mod request;
mod response;
mod runtime;
#[cfg(test)]
mod samples;
mod shape;
mod stream;
mod trace;
mod transport;
mod web_socket;
mod work;

pub use mcp_http::HttpConfig;

pub use crate::{
    config::{LambdaConfig, ResponseMode, ResponseModeError},
    function::{Function, Payload},
    stream::BodyStream,
    transport::{LambdaError, LambdaTransport, report_init_error},
};
