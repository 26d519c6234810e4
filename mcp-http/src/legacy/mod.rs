//! Legacy sessions over HTTP: `Mcp-Session-Id`, the `GET` stream, and streams that a client can come
//! back to.

mod budget;
mod reading;
mod session;
mod sessions;
mod shared;
mod stream;

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Response, StatusCode, request::Parts};
use mcp_core::{
    Deadline, ErrorKind, Message, Principal, Request, RequestId, RpcError, Server, TraceContext,
    sessions::SessionRecord,
};

pub(crate) use self::reading::Reading;
use self::{
    session::{Answer, Session},
    sessions::{Refusal, Sessions},
    shared::SharedStore,
    stream::parse,
};
use crate::{Body, HttpConfig, headers::SESSION_ID, reply};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// All legacy sessions of a service. They end when it is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Legacy {
    sessions: Arc<Sessions>,
    /// Whether a session has nothing but its store: each of its requests may be another process's.
    is_brief: bool,
}

impl Legacy {
    pub(crate) fn new(config: &HttpConfig) -> Self {
        let store = config.session_store.clone();
        let store = store.map(|store| SharedStore::new(store, config.session_idle));
        let (limit, idle, is_brief) = (config.max_sessions, config.session_idle, config.stateless);
        Self { sessions: Sessions::new(limit, idle, store, is_brief), is_brief }
    }

    /// Whether there is a stream of a session that belongs to no request.
    pub(crate) fn has_common_stream(&self, parts: &Parts) -> bool {
        !self.is_brief || parts.method != Method::GET || parts.headers.contains_key(LAST_EVENT_ID)
    }

    /// Whether other replicas have a part in the sessions. Then [`Self::admit`] comes before each use
    /// of one.
    pub(crate) fn is_shared(&self) -> bool {
        self.sessions.store().is_some()
    }

    /// Makes sure that what is in memory of a session is what there is: takes it over from another
    /// replica, or gives it up if it was ended at one.
    pub(crate) async fn admit(
        &self,
        parts: &Parts,
        id: Option<&RequestId>,
        server: &Server,
    ) -> Result<(), Box<Response<Body>>> {
        let Some(store) = self.sessions.store() else { return Ok(()) };
        let Some(Ok(session)) = parts.headers.get(SESSION_ID).map(HeaderValue::to_str) else {
            return Ok(());
        };
        let caller = parts.extensions.get::<Principal>().map(Principal::subject);
        match self.sessions.owns(session, caller) {
            Some(true) => {
                // Without the store, what is here goes on.
                if let Ok(false) = store.touch(session).await {
                    self.sessions.close(session);
                }
                return Ok(());
            }
            Some(false) => return Ok(()),
            None => {}
        }
        let record = match store.load(session).await {
            Ok(Some(record)) if record.owner.as_deref() == caller => record,
            // It is not there, or not for this caller.
            Ok(_) => return Ok(()),
            Err(_) => return Err(Box::new(unavailable(id))),
        };
        let Ok(Message::Request(initialize)) = Message::parse(record.initialize) else {
            tracing::error!("the store of sessions holds what is no session");
            return Ok(());
        };
        let taken = server.open_session(&initialize).map_err(Refusal::Failed);
        let taken = taken.and_then(|legacy| {
            self.sessions.insert(&session.into(), legacy, record.owner).map(drop)
        });
        taken.map_err(|refusal| Box::new(self.refuse(id, refusal)))
    }

    /// As [`Self::open`], and tells the other replicas.
    pub(crate) async fn open_shared(
        &self,
        parts: &Parts,
        request: Request,
        server: &Server,
        config: &HttpConfig,
    ) -> Response<Body> {
        let owner = parts.extensions.get::<Principal>().map(|caller| caller.subject().into());
        let initialize = String::from_utf8_lossy(request.text()).into_owned();
        let id = request.id().clone();
        let response = self.open(parts, request, server, config);
        let opened = response.headers().get(SESSION_ID).map(HeaderValue::to_str);
        let (Some(store), Some(Ok(session))) = (self.sessions.store(), opened) else {
            return response;
        };
        if store.save(session, &SessionRecord { initialize, owner }).await.is_err() {
            self.sessions.close(session);
            return unavailable(Some(&id));
        }
        response
    }

    /// As [`Self::serve`], also for what other replicas have said, and tells them of an end.
    pub(crate) async fn serve_shared(&self, parts: &Parts, config: &HttpConfig) -> Response<Body> {
        let Some((id, session)) = self.session(parts) else {
            return not_found(None);
        };
        if parts.method == Method::DELETE {
            if let Some(store) = self.sessions.store()
                && store.delete(id).await.is_err()
            {
                return unavailable(None);
            }
            return self.delete(parts);
        }
        let last = parts.headers.get(LAST_EVENT_ID).and_then(|last| parse(last.to_str().ok()?));
        if let Some((stream, event)) = last
            && !session.has_stream(stream)
            && let Some(stream) = {
                let until = parts.extensions.get::<Deadline>().map(|deadline| deadline.0);
                session.resume_shared(stream, event, until).await
            }
        {
            let until = Some(config.shutdown.clone());
            let reading = Reading::new(session, stream, config.keep_alive, until);
            return reply::events(Body::reading(reading));
        }
        self.get(parts, config)
    }

    fn refuse(&self, id: Option<&RequestId>, refusal: Refusal) -> Response<Body> {
        match refusal {
            Refusal::Failed(error) => reply::refusal(id, error),
            Refusal::Full => {
                let limit = self.sessions.limit();
                tracing::warn!(limit, "a session was refused: too many are open");
                let message = "too many sessions are open; try again later";
                reply::refusal(id, RpcError::new(ErrorKind::Overloaded, message))
            }
        }
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
            Err(refusal) => self.refuse(Some(request.id()), refusal),
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
            Message::Response(response) if !session.legacy().accept(&response) => {
                tracing::debug!("a client has answered what nobody waits for");
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

fn unavailable(id: Option<&RequestId>) -> Response<Body> {
    let message = "the store of sessions cannot be reached; try again later";
    reply::refusal(id, RpcError::new(ErrorKind::Overloaded, message))
}

fn not_found(id: Option<&RequestId>) -> Response<Body> {
    let message = "the session does not exist, or no longer; start one with `initialize`";
    reply::refusal(id, RpcError::new(ErrorKind::SessionNotFound, message))
}
