use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use hyper::body::Incoming;
use mcp_core::{Server, Transport};
use mcp_http::{Body, HttpConfig, HttpService};
use tokio::{
    net::{TcpListener, TcpStream, ToSocketAddrs},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use crate::{
    connection::Connections,
    cors,
    ready::Readiness,
    route::{self, Mount, Scrape},
    versions,
};

/// How long accepting pauses when the process is out of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves a server over HTTP on a TCP socket.
///
/// | path | |
/// |---|---|
/// | `/mcp` | the protocol ([`HttpService`]) |
/// | `/rpc` | the same for callers that know nothing of MCP ([`HttpService::json_rpc`]) |
/// | `/sse`, `/messages` | HTTP+SSE, if it is [turned on](Self::legacy_sse) |
/// | `/health` | 200 on GET and HEAD as long as the process serves |
/// | `/metrics` | what [`Self::metrics`] writes down, if it is set |
/// | `/ready` | 200 while all packs can serve, 503 while one cannot or the listener is about to stop |
///
/// On shutdown it calls itself not ready and goes on for the drain delay, then stops accepting,
/// lets calls in flight finish for up to the grace period, and ends streams that would never end.
pub struct HttpTransport {
    listener: TcpListener,
    config: HttpConfig,
    path: Option<Arc<str>>,
    mounts: Vec<Mount>,
    legacy_sse: bool,
    grace: Duration,
    drain_delay: Duration,
    max_connections: usize,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    metrics: Option<Scrape>,
    #[cfg(feature = "tls")]
    tls: Option<crate::Tls>,
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("listener", &self.listener)
            .field("path", &self.path)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl HttpTransport {
    /// Listens on an address; port 0 takes a free port, which [`Self::local_addr`] tells.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved or is in use.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Ok(Self::new(TcpListener::bind(address).await?))
    }

    /// Serves on a socket that listens already, such as one that a service manager passes on.
    ///
    /// # Errors
    ///
    /// When the socket cannot be made non-blocking.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self::new(TcpListener::from_std(listener)?))
    }

    fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            config: HttpConfig::new(),
            path: Some("/mcp".into()),
            mounts: Vec::new(),
            legacy_sse: false,
            grace: Duration::from_secs(25),
            drain_delay: Duration::ZERO,
            max_connections: 10_000,
            header_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            write_timeout: Duration::from_secs(60),
            metrics: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The address that clients connect to.
    ///
    /// # Errors
    ///
    /// When the operating system does not tell.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Sets what the protocol's endpoint accepts. Its shutdown token is set by [`Self::serve`].
    ///
    /// [`Self::serve`]: Transport::serve
    #[must_use]
    pub fn config(mut self, config: HttpConfig) -> Self {
        self.config = config;
        self
    }

    /// Answers `GET /metrics` with what this closure writes down, to whoever may call the server.
    #[must_use]
    pub fn metrics(mut self, scrape: impl Fn() -> String + Send + Sync + 'static) -> Self {
        self.metrics = Some(Arc::new(scrape));
        self
    }

    /// Serves over TLS alone.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: crate::Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the path of the protocol's endpoint; `/mcp` by default. A trailing slash makes no
    /// difference.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = Some(route::absolute(path).into());
        self
    }

    /// Serves nothing but `/health` and what is [mounted](Self::mount).
    #[must_use]
    pub fn only_mounts(mut self) -> Self {
        self.path = None;
        self
    }

    /// Serves something else on a path of its own, such as the upgrade to a WebSocket. A trailing
    /// slash makes no difference.
    ///
    /// Where the service answers with [`SwitchProtocols`](mcp_http::SwitchProtocols) in the
    /// response's extensions, the connection goes on as that; limits and draining hold for it as they
    /// do for HTTP. HTTP/2 connections cannot be upgraded.
    #[must_use]
    pub fn mount<S>(mut self, path: &str, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        self.mounts.push(Mount::new(path, service));
        self
    }

    /// Also serves HTTP+SSE, the transport of 2024-11-05, on `/sse` and `/messages`.
    ///
    /// **Deprecated** by every later revision of the protocol, and off by default: for clients that
    /// know nothing else. `POST /sse` is Streamable HTTP, as `/mcp` is. See
    /// [`SseService`](mcp_http::SseService).
    #[must_use]
    pub fn legacy_sse(mut self, on: bool) -> Self {
        self.legacy_sse = on;
        self
    }

    /// Sets how long calls in flight may go on after shutdown began; 25 s by default, which is
    /// within the 30 s that Amazon ECS and Kubernetes leave between SIGTERM and SIGKILL.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets for how long the listener goes on as ever once it is told to stop, but for `/ready`,
    /// which answers 503; not at all by default. It gives a load balancer that takes notice of
    /// that, or of the stop itself, the time to send requests elsewhere (Kubernetes: 5 to 10 s).
    /// The grace period begins afterwards.
    #[must_use]
    pub fn drain_delay(mut self, delay: Duration) -> Self {
        self.drain_delay = delay;
        self
    }

    /// Sets how many connections are served at once; 10,000 by default. More wait in the
    /// operating system's queue until one ends.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use]
    #[track_caller]
    pub fn max_connections(mut self, connections: usize) -> Self {
        assert!(connections > 0, "a server without connections serves nobody");
        self.max_connections = connections.min(Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how long the first request's head may take to arrive; 30 s by default.
    #[must_use]
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.header_timeout = timeout;
        self
    }

    /// Sets after how long without a new request a connection is closed, at the earliest; 90 s by
    /// default. It has to be longer than the idle timeout of a load balancer in front (60 s for
    /// an Application Load Balancer), which otherwise sends requests into closed connections.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets how long a client may take none of what it is sent; 60 s by default. Then its connection
    /// is dropped and its calls are cancelled; in HTTP/2, where it takes nothing of one stream alone,
    /// that stream. One that reads slowly, but reads, is not affected.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }
}

