//! One call, from its request to the last message that it sends.

use std::{
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::Extensions;
use lambda_runtime::Diagnostic;
use mcp_core::{
    Encoded, Era, ErrorKind, LegacySession, Message, Method, Reply, ReplyPart, Request, RequestId,
    ResponseLimit, RpcError, SessionSettings,
    connections::{ConnectionAddress, ConnectionChange, ConnectionRecord, LeftMessage, PostError},
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    message::{answer_key, cancel_key, failure, is_too_large},
    within,
};
use crate::{config::Connections, function::Inner, shape::Shape};

/// How often the store is asked for a client's answer.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(250);
/// How often it is asked whether the call is cancelled, or its client gone. Most calls are over by
/// then and cost no look.
const LOOK_FOR_END: Duration = Duration::from_secs(1);

/// How long the gateway may take for a message, what it is tried again included.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Call<'a> {
    pub(super) inner: &'a Inner,
    pub(super) connections: &'a Connections,
    pub(super) address: &'a ConnectionAddress,
    /// What the request is told about its invocation.
    pub(super) facts: Extensions,
    /// When the call is given up, if it has not ended by itself.
    pub(super) ends_at: Instant,
}

/// Why a call goes no further.
enum Stop {
    /// Its client is gone, and the connection removed.
    Gone,
    /// Its client wants no answer any more.
    Cancelled,
    /// Its client is told this instead.
    Refuse(RpcError),
    /// Its client cannot be told.
    Failed(Diagnostic),
}

/// A legacy session, and what it had agreed on before the call.
struct Session {
    session: LegacySession,
    before: SessionSettings,
    /// The `initialize` request, if the call is it.
    initialize: Option<Bytes>,
}

