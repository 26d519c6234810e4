//! WebSockets on the HTTP listener.

use std::time::Duration;

use mcp_core::Server;
use mcp_transport_sse::HttpConfig;
use mcp_transport_ws::{WebSocketConfig, WebSocketService};

/// Where clients connect.
pub(crate) const PATH: &str = "/ws";

pub(crate) fn service(server: &Server, http: HttpConfig, grace: Duration) -> WebSocketService {
    let config = WebSocketConfig::new().http(http).grace(grace);
    WebSocketService::new(server.clone(), config)
}
