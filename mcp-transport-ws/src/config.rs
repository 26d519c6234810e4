use std::time::Duration;

use mcp_connection::ConnectionOptions;
use mcp_http::HttpConfig;

/// What a [`WebSocketService`](crate::WebSocketService) accepts, and the limits of each connection.
#[derive(Clone, Debug)]
pub struct WebSocketConfig {
    pub(crate) http: HttpConfig,
    pub(crate) connection: ConnectionOptions,
    pub(crate) max_message: usize,
    pub(crate) ping: Duration,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        // As large as the body of an HTTP request may be: whoever can reach the one can reach the
        // other.
        const MAX_MESSAGE: usize = 4 * 1024 * 1024;
        Self {
            http: HttpConfig::new(),
            connection: ConnectionOptions::new().max_message(MAX_MESSAGE),
            max_message: MAX_MESSAGE,
            ping: Duration::from_secs(20),
        }
    }
}

impl WebSocketConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who may connect: the hosts, origins and callers of the HTTP transport. By default only
    /// loopback names.
    #[must_use]
    pub fn http(mut self, config: HttpConfig) -> Self {
        self.http = config;
        self
    }

    /// Sets how many bytes a message may have; 4 MiB by default. A larger one ends the connection
    /// with code 1009. The requests in flight on one connection hold at most five times as much.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self.connection = self.connection.max_message(bytes);
        self
    }

    /// Sets how many calls of one connection run at once; 256 by default, at least 1. As many again
    /// wait for their turn. After that nothing more is read until a call ends.
    #[must_use]
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.connection = self.connection.max_in_flight(calls);
        self
    }

    /// Sets how long calls in flight may go on once the server is told to stop; 25 s by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.connection = self.connection.grace(grace);
        self
    }

    /// Sets after how long a silence a client is asked whether it is there; 20 s by default. One
    /// that has not answered when as much time has passed again is given up with code 1008. Silence
    /// is looked at once per interval, so both can take up to twice as long.
    #[must_use]
    pub fn ping(mut self, interval: Duration) -> Self {
        self.ping = interval;
        self
    }
}
