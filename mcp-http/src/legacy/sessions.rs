use std::{
    collections::HashMap,
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_core::Stream;
use futures_util::StreamExt as _;
use mcp_core::{ResponseStream, sessions::SessionRecord};
use rmcp::{
    model::{ClientJsonRpcMessage, GetExtensions as _, ServerJsonRpcMessage, ServerResult},
    transport::streamable_http_server::session::{
        RestoreOutcome, ServerSseMessage, SessionId, SessionManager,
        local::{LocalSessionManager, LocalSessionManagerError},
    },
};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::{log::EventLog, shared::SharedStore};

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
    /// What other replicas have a part in.
    store: Option<SharedStore>,
}

/// Whether a request may go on in the session that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Granted,
    /// To anybody else than who opened it, too, a session is not there.
    NotFound,
    /// It is another replica's, and there is no room for it.
    Full,
    /// It may be another replica's, but the store cannot be reached.
    Unknown,
}

/// What the engine does not remember of a session.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Who opened it, where callers are known.
    owner: Option<Arc<str>>,
    takes_priming: bool,
    ended: CancellationToken,
}

/// A request that opens a session.
#[derive(serde::Deserialize)]
struct Opening<'a> {
    #[serde(borrow)]
    params: &'a RawValue,
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
    pub(super) fn new(limit: usize, idle: Duration, store: Option<SharedStore>) -> Self {
        let log = Arc::new(EventLog::new(idle, store.clone()));
        let mut local = LocalSessionManager::default().with_event_store(log.clone());
        local.session_config.keep_alive = Some(idle);
        Self {
            local,
            limit,
            opening: tokio::sync::Mutex::default(),
            log,
            facts: Mutex::default(),
            store,
        }
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

    /// Decides about a request that names a session.
    pub(super) async fn admit(&self, id: &str, caller: Option<&Arc<str>>) -> Admission {
        let owner = self.facts().get(id).map(|facts| facts.owner.clone());
        let Some(store) = &self.store else {
            return match owner {
                Some(owner) if owner.as_ref() == caller => Admission::Granted,
                _ => Admission::NotFound,
            };
        };
        if let Some(owner) = owner {
            if owner.as_ref() != caller {
                return Admission::NotFound;
            }
            // Without the store, what is here goes on.
            if store.touch(id).await.unwrap_or(true) {
                return Admission::Granted;
            }
            // It has been ended at another replica.
            let _ = self.close_session(&id.into()).await;
            return Admission::NotFound;
        }
        match store.load(id).await {
            Err(_) => Admission::Unknown,
            Ok(Some(record)) if record.owner.as_ref() == caller => {
                if self.are_full().await {
                    return Admission::Full;
                }
                let facts = Facts { owner: record.owner, ..Facts::default() };
                self.facts().entry(id.into()).or_insert(facts);
                Admission::Granted
            }
            Ok(_) => Admission::NotFound,
        }
    }

    /// Notes who has opened a session, here and for other replicas. `false` where those could not
    /// be told, which ends the session.
    pub(super) async fn opened(
        &self,
        id: &str,
        owner: Option<Arc<str>>,
        initialize: Option<&[u8]>,
    ) -> bool {
        if let Some(facts) = self.facts().get_mut(id) {
            facts.owner.clone_from(&owner);
        }
        let (Some(store), Some(initialize)) = (&self.store, initialize) else {
            return true;
        };
        // The engine has read it before.
        let Ok(Opening { params }) = serde_json::from_slice(initialize) else {
            return true;
        };
        let record = SessionRecord { initialize: params.get().to_owned(), owner };
        if store.save(id, &record).await.is_ok() {
            return true;
        }
        let _ = self.close_session(&id.into()).await;
        false
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

    async fn restore_session(
        &self,
        id: SessionId,
    ) -> Result<RestoreOutcome<Self::Transport>, SessionsError> {
        let _opening = self.opening.lock().await;
        if self.are_full().await {
            return Err(SessionsError::Full);
        }
        Ok(self.local.restore_session(id).await?)
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
        Ok(self.local.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionsError> {
        if !EventLog::may_resume(id, &last_event_id) {
            return Err(SessionsError::UnknownEvent);
        }
        let ended = self.facts_of(id).ended;
        let events = self.local.resume(id, last_event_id).await?;
        Ok(events.take_until(ended.cancelled_owned()))
    }
}