impl Transport for HttpTransport {
    type Error = io::Error;

    fn serve(
        self,
        server: Server,
        shutdown: CancellationToken,
    ) -> impl Future<Output = io::Result<()>> + Send {
        // The code of all connections is compiled with this crate, once, and not with each program that serves.
        let serving: Pin<Box<dyn Future<Output = io::Result<()>> + Send>> =
            Box::pin(self.accept_all(server, shutdown));
        serving
    }
}

impl HttpTransport {
    async fn accept_all(self, server: Server, shutdown: CancellationToken) -> io::Result<()> {
        let tasks = TaskTracker::new();
        let (drain, stop) = (CancellationToken::new(), CancellationToken::new());
        let leaving = shutdown.child_token();
        // Aborted with this future.
        #[cfg(feature = "tls")]
        let mut fresh = tokio::task::JoinSet::new();
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            fresh.spawn(tls.clone().keep_fresh());
        }
        let config = self.config.shutdown(drain.clone());
        let service = HttpService::new(server.clone(), config.clone());
        let mut mounts = self.mounts;
        if self.path.is_some() {
            mounts.push(Mount::new("/rpc", service.json_rpc()));
        }
        if self.legacy_sse {
            let sse = service.sse("/messages");
            mounts.push(Mount::new("/sse", sse.clone()));
            mounts.push(Mount::new("/messages", sse));
        }
        let connections = Arc::new(Connections {
            http: versions::builder(self.write_timeout),
            path: self.path,
            cors: cors::layer(&config),
            metrics: self.metrics,
            readiness: Arc::new(Readiness::new(server, leaving)),
            #[cfg(feature = "tls")]
            names_clients: self
                .tls
                .as_ref()
                .is_some_and(|tls| tls.names_clients(config.has_authentication())),
            #[cfg(feature = "tls")]
            tls: self.tls,
            mounts: mounts.into(),
            service,
            header_timeout: self.header_timeout,
            idle_timeout: self.idle_timeout,
            write_timeout: self.write_timeout,
            drain: drain.clone(),
            stop: stop.clone(),
        });
        // Dropping this future ends every connection.
        let (draining, stopping) = (drain.drop_guard(), stop.drop_guard());

        let places = Arc::new(Semaphore::new(self.max_connections));
        let serve = |stream: TcpStream, place: Option<OwnedSemaphorePermit>| {
            // Without it every event and every second response on a connection waits for the
            // client's delayed acknowledgement. An error means that the client is gone.
            let _ = stream.set_nodelay(true);
            let connections = Arc::clone(&connections);
            tasks.spawn(async move {
                connections.serve(stream).await;
                drop(place);
            });
        };
        let stop_accepting = async {
            shutdown.cancelled().await;
            tokio::time::sleep(self.drain_delay).await;
        };
        let mut stop_accepting = pin!(stop_accepting);
        loop {
            let next = async {
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (accept(&self.listener).await, place)
            };
            tokio::select! {
                biased;
                () = &mut stop_accepting => break,
                (stream, place) = next => serve(stream, place),
            }
        }
        // Those whom the operating system has accepted meanwhile would be reset.
        while let Ok(place) = Arc::clone(&places).try_acquire_owned()
            && let Some(Ok((stream, _))) = self.listener.accept().now_or_never()
        {
            serve(stream, Some(place));
        }

        drop(self.listener);
        drop(draining);
        tasks.close();
        let in_flight = tasks.len();
        if tokio::time::timeout(self.grace, tasks.wait()).await.is_err() {
            tracing::warn!(
                connections = tasks.len(),
                of = in_flight,
                "calls still in flight after the grace period are dropped"
            );
            drop(stopping);
            tasks.wait().await;
        }
        Ok(())
    }
}

/// The next connection, however long it takes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        let error = match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => error,
        };
        match error.kind() {
            // Of one client that was gone before it was served.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted => {}
            _ => {
                tracing::warn!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
