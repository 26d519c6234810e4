use std::time::Duration;

/// The limits of one connection.
#[derive(Clone, Debug)]
pub struct ConnectionOptions {
    pub(crate) max_message: usize,
    pub(crate) grace: Duration,
    pub(crate) max_in_flight: usize,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self { max_message: 16 * 1024 * 1024, grace: Duration::from_secs(25), max_in_flight: 256 }
    }
}

impl ConnectionOptions {
    /// The default limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a message may be, in bytes; 16 MiB by default.
    ///
    /// The wire sees to it. The requests in flight together hold at most five times as much.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Sets how long calls in flight may go on once the client has closed its side or a shutdown is
    /// asked for; 25 s by default. What is left then is answered with an error.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how many calls run at once; 256 by default, at least 1.
    ///
    /// As many again wait for their turn. After that nothing more is read until a call ends.
    #[must_use]
    pub fn max_in_flight(mut self, calls: usize) -> Self {
        self.max_in_flight = calls.max(1);
        self
    }
}