impl Call<'_> {
    /// Answers a request.
    pub(super) async fn answer(&self, request: Request) -> Result<(), Diagnostic> {
        let id = request.id().clone();
        let error = match self.run(request).await {
            Ok(()) | Err(Stop::Gone | Stop::Cancelled) => return Ok(()),
            Err(Stop::Failed(diagnostic)) => return Err(diagnostic),
            Err(Stop::Refuse(error)) => error,
        };
        self.post_last(Encoded::refusal(Some(&id), error).into_bytes()).await
    }

    async fn run(&self, mut request: Request) -> Result<(), Stop> {
        let record = self.load().await?;
        let session = self.session(&request, &record)?;
        let id = request.id().clone();

        let extensions = request.extensions_mut();
        extensions.extend(self.facts.clone());
        let (limit, carrier) = (Shape::WebSocketApi.payload_limit(), Shape::WebSocketApi.carrier());
        extensions.insert(ResponseLimit::new(limit, carrier));
        if let Some(principal) = record.principal {
            extensions.insert(principal);
        }
        let mut reply = match &session {
            Some(Session { session, .. }) => session.call(request),
            None => self.inner.server.call(request),
        };
        let response = self.drive(&mut reply, &id, session.as_ref()).await?;
        drop(reply);

        if let Some(session) = &session {
            // The client's next message may be another process's, and comes once this is answered.
            self.keep(session).await?;
        }
        self.post(response).await?;
        if let Some(Session { session, .. }) = &session {
            self.post_changes(session).await?;
        }
        Ok(())
    }

    async fn load(&self) -> Result<ConnectionRecord, Stop> {
        match within(self.connections.store.load(&self.address.connection)).await {
            Ok(Some(record)) => Ok(record),
            Ok(None) => {
                let message = "the server does not know this connection any more; connect again";
                Err(Stop::Refuse(RpcError::new(ErrorKind::SessionNotFound, message)))
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// The session that a request belongs to, which `initialize` opens.
    fn session(
        &self,
        request: &Request,
        record: &ConnectionRecord,
    ) -> Result<Option<Session>, Stop> {
        if request.era() == Era::Modern {
            return Ok(None);
        }
        let server = &self.inner.server;
        if *request.method() == Method::Initialize {
            let session = server.open_session(request).map_err(Stop::Refuse)?;
            session.resume(&record.settings);
            let initialize = Some(request.text().clone());
            return Ok(Some(Session { session, before: record.settings.clone(), initialize }));
        }
        let Some(initialize) = &record.initialize else { return Ok(None) };
        let session = match Message::parse(initialize.clone()) {
            Ok(Message::Request(initialize)) => server.open_session(&initialize),
            _ => return Err(unavailable(&"what opened the session is no request")),
        };
        let session = session.map_err(Stop::Refuse)?;
        session.resume(&record.settings);
        Ok(Some(Session { session, before: record.settings.clone(), initialize: None }))
    }

    /// Does the call's work, and posts what it says before its response.
    async fn drive(
        &self,
        reply: &mut Reply,
        id: &RequestId,
        session: Option<&Session>,
    ) -> Result<Bytes, Stop> {
        let mut look_at = Instant::now() + LOOK_FOR_END;
        loop {
            let part = tokio::select! {
                biased;
                part = reply.next() => part,
                () = sleep_until(look_at) => {
                    look_at = Instant::now() + self.look(id, session).await?;
                    continue;
                }
                () = sleep_until(self.ends_at) => {
                    tracing::warn!("a call was not over before the end of its invocation");
                    let message = "the request was cancelled: a call through a WebSocket API has \
                                   29 s at most, the user's answers included";
                    let error = RpcError::new(ErrorKind::DeadlineExceeded, message);
                    return Err(Stop::Refuse(error));
                }
            };
            match part {
                Some(ReplyPart::Notification(notification)) => {
                    self.post_notification(notification.to_bytes().into()).await?;
                }
                Some(ReplyPart::Request(question)) => {
                    self.post_question(question).await?;
                    look_at = look_at.min(Instant::now() + LOOK_FOR_ANSWER);
                }
                // The connection carries everything.
                Some(ReplyPart::CloseStream) => {}
                Some(ReplyPart::Response(response)) => return Ok(response.into_bytes()),
                None => return Err(Stop::Cancelled),
            }
        }
    }

    /// Looks for what other processes have received for this call. When to look again.
    async fn look(&self, id: &RequestId, session: Option<&Session>) -> Result<Duration, Stop> {
        let questions = session.map(|session| session.session.open_questions());
        let questions = questions.unwrap_or_default();
        let pause = if questions.is_empty() { LOOK_FOR_END } else { LOOK_FOR_ANSWER };
        // A call that asks more at once hears of the rest the next time.
        let answers = questions.into_iter().take(50).map(answer_key);
        let keys: Vec<String> = cancel_key(id).into_iter().chain(answers).collect();
        let found = self.connections.store.collect(&self.address.connection, &keys);
        match within(found).await {
            Ok(Some(found)) => {
                for LeftMessage { key, message } in found {
                    if key.starts_with("cancel#") {
                        tracing::debug!("a call is cancelled");
                        return Err(Stop::Cancelled);
                    }
                    let message = Message::parse(message);
                    if let (Some(session), Ok(Message::Response(answer))) = (session, message) {
                        session.session.accept(&answer);
                    }
                }
            }
            Ok(None) => {
                tracing::debug!("a call's client is gone");
                return Err(Stop::Gone);
            }
            // The call itself needs nothing of the store.
            Err(error) => tracing::warn!(%error, "a call cannot hear of its cancellation"),
        }
        Ok(pause)
    }

    /// Keeps what the session has agreed on in this call.
    async fn keep(&self, session: &Session) -> Result<(), Stop> {
        let Session { session, before, initialize } = session;
        let after = session.settings();
        let mut changes = Vec::new();
        if let Some(initialize) = initialize {
            let text = std::str::from_utf8(initialize).unwrap_or_default();
            changes.push(ConnectionChange::Initialize(text));
        }
        if let Some(level) = after.log_level.filter(|_| after.log_level != before.log_level) {
            changes.push(ConnectionChange::SetLogLevel(level));
        }
        let (now, then) = (&after.subscriptions, &before.subscriptions);
        changes.extend(now.difference(then).map(|uri| ConnectionChange::Subscribe(uri)));
        changes.extend(then.difference(now).map(|uri| ConnectionChange::Unsubscribe(uri)));
        for change in changes {
            let changed = self.connections.store.change(&self.address.connection, change);
            match within(changed).await {
                Ok(true) => {}
                Ok(false) => return Err(Stop::Gone),
                Err(error) => return Err(unavailable(&error)),
            }
        }
        Ok(())
    }

    /// Tells the client what this call has changed that it hears of. Other clients' sessions are in no
    /// process now, and hear of nothing.
    async fn post_changes(&self, session: &LegacySession) -> Result<(), Stop> {
        let next = || session.poll_notification(&Context::from_waker(Waker::noop()));
        while let Poll::Ready(notification) = next() {
            self.post_notification(notification).await?;
        }
        Ok(())
    }

    /// A notification that gets lost is no reason to lose the result, too.
    async fn post_notification(&self, notification: Bytes) -> Result<(), Stop> {
        if is_too_large(&notification) {
            let bytes = notification.len();
            tracing::warn!(bytes, "a notification is too large for a WebSocket API and not sent");
            return Ok(());
        }
        match self.post(notification).await {
            Err(Stop::Failed(_)) => Ok(()),
            posted => posted,
        }
    }

    async fn post_question(&self, question: Bytes) -> Result<(), Stop> {
        if is_too_large(&question) {
            let limit = Shape::WebSocketApi.carrier();
            let message = format!("the tool asks its user with more than {limit} can hold");
            return Err(Stop::Refuse(RpcError::new(ErrorKind::ResponseTooLarge, message)));
        }
        self.post(question).await
    }

    /// Posts what nothing comes after.
    pub(super) async fn post_last(&self, message: Bytes) -> Result<(), Diagnostic> {
        match self.post(message).await {
            Err(Stop::Failed(diagnostic)) => Err(diagnostic),
            _ => Ok(()),
        }
    }

    async fn post(&self, message: Bytes) -> Result<(), Stop> {
        let posted = timeout(POST_TIMEOUT, self.connections.gateway.post(self.address, message));
        match posted.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(PostError::Gone)) => {
                tracing::debug!("a message's client is gone");
                let store = &self.connections.store;
                if let Err(error) = within(store.remove(&self.address.connection)).await {
                    // It expires by itself.
                    tracing::warn!(%error, "a closed connection is still in the store");
                }
                Err(Stop::Gone)
            }
            Ok(Err(PostError::Failed(error))) => Err(not_posted(error.to_string())),
            Err(_) => Err(not_posted(format!("there was no answer within {POST_TIMEOUT:?}"))),
        }
    }
}

fn not_posted(reason: String) -> Stop {
    Stop::Failed(failure("PostToConnection", reason))
}

/// What a client is told of a store that fails.
fn unavailable(error: &dyn std::fmt::Display) -> Stop {
    tracing::error!(%error, "a request cannot be served");
    let message = "the server cannot read the state of this connection at the moment; try again";
    Stop::Refuse(RpcError::new(ErrorKind::Overloaded, message))
}
