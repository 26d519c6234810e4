//! Legacy sessions over HTTP: `Mcp-Session-Id`, the `GET` stream, and streams that a client can come
//! back to.

mod budget;
mod reading;
mod session;
mod sessions;
mod stream;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, request::Parts};
use mcp_core::{ErrorKind, Message, Principal, Request, RequestId, RpcError, Server, TraceContext};

pub(crate) use self::reading::Reading;
use self::{
    session::{Answer, Session},
    sessions::{Refusal, Sessions},
    stream::parse,
};
use crate::{Body, HttpConfig, headers::SESSION_ID, reply};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// All legacy sessions of a service. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Legacy {
    sessions: Arc<Sessions>,
}

impl Legacy {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        Self { sessions: Sessions::new(config.max_sessions, config.session_idle) }
    }

    /// Answers `initialize`, which opens a session.
    pub(crate) fn open(
        &self,
        parts: &Parts,
        request: Request,
        server: &Server,
        config: &HttpConfig,
    ) -> Response<Body> {
        let owner = parts.extensions.get::<Principal>().map(|caller| caller.subject().into());
        match self.sessions.open(owner, || server.open_session(&request)) {
            Ok((id, session)) => {
                let mut response = respond(&session, parts, request, config);
                // It is made of hexadecimal digits.
                if let Ok(id) = HeaderValue::from_str(&id) {
                    response.headers_mut().insert(SESSION_ID, id);
                }
                response
            }
            Err(Refusal::Failed(error)) => reply::refusal(Some(request.id()), error),
            Err(Refusal::Full) => {
                let limit = self.sessions.limit();
                tracing::warn!(limit, "a session was refused: too many are open");
                let message = "too many sessions are open; try again later";
                let error = RpcError::new(ErrorKind::Overloaded, message);
                reply::refusal(Some(request.id()), error)
            }
        }
    }

    /// Takes a message that names a session.
    pub(crate) fn post(
        &self,
        parts: &Parts,
        message: Message,
        config: &HttpConfig,
    ) -> Response<Body> {
        let Some((_, session)) = self.session(parts) else {
            let id =
                if let Message::Request(request) = &message { Some(request.id()) } else { None };
            return not_found(id);
        };
        match message {
            Message::Request(request) => return respond(&session, parts, request, config),
            Message::Notification(notification) => session.hear(&notification),
            Message::Response(response) => {
                if !session.legacy().accept(&response) {
                    tracing::debug!("a client has answered what nobody waits for");
                }
            }
            _ => {}
        }
        reply::accepted()
    }

    /// Begins to read the stream of a session, or goes on with one of its streams.
    pub(crate) fn get(&self, parts: &Parts, config: &HttpConfig) -> Response<Body> {
        let Some((_, session)) = self.session(parts) else {
            return not_found(None);
        };
        let stream = match parts.headers.get(LAST_EVENT_ID) {
            None => Some(session.listen()),
            Some(last) => last
                .to_str()
                .ok()
                .and_then(parse)
                .and_then(|(stream, event)| session.resume(stream, event)),
        };
        let Some(stream) = stream else {
            // A stream that ends at once has the client begin anew.
            return reply::events(Body::empty());
        };
        let until = Some(config.shutdown.clone());
        reply::events(Body::reading(Reading::new(session, stream, config.keep_alive, until)))
    }

    /// Ends a session.
    pub(crate) fn delete(&self, parts: &Parts) -> Response<Body> {
        let Some((id, _)) = self.session(parts) else {
            return not_found(None);
        };
        self.sessions.close(id);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    }

    /// Answers a `GET` or a `DELETE`.
    pub(crate) fn serve(&self, parts: &Parts, config: &HttpConfig) -> Response<Body> {
        if parts.method == Method::DELETE { self.delete(parts) } else { self.get(parts, config) }
    }

    fn session<'a>(&self, parts: &'a Parts) -> Option<(&'a str, Arc<Session>)> {
        let id = parts.headers.get(SESSION_ID)?.to_str().ok()?;
        let caller = parts.extensions.get::<Principal>().map(Principal::subject);
        Some((id, self.sessions.get(id, caller)?))
    }
}

fn respond(
    session: &Arc<Session>,
    parts: &Parts,
    mut request: Request,
    config: &HttpConfig,
) -> Response<Body> {
    if !parts.extensions.is_empty() {
        request.extensions_mut().extend(parts.extensions.clone());
    }
    if let Some(trace) = TraceContext::from_headers(&parts.headers) {
        request.extensions_mut().insert(trace);
    }
    match session.answer(request) {
        // Whatever it says: to a client, a status of 404 means that the session is gone.
        Answer::Now(response) => reply::json_with_status(StatusCode::OK, response.into_bytes()),
        Answer::Stream(stream, reader) => {
            let session = Arc::clone(session);
            let reading = Reading::new(session, (stream, reader), config.keep_alive, None);
            reply::events(Body::reading(reading))
        }
    }
}

fn not_found(id: Option<&RequestId>) -> Response<Body> {
    let message = "the session does not exist, or no longer; start one with `initialize`";
    reply::refusal(id, RpcError::new(ErrorKind::SessionNotFound, message))
}
