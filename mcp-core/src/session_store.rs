use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use crate::BoxError;

/// Where legacy sessions are kept that outlive the process which opened them.
///
/// Without one, a session is its process's own. With one that several replicas share, each of them can
/// go on with the sessions of the others: the handshake is kept, and so are the events of requests
/// whose clients may come back for the rest. Modern clients have no sessions and need no store.
///
/// Two processes may serve one session at the same time, so nothing is kept that both would change:
/// what a session is does not change once it is open, and the events of a request are written only by
/// the process that works on it.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a session that has been opened, for so long.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn save(
        &self,
        id: &str,
        session: &SessionRecord,
        keep: Duration,
    ) -> Result<(), SessionStoreError>;

    /// A session; `None` for one that is unknown, over or deleted.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn load(&self, id: &str) -> Result<Option<SessionRecord>, SessionStoreError>;

    /// Keeps a session for so long from now. Whether it is there.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn touch(&self, id: &str, keep: Duration) -> Result<bool, SessionStoreError>;

    /// Deletes a session, if it is there.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn delete(&self, id: &str) -> Result<(), SessionStoreError>;

    /// Adds an event to those of a request, and keeps them all for so long from now. The indexes of
    /// one stream grow.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn append(
        &self,
        stream: &str,
        event: &SessionEvent,
        keep: Duration,
    ) -> Result<(), SessionStoreError>;

    /// The events of a request that come after an index, in order; `None` where the store knows
    /// nothing of the request.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn events_after(
        &self,
        stream: &str,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError>;
}

/// A legacy session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// The `initialize` request that opened it, as JSON.
    pub initialize: String,
    /// Who opened it, where callers are known: the subject of a [`Principal`](crate::Principal).
    pub owner: Option<Arc<str>>,
}

/// An event of a legacy session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEvent {
    /// Its place in its stream.
    pub index: u64,
    /// The JSON-RPC message; `None` for an event that only tells where the stream begins.
    pub message: Option<String>,
    /// Whether it is the request's response, after which there is nothing.
    pub is_last: bool,
}

/// The store of sessions failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of sessions failed: {0}")]
pub struct SessionStoreError(#[source] BoxError);

impl SessionStoreError {
    /// Wraps what the store has met.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}
