use std::{pin::pin, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use mcp_core::Principal;
use mcp_http::HttpService;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tower_http::cors::CorsLayer;

use crate::{
    ready::Readiness,
    route::{Exchanges, Mount, Route, Scrape},
    versions::{self, Http},
    write_timeout::WriteTimeout,
};

/// What all connections of a listener have in common.
pub(crate) struct Connections {
    pub(crate) http: Http,
    pub(crate) path: Option<Arc<str>>,
    pub(crate) service: HttpService,
    pub(crate) mounts: Arc<[Mount]>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) cors: CorsLayer,
    pub(crate) metrics: Option<Scrape>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::Tls>,
    /// Whether a client's certificate says who is calling.
    #[cfg(feature = "tls")]
    pub(crate) names_clients: bool,
    pub(crate) header_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) write_timeout: Duration,
    /// Finish what is in flight.
    pub(crate) drain: CancellationToken,
    /// Stop, whatever is in flight.
    pub(crate) stop: CancellationToken,
}

impl Connections {
    /// Serves one connection to its end.
    ///
    /// One that has not brought a whole request after `header_timeout` is dropped. One that
    /// brings no further request for `idle_timeout` is closed once what it asked for is answered;
    /// since that is looked at once per timeout, it can take up to twice as long.
    pub(crate) async fn serve(&self, stream: TcpStream) {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let handshake =
                tokio::time::timeout(self.header_timeout, tls.acceptor().accept(stream));
            let stream = tokio::select! {
                stream = handshake => stream,
                () = self.drain.cancelled() => return,
            };
            // A client that does not get as far is told why by the handshake itself.
            let Ok(Ok(stream)) = stream else { return };
            let client = match self.names_clients.then(|| tls.client(stream.get_ref().1)) {
                None => None,
                Some(Ok(client)) => client,
                Some(Err(unnamed)) => {
                    tracing::warn!("{unnamed}");
                    return;
                }
            };
            return self.serve_stream(stream, client).await;
        }
        self.serve_stream(stream, None).await;
    }

    /// `client` is who is calling, where the connection itself tells.
    async fn serve_stream(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        client: Option<Principal>,
    ) {
        let exchanges = Arc::new(Exchanges::default());
        self.serve_http(stream, client, &exchanges).await;
        if let Some(switched) = exchanges.switched() {
            tokio::select! {
                () = switched.run(self.drain.child_token()) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    async fn serve_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        client: Option<Principal>,
        exchanges: &Arc<Exchanges>,
    ) {
        let route = Route {
            path: self.path.clone(),
            service: self.service.clone(),
            mounts: Arc::clone(&self.mounts),
            exchanges: Arc::clone(exchanges),
            client,
            readiness: Arc::clone(&self.readiness),
            cors: self.cors.clone(),
            metrics: self.metrics.clone(),
        };
        let stream = WriteTimeout::new(stream, self.write_timeout);
        let connection = versions::serve(&self.http, TokioIo::new(stream), route);
        let mut connection = pin!(connection);
        // A token of its own: all connections would fight for the lock of a shared one.
        let drain = self.drain.child_token();
        let mut drain = pin!(drain.cancelled());
        let mut timer = pin!(tokio::time::sleep(self.header_timeout));
        let mut seen = 0;
        loop {
            tokio::select! {
                biased;
                // An error is the client's, or of its network; there is nobody to tell.
                _ = connection.as_mut() => return,
                () = &mut drain => break,
                () = &mut timer => {
                    let now = exchanges.requests();
                    if now == 0 {
                        return;
                    }
                    if now == seen {
                        break;
                    }
                    seen = now;
                    timer.as_mut().reset(Instant::now() + self.idle_timeout);
                }
            }
        }
        if exchanges.requests() == 0 {
            return;
        }
        connection.as_mut().graceful_shutdown();
        #[cfg(feature = "http2")]
        let unread = exchanges.streams.ended(self.write_timeout);
        #[cfg(not(feature = "http2"))]
        let unread = std::future::pending();
        tokio::select! {
            _ = connection.as_mut() => {}
            () = self.stop.cancelled() => {}
            () = unread => {}
        }
    }
}
