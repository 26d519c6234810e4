//! The Model Context Protocol over WebSockets: one JSON-RPC message a text frame.
//!
//! Depend on this crate to serve WebSockets without the facade `mcp-serve`. [`WebSocketService`] is a
//! `tower` service that answers the request with which a client leaves HTTP; a listener mounts it
//! beside the HTTP transport, or alone (`HttpTransport::mount` of `mcp-transport-sse`).
//! [`serve_websocket`] serves a connection whose handshake is done.
//!
//! A client asks for the subprotocol `mcp`; without it the upgrade is refused. From then on what
//! `mcp-connection` promises holds: both protocol eras at once, concurrent calls,
//! `notifications/cancelled`, and back-pressure. Messages may come in fragments.
//!
//! | close code | when |
//! |---|---|
//! | 1001 | the server stops; calls in flight have been answered |
//! | 1002 | what the client sends is not the WebSocket protocol |
//! | 1003 | the client has sent a binary message |
//! | 1007 | a text message is not UTF-8 |
//! | 1008 | the client does not answer pings |
//! | 1009 | a message is larger than the limit |
//!
//! A close frame of the client is answered with its own code; calls in flight are cancelled, as they
//! are when the connection breaks.

mod config;
mod handshake;
mod keep_alive;
mod service;
mod socket;

pub use crate::{
    config::WebSocketConfig,
    service::{ResponseFuture, WebSocketService, serve_websocket},
};
