use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, Request, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use mcp_connection::serve_connection;
use mcp_core::Server;
use mcp_http::{Body, HttpService, SwitchProtocols};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::{WebSocketConfig, handshake, socket::Socket};

/// Serves a [`Server`] over WebSockets: a `tower` service for the path at which clients connect.
///
/// It checks the upgrade request as the HTTP transport checks its own, who is calling included, and
/// answers it. Whoever calls
/// it must run the [`SwitchProtocols`] that it leaves in the extensions of a `101` response, once
/// that is sent: this is when the connection is served. What outer layers have put into the request's
/// extensions, such as the [`Principal`](mcp_core::Principal), holds for every message.
///
/// ```no_run
/// use mcp_core::{Server, Transport as _};
/// use mcp_transport_sse::HttpTransport;
/// use mcp_transport_ws::{WebSocketConfig, WebSocketService};
/// use tokio_util::sync::CancellationToken;
///
/// # async fn run() -> std::io::Result<()> {
/// let server = Server::builder("hello", "1.0").build();
/// let sockets = WebSocketService::new(server.clone(), WebSocketConfig::new());
/// let transport = HttpTransport::bind("127.0.0.1:8000").await?.mount("/ws", sockets);
/// transport.serve(server, CancellationToken::new()).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WebSocketService {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Server,
    config: WebSocketConfig,
    /// Who may connect is asked as HTTP asks it.
    door: HttpService,
}

/// A response on its way.
pub type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl WebSocketService {
    /// Serves `server` over WebSockets.
    pub fn new(server: Server, config: WebSocketConfig) -> Self {
        let door = HttpService::new(server.clone(), config.http.clone());
        Self { inner: Arc::new(Inner { server, config, door }) }
    }

    /// Answers one upgrade request: [`tower::Service::call`] through a shared reference.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body> {
        let mut request = match self.inner.door.admit(request).await {
            Ok(request) => request,
            Err(refusal) => return *refusal,
        };
        let mut response = match handshake::answer(&request) {
            Ok(response) => response,
            Err(refusal) => return refusal,
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let (mut parts, _) = request.into_parts();
        let extensions = std::mem::take(&mut parts.extensions);
        let inner = Arc::clone(&self.inner);
        response.extensions_mut().insert(SwitchProtocols::new(move |shutdown| {
            serve_upgraded(inner, upgrade, extensions, shutdown)
        }));
        response
    }
}

/// Boxed here, the code of the connection is compiled with this crate, and not with each that answers
/// with the service.
fn serve_upgraded(
    inner: Arc<Inner>,
    upgrade: OnUpgrade,
    extensions: Extensions,
    shutdown: CancellationToken,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        match upgrade.await {
            Ok(stream) => {
                let stream = TokioIo::new(stream);
                let Inner { server, config, .. } = &*inner;
                serve_websocket(server.clone(), stream, config, extensions, shutdown).await;
            }
            Err(error) => tracing::debug!(%error, "the client is gone before its upgrade"),
        }
    })
}

impl<B: Send + 'static> tower::Service<Request<B>> for WebSocketService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let this = self.clone();
        Box::pin(async move { Ok(this.respond(request).await) })
    }
}

/// Serves one WebSocket whose handshake is done, until its client is gone or `shutdown` is
/// cancelled; in the latter case once the calls in flight are finished (see
/// [`WebSocketConfig::grace`]).
///
/// `extensions` become those of every request. Of `config` only the limits count: who may connect has
/// been decided. Dropping the future cancels the calls in flight. Needs a `tokio` runtime with time
/// enabled.
pub async fn serve_websocket<S>(
    server: Server,
    stream: S,
    config: &WebSocketConfig,
    extensions: Extensions,
    shutdown: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut socket = Socket::accept(stream, config.max_message, config.ping).await;
    let options = config.connection.clone();
    let served = serve_connection(server, &mut socket, options, extensions, shutdown).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a WebSocket broke");
        return;
    }
    socket.close().await;
}
