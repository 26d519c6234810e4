//! Legacy sessions: `rmcp`'s engine behind our own doors.

mod log;
mod sessions;
mod shared;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use mcp_core::{ErrorKind, LegacySession, Principal, RequestId, RpcError, Server};
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{
    sessions::{Admission, Sessions},
    shared::SharedStore,
};
use crate::{Body, HttpConfig, headers::SESSION_ID, reply};

/// All legacy sessions of a service. They end when it is dropped.
pub(crate) struct Engine {
    shared: Arc<Shared>,
    _end: DropGuard,
}

struct Shared {
    service: StreamableHttpService<LegacySession, Sessions>,
    sessions: Arc<Sessions>,
    shutdown: CancellationToken,
}

/// One HTTP exchange with the engine.
pub(crate) struct Exchange {
    id: Option<RequestId>,
    response: Pin<Box<dyn Future<Output = Response<Body>> + Send>>,
}

impl Exchange {
    pub(crate) fn id(&self) -> Option<&RequestId> {
        self.id.as_ref()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Future for Exchange {
    type Output = Response<Body>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        self.response.as_mut().poll(cx)
    }
}

impl Engine {
    pub(crate) fn new(server: &Server, config: &HttpConfig) -> Self {
        // Not the token of the configuration: that one lets calls in flight go on.
        let end = CancellationToken::new();
        let store = config.session_store.clone();
        let store = store.map(|store| SharedStore::new(store, config.session_idle));
        let sessions =
            Arc::new(Sessions::new(config.max_sessions, config.session_idle, store.clone()));
        // What the engine would check has been checked by the time it sees a request.
        let mut engine = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(usize::MAX)
            .with_sse_keep_alive(Some(config.keep_alive))
            // `Sessions` tells clients when to come back: not all take it.
            .with_sse_retry(None)
            .with_cancellation_token(end.clone());
        engine.session_store = store.map(|store| Arc::new(store) as _);
        let server = server.clone();
        let service = StreamableHttpService::new(
            move || Ok(server.legacy_session()),
            Arc::clone(&sessions),
            engine,
        );
        let shared = Shared { service, sessions, shutdown: config.shutdown.clone() };
        Self { shared: Arc::new(shared), _end: end.drop_guard() }
    }

    /// Hands a request to the engine. `id` is that of the request in `text`.
    pub(crate) fn exchange(&self, parts: Parts, text: Bytes, id: Option<RequestId>) -> Exchange {
        let shared = Arc::clone(&self.shared);
        let answered = id.clone();
        let response = Box::pin(async move { shared.respond(parts, text, answered).await });
        Exchange { id, response }
    }
}

impl Shared {
    async fn respond(
        &self,
        mut parts: Parts,
        text: Bytes,
        id: Option<RequestId>,
    ) -> Response<Body> {
        let session = parts.headers.get(SESSION_ID).cloned();
        let caller =
            parts.extensions.get::<Principal>().map(|principal| principal.subject().into());
        match session.as_ref().map(HeaderValue::to_str) {
            None if self.sessions.are_full().await => return self.overloaded(id.as_ref()),
            None => {}
            Some(Ok(session)) => match self.sessions.admit(session, caller.as_ref()).await {
                Admission::Granted => {}
                Admission::NotFound => return not_found(id.as_ref()),
                Admission::Full => return self.overloaded(id.as_ref()),
                Admission::Unknown => return unavailable(id.as_ref()),
            },
            Some(Err(_)) => return not_found(id.as_ref()),
        }
        let initialize = session.is_none().then(|| text.clone());
        // A GET stream ends only when told to, everything else when it is answered.
        let until = (parts.method == Method::GET).then(|| self.shutdown.clone());
        let ends_session = parts.method == Method::DELETE;

        // The engine wants these to the letter; what they say about this exchange is known.
        parts.headers.insert(header::ACCEPT, ACCEPT);
        parts.headers.insert(header::CONTENT_TYPE, JSON);
        if parts.uri.authority().is_none() && !parts.headers.contains_key(header::HOST) {
            parts.headers.insert(header::HOST, LOCALHOST);
        }
        let response = self.service.handle(Request::from_parts(parts, Full::new(text))).await;

        let (mut parts, body) = response.into_parts();
        if parts.status.is_success() {
            // It has ended, and is not about to, as the engine's 202 would have it.
            if ends_session {
                parts.status = StatusCode::NO_CONTENT;
            }
            if let Some(Ok(opened)) = parts.headers.get(SESSION_ID).map(HeaderValue::to_str)
                && !self.sessions.opened(opened, caller, initialize.as_deref()).await
            {
                return unavailable(id.as_ref());
            }
            return Response::from_parts(parts, Body::engine(body, until));
        }
        let is_json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == JSON);
        // The body is a text in memory and cannot fail.
        let text = body.collect().await.map(http_body_util::Collected::to_bytes);
        let text = text.unwrap_or_default();
        if is_json {
            return reply::json_with_status(parts.status, text);
        }
        self.refusal(parts.status, &text, session.as_ref(), id.as_ref()).await
    }

    /// The engine's errors in plain text, as JSON-RPC errors.
    async fn refusal(
        &self,
        status: StatusCode,
        text: &[u8],
        session: Option<&HeaderValue>,
        id: Option<&RequestId>,
    ) -> Response<Body> {
        let is_gone = match session.map(HeaderValue::to_str) {
            Some(Ok(session)) => !self.sessions.contains(session),
            Some(Err(_)) => true,
            None => false,
        };
        // A session may end between our look at it and its use.
        if status == StatusCode::NOT_FOUND || (status.is_server_error() && is_gone) {
            return not_found(id);
        }
        if status.is_server_error() {
            if session.is_none() && self.sessions.are_full().await {
                return self.overloaded(id);
            }
            return reply::refusal(id, RpcError::new(ErrorKind::Internal, "internal error"));
        }
        let kind = match status {
            StatusCode::METHOD_NOT_ALLOWED => ErrorKind::MethodNotAllowed,
            _ => ErrorKind::InvalidRequest,
        };
        let message = String::from_utf8_lossy(text).into_owned();
        reply::refusal(id, RpcError::new(kind, message))
    }

    fn overloaded(&self, id: Option<&RequestId>) -> Response<Body> {
        tracing::warn!(limit = self.sessions.limit(), "a session was refused: too many are open");
        let message = "too many sessions are open; try again later";
        reply::refusal(id, RpcError::new(ErrorKind::Overloaded, message))
    }
}

fn unavailable(id: Option<&RequestId>) -> Response<Body> {
    let message = "the store of sessions cannot be reached; try again later";
    reply::refusal(id, RpcError::new(ErrorKind::Overloaded, message))
}

fn not_found(id: Option<&RequestId>) -> Response<Body> {
    let message = "the session does not exist, or no longer; start one with `initialize`";
    reply::refusal(id, RpcError::new(ErrorKind::SessionNotFound, message))
}

const ACCEPT: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const LOCALHOST: HeaderValue = HeaderValue::from_static("localhost");
