//! HTTP+SSE, the transport of 2024-11-05, which later revisions deprecate.

mod sessions;
mod stream;
mod wire;

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Extensions, Method, Request, Response, request::Parts};
use http_body::Body as HttpBody;
use mcp_core::{ErrorKind, Principal, RpcError};
use tokio::time::timeout;

use self::{sessions::Sessions, stream::SessionStream};
use crate::{Body, HttpService, headers::SESSION_ID, reply};

pub(crate) use self::stream::SessionStream as Stream;

/// The transport HTTP+SSE of 2024-11-05, beside the service that it was made of
/// ([`HttpService::sse`]).
///
/// | request | answer |
/// |---|---|
/// | `GET /sse` | a stream of events, the first of which tells where to send messages |
/// | `POST /messages?sessionId=…` | 202; what there is to say comes on the stream |
/// | `POST /sse` | Streamable HTTP, as the service itself answers it |
///
/// A session lives as long as its stream. There are as many at most as
/// [`HttpConfig::max_sessions`](crate::HttpConfig::max_sessions) says; without a message in either
/// direction they end as [`HttpConfig::session_idle`](crate::HttpConfig::session_idle) says; and to
/// anybody else than who opened it, a session is not there.
#[derive(Clone)]
pub struct SseService {
    http: HttpService,
    sessions: Arc<Sessions>,
    messages: Arc<str>,
}

/// A response on its way.
pub type SseFuture = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl fmt::Debug for SseService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseService").field("messages", &self.messages).finish_non_exhaustive()
    }
}

impl SseService {
    pub(crate) fn new(http: HttpService, messages: &str) -> Self {
        let sessions = Arc::new(Sessions::new(http.config().max_sessions));
        Self { http, sessions, messages: messages.into() }
    }

    /// Answers one HTTP request: [`tower::Service::call`] through a shared reference.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: HttpBody,
    {
        if request.uri().path().trim_end_matches('/') == &*self.messages {
            let (parts, body) = request.into_parts();
            return self.accept(&parts, body).await.unwrap_or_else(refused);
        }
        // Streamable HTTP has streams on GET, too.
        if *request.method() == Method::GET && !request.headers().contains_key(SESSION_ID) {
            return self.open(request.into_parts().0).unwrap_or_else(refused);
        }
        let Ok(response) = self.http.respond(request).await;
        response
    }

    /// Opens a session.
    fn open(&self, parts: Parts) -> Result<Response<Body>, RpcError> {
        let config = self.http.config();
        config.admits(&parts.uri, &parts.headers)?;
        let (place, messages) = self.sessions.open(caller(&parts.extensions)).ok_or_else(|| {
            tracing::warn!(limit = config.max_sessions, "a session was refused: too many are open");
            RpcError::new(ErrorKind::Overloaded, "too many sessions are open; try again later")
        })?;
        let endpoint = format!("{}?sessionId={}", self.messages, place.id());
        let stream = SessionStream::open(
            self.http.server().clone(),
            config,
            &endpoint,
            messages,
            place,
            parts.extensions,
        );
        Ok(reply::events(Body::session(stream)))
    }

    /// Hands a message to its session.
    async fn accept<B: HttpBody>(
        &self,
        parts: &Parts,
        body: B,
    ) -> Result<Response<Body>, RpcError> {
        let config = self.http.config();
        config.admits(&parts.uri, &parts.headers)?;
        if parts.method != Method::POST {
            let message = "send messages with POST";
            return Err(RpcError::new(ErrorKind::MethodNotAllowed, message));
        }
        let text = self.http.read(&parts.headers, body).await?;
        let session = session_id(parts.uri.query()).ok_or_else(|| {
            let message = format!("`{}` lacks the parameter `sessionId`", self.messages);
            RpcError::new(ErrorKind::InvalidRequest, message)
        })?;
        let caller = caller(&parts.extensions);
        let session = self.sessions.find(session, caller.as_ref()).ok_or_else(|| {
            let message = "the session does not exist, or no longer; open one with GET";
            RpcError::new(ErrorKind::SessionNotFound, message)
        })?;
        // A session has no room while its client does not read.
        match timeout(config.read_timeout, session.send(text)).await {
            Ok(_) => Ok(reply::accepted()),
            Err(_) => {
                let message = "the session has too much to do; read its stream, and try again";
                Err(RpcError::new(ErrorKind::Overloaded, message))
            }
        }
    }
}

impl<B> tower::Service<Request<B>> for SseService
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = SseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> SseFuture {
        let this = self.clone();
        Box::pin(async move { Ok(this.respond(request).await) })
    }
}

fn refused(error: RpcError) -> Response<Body> {
    reply::refusal(None, error)
}

fn caller(extensions: &Extensions) -> Option<Arc<str>> {
    extensions.get::<Principal>().map(|principal| principal.subject().into())
}

/// The value of `sessionId` in a query.
fn session_id(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("sessionId="))
}
