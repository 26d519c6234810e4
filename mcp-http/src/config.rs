use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Uri};
use mcp_core::{ErrorKind, RpcError, sessions::SessionStore};
use tokio_util::sync::CancellationToken;

use crate::{
    Authentication,
    access::{Access, HostPattern, OriginPattern},
};

/// What an [`HttpService`](crate::HttpService) accepts and how long it waits.
///
/// The defaults are safe for a server on the developer's own machine: only loopback names are
/// accepted in `Host` and `Origin`. A public server names its hosts.
///
/// ```
/// # fn main() -> Result<(), mcp_http::ConfigError> {
/// let config = mcp_http::HttpConfig::new()
///     .allow_host("mcp.example.com")?
///     .allow_origin("https://app.example.com")?
///     .max_body(1024 * 1024);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct HttpConfig {
    pub(crate) max_body: usize,
    pub(crate) read_timeout: Duration,
    pub(crate) access: Access,
    pub(crate) keep_alive: Duration,
    pub(crate) max_sessions: usize,
    pub(crate) session_idle: Duration,
    pub(crate) session_store: Option<Arc<dyn SessionStore>>,
    pub(crate) stateless: bool,
    pub(crate) shutdown: CancellationToken,
    pub(crate) authentication: Option<Authentication>,
}

/// A setting that is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not `host` or `host:port`.
    #[error("`{0}` is no host: expected `host` or `host:port`, IPv6 addresses in brackets")]
    Host(String),
    /// Not `scheme://host`, `scheme://host:port` or `scheme://host:*`.
    #[error(
        "`{0}` is no origin: expected `scheme://host`, `scheme://host:port` or `scheme://host:*`"
    )]
    Origin(String),
    /// Not the URL of a protected resource.
    #[error(
        "`{0}` is no URL of a server: expected `https://host/path` without a query or a fragment"
    )]
    Resource(String),
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_body: 4 * 1024 * 1024,
            read_timeout: Duration::from_secs(60),
            access: Access::loopback(),
            keep_alive: Duration::from_secs(15),
            max_sessions: 10_000,
            session_idle: Duration::from_secs(300),
            session_store: None,
            stateless: false,
            shutdown: CancellationToken::new(),
            authentication: None,
        }
    }
}

impl HttpConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes a request's body may have; 4 MiB by default. More is answered with
    /// 413.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how long a request's body may take to arrive; 60 s by default. Longer is answered
    /// with 408.
    #[must_use]
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = timeout;
        self
    }

    /// Adds a host to those that `Host` (in HTTP/2 `:authority`) may name. Without a port, any
    /// port is accepted. Loopback names always are: `localhost`, `127.0.0.1`, `[::1]`.
    ///
    /// # Errors
    ///
    /// When it is not `host` or `host:port`.
    pub fn allow_host(mut self, host: &str) -> Result<Self, ConfigError> {
        let pattern = HostPattern::parse(host).ok_or_else(|| ConfigError::Host(host.to_owned()))?;
        self.access.allow_host(pattern);
        Ok(self)
    }

    /// Accepts any `Host`, and none. For servers behind something that checks it, or that ask
    /// every caller for a credential: otherwise any web page can reach the server through the
    /// browser of someone in its network (DNS rebinding).
    #[must_use]
    pub fn allow_any_host(mut self) -> Self {
        self.access.allow_any_host();
        self
    }

    /// Adds a web origin whose pages may call the server: `https://app.example.com`. As in
    /// browsers, an origin without a port is the one of its scheme's default port; `:*` in place
    /// of the port accepts any. Loopback origins always are accepted; `null` never is.
    ///
    /// Requests without `Origin`, which is to say those that no web page sent, always pass.
    ///
    /// # Errors
    ///
    /// When it is not `scheme://host`, `scheme://host:port` or `scheme://host:*`.
    pub fn allow_origin(mut self, origin: &str) -> Result<Self, ConfigError> {
        let pattern =
            OriginPattern::parse(origin).ok_or_else(|| ConfigError::Origin(origin.to_owned()))?;
        self.access.allow_origin(pattern);
        Ok(self)
    }

    /// Accepts any `Origin`, `null` too. For servers that ask every caller for a credential which
    /// no browser sends by itself.
    #[must_use]
    pub fn allow_any_origin(mut self) -> Self {
        self.access.allow_any_origin();
        self
    }

    /// Whether a request may be served: `Host` and `Origin`.
    ///
    /// [`HttpService`](crate::HttpService) checks that by itself; this is for what else is served
    /// beside it.
    ///
    /// # Errors
    ///
    /// Which header forbids it.
    pub fn admits(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), RpcError> {
        let checked = self.access.check(uri, headers);
        checked.map_err(|reason| RpcError::new(ErrorKind::ForbiddenOrigin, reason))
    }

    /// Whether pages of this origin, as `Origin` has it, may call the server.
    pub fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.access.allows_origin(origin)
    }

    /// Asks every caller who it is; by default nobody is asked.
    #[must_use]
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = Some(authentication);
        self
    }

    /// Whether callers are asked who they are.
    pub fn has_authentication(&self) -> bool {
        self.authentication.is_some()
    }

    /// Sets how often an event stream without events carries a comment, so that nothing between
    /// server and client takes it for dead; 15 s by default.
    #[must_use]
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = interval;
        self
    }

    /// Sets how many legacy sessions may be open at once; 10,000 by default.
    /// `initialize` beyond it is answered with 503. An idle one takes about 1 KB of memory. Zero
    /// turns legacy sessions off.
    #[must_use]
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.max_sessions = sessions;
        self
    }

    /// Sets after how long without a message in either direction a legacy session ends; 5 minutes
    /// by default. A call under way and an open stream count as use.
    #[must_use]
    pub fn session_idle(mut self, timeout: Duration) -> Self {
        self.session_idle = timeout;
        self
    }

    /// Sets where legacy sessions are kept, so that replicas behind a load balancer without
    /// affinity can go on with each other's; by default each has its own, in memory.
    ///
    /// What a session asks for in passing stays with the replica that heard it: its log level, its
    /// subscriptions, and the answers to what a call asks. These need affinity, or a modern client.
    #[must_use]
    pub fn session_store(mut self, store: Arc<dyn SessionStore>) -> Self {
        self.session_store = Some(store);
        self
    }

    /// Keeps no sessions: a legacy client's `initialize` is answered without `Mcp-Session-Id`, and
    /// each of its requests by itself. For processes that see one request at a time, or that share
    /// their clients with others.
    ///
    /// What needs a session is not there: GET streams, resumption, subscriptions, and asking a
    /// legacy client, which becomes a tool error. An `Mcp-Session-Id` that something in front adds
    /// is ignored. Modern clients are not concerned.
    ///
    /// With a [`session_store`](Self::session_store) there are sessions, which live in the store:
    /// each request of one may reach another process. Their answers can be resumed; what
    /// belongs to no request (the GET stream, subscriptions) is not there, and their clients cannot
    /// be asked.
    #[must_use]
    pub fn stateless(mut self) -> Self {
        self.stateless = true;
        self
    }

    /// Sets a token that ends the streams which would otherwise never end (`subscriptions/listen`,
    /// and `GET` of legacy sessions) when it is cancelled. Calls in flight go on.
    #[must_use]
    pub fn shutdown(mut self, token: CancellationToken) -> Self {
        self.shutdown = token;
        self
    }
}
