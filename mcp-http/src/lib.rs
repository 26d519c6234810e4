//! The HTTP binding of the Model Context Protocol as a `tower` service.
//!
//! Depend on this crate to mount a server in an axum or hyper application that exists already, or
//! to write a transport that speaks HTTP. To just serve HTTP, depend on the facade `mcp-serve`,
//! or on `mcp-transport-sse` for the listener alone.
//!
//! [`HttpService`] speaks the Streamable HTTP transport of every revision on one path:
//!
//! - *modern* (2026-07-28): each POST is one request, checked against its headers, and answered
//!   with JSON, or with server-sent events where a notification comes before the result;
//! - *legacy* (2025-03-26 to 2025-11-25, and `initialize` of 2024-11-05): sessions, with the GET
//!   stream, resumption and DELETE;
//! - HTTP+SSE of 2024-11-05, which is deprecated, on paths of its own ([`SseService`]);
//! - single requests without a handshake, as scripts and `curl` send them.

mod accept;
mod access;
mod body;
mod collect;
mod config;
mod events;
mod headers;
mod legacy;
mod reply;
mod service;
mod session_id;
mod sse;
mod switch_protocols;

pub use crate::{
    body::Body,
    config::{ConfigError, HttpConfig},
    reply::refusal,
    service::{HttpService, ResponseFuture},
    sse::{SseFuture, SseService},
    switch_protocols::SwitchProtocols,
};
