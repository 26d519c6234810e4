//! Sessions that replicas share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore, SessionStoreError};
use rmcp::{
    model::ServerJsonRpcMessage,
    transport::streamable_http_server::session::{self, ServerSseMessage, SessionState},
};

/// A store as sessions use it, and whether it can be reached.
#[derive(Clone, Debug)]
pub(super) struct SharedStore {
    store: Arc<dyn SessionStore>,
    /// How long a session is kept without a message.
    idle: Duration,
    is_away: Arc<AtomicBool>,
}

impl SharedStore {
    pub(super) fn new(store: Arc<dyn SessionStore>, idle: Duration) -> Self {
        Self { store, idle, is_away: Arc::default() }
    }

    pub(super) async fn save(
        &self,
        id: &str,
        session: &SessionRecord,
    ) -> Result<(), SessionStoreError> {
        self.note(self.store.save(id, session, self.idle).await)
    }

    /// A session that has not been seen here yet.
    pub(super) async fn load(&self, id: &str) -> Result<Option<SessionRecord>, SessionStoreError> {
        self.note(self.store.load(id).await)
    }

    /// Whether a session goes on: not if it was deleted at another replica.
    pub(super) async fn touch(&self, id: &str) -> Result<bool, SessionStoreError> {
        self.note(self.store.touch(id, self.idle).await)
    }

    /// Keeps an event for whoever comes back for it. What cannot be kept is lost to those only.
    pub(super) async fn append(&self, stream: &str, index: u64, event: &ServerSseMessage) {
        let message = event.message.as_deref();
        let event = SessionEvent {
            index,
            message: message.and_then(|message| serde_json::to_string(message).ok()),
            retry: event.retry,
            is_last: message.is_some_and(is_response),
        };
        let _ = self.note(self.store.append(stream, &event, self.idle).await);
    }

    /// The events of another replica's request.
    pub(super) async fn events_after(
        &self,
        stream: &str,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError> {
        self.note(self.store.events_after(stream, index).await)
    }

    /// Tells the operator when the store goes, and when it comes back, once each.
    fn note<T>(&self, result: Result<T, SessionStoreError>) -> Result<T, SessionStoreError> {
        match &result {
            Ok(_) if self.is_away.load(Ordering::Relaxed) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the session store can be reached again");
                }
            }
            Ok(_) => {}
            Err(error) => {
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::error!(
                        %error,
                        "the session store cannot be reached: until it can, sessions are neither \
                         opened nor taken over from other replicas"
                    );
                }
            }
        }
        result
    }
}

/// Whether a message ends the stream of its request.
pub(super) fn is_response(message: &ServerJsonRpcMessage) -> bool {
    matches!(message, ServerJsonRpcMessage::Response(_) | ServerJsonRpcMessage::Error(_))
}

/// An event as the engine has it.
pub(super) fn to_sse(stream: &str, event: &SessionEvent) -> Option<ServerSseMessage> {
    let mut sse = match &event.message {
        Some(message) => ServerSseMessage::from_message(serde_json::from_str(message).ok()?),
        None => ServerSseMessage::default(),
    };
    sse.event_id = Some(format!("{stream}/{}", event.index));
    sse.retry = event.retry;
    Some(sse)
}

/// For the engine, which makes a session of another replica its own by shaking hands once more.
#[async_trait::async_trait]
impl session::SessionStore for SharedStore {
    async fn load(&self, id: &str) -> Result<Option<SessionState>, session::SessionStoreError> {
        let Some(record) = Self::load(self, id).await? else {
            return Ok(None);
        };
        Ok(Some(SessionState::new(serde_json::from_str(&record.initialize)?)))
    }

    /// The engine does not know who opened the session: it is saved by who does.
    async fn store(&self, _: &str, _: &SessionState) -> Result<(), session::SessionStoreError> {
        Ok(())
    }

    async fn delete(&self, id: &str) -> Result<(), session::SessionStoreError> {
        Ok(self.note(self.store.delete(id).await)?)
    }
}
