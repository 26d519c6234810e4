use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_core::Stream;
use futures_util::StreamExt as _;
use mcp_core::{OpenStream, ResponseStream, SessionStream};
use rmcp::{
    model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage, ServerResult},
    transport::streamable_http_server::session::{
        ServerSseMessage, SessionId, SessionManager,
        local::{LocalSessionManager, LocalSessionManagerError},
    },
};
use tokio_util::sync::CancellationToken;

use super::log::EventLog;

/// The first revision whose clients expect an event without data at the start of a stream, which
/// tells them when to come back if it breaks. Earlier ones take it for malformed JSON.
const FIRST_WITH_PRIMING: &str = "2025-11-25";

/// The sessions that are open, up to a limit.
#[derive(Debug)]
pub(super) struct Sessions {
    local: LocalSessionManager,
    limit: usize,
    /// Held while a session is being opened, so that two cannot take the last place.
    opening: tokio::sync::Mutex<()>,
    log: Arc<EventLog>,
    facts: Mutex<HashMap<SessionId, Facts>>,
}

/// What the engine does not remember of a session.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Who opened it, where callers are known.
    owner: Option<Arc<str>>,
    takes_priming: bool,
    /// Which its client opens with GET.
    stream: SessionStream,
    ended: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SessionsError {
    #[error("too many sessions are open")]
    Full,
    #[error("the event belongs to no stream of the session")]
    UnknownEvent,
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

impl Sessions {
    pub(super) fn new(limit: usize, idle: Duration) -> Self {
        let log = Arc::new(EventLog::new(idle));
        let mut local = LocalSessionManager::default().with_event_store(log.clone());
        local.session_config.keep_alive = Some(idle);
        Self { local, limit, opening: tokio::sync::Mutex::default(), log, facts: Mutex::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) async fn are_full(&self) -> bool {
        self.local.sessions.read().await.len() >= self.limit
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.facts().contains_key(id)
    }

    pub(super) fn belongs_to(&self, id: &str, caller: Option<&Arc<str>>) -> bool {
        self.facts().get(id).is_some_and(|facts| facts.owner.as_ref() == caller)
    }

    pub(super) fn set_facts(&self, id: &str, owner: Option<Arc<str>>, stream: SessionStream) {
        if let Some(facts) = self.facts().get_mut(id) {
            facts.owner = owner;
            facts.stream = stream;
        }
    }

    fn facts(&self) -> MutexGuard<'_, HashMap<SessionId, Facts>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn facts_of(&self, id: &SessionId) -> Facts {
        self.facts().get(id).cloned().unwrap_or_default()
    }
}

impl SessionManager for Sessions {
    type Error = SessionsError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionsError> {
        let _opening = self.opening.lock().await;
        if self.are_full().await {
            return Err(SessionsError::Full);
        }
        let (id, transport) = self.local.create_session().await?;
        self.facts().insert(Arc::clone(&id), Facts::default());
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionsError> {
        let answer = self.local.initialize_session(id, message).await?;
        if let ServerJsonRpcMessage::Response(response) = &answer
            && let ServerResult::InitializeResult(result) = &response.result
            && let Some(facts) = self.facts().get_mut(id)
        {
            facts.takes_priming = result.protocol_version.as_str() >= FIRST_WITH_PRIMING;
        }
        Ok(answer)
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionsError> {
        Ok(self.local.has_session(id).await?)
    }

    /// Also called by the engine when a session ends by itself.
    async fn close_session(&self, id: &SessionId) -> Result<(), SessionsError> {
        if let Some(facts) = self.facts().remove(id) {
            facts.ended.cancel();
        }
        self.log.forget(id);
        Ok(self.local.close_session(id).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        mut message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        let takes_priming = self.facts_of(id).takes_priming;
        let open = ResponseStream::new();
        // Without the event that comes first, a client has nothing to come back with.
        if takes_priming && let ClientJsonRpcMessage::Request(request) = &mut message {
            request.request.extensions_mut().insert(open.clone());
        }
        let stream = self.local.create_stream(id, message).await?;
        Ok(stream
            .filter(move |event| ready(takes_priming || event.message.is_some()))
            .take_until(open.closed()))
    }

    async fn accept_message(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<(), SessionsError> {
        Ok(self.local.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        let events = self.local.create_standalone_stream(id).await?;
        Ok(while_open(events, self.facts_of(id).stream.open()))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        if !EventLog::may_resume(id, &last_event_id) {
            return Err(SessionsError::UnknownEvent);
        }
        let Facts { ended, stream, .. } = self.facts_of(id);
        let is_common = EventLog::is_common(id, &last_event_id);
        let events = self.local.resume(id, last_event_id).await?;
        let events = events.take_until(ended.cancelled_owned());
        // Only then does the client hear what belongs to no request.
        let stream = if is_common { stream } else { SessionStream::new() };
        Ok(while_open(events, stream.open()))
    }
}

/// The same events; the client hears of changes for as long as it reads them.
fn while_open<E>(
    events: impl Stream<Item = E> + Send + Sync + 'static,
    open: OpenStream,
) -> impl Stream<Item = E> + Send + Sync + 'static {
    events.inspect(move |_| {
        let _ = &open;
    })
}
