use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{BoxError, LogLevel, Principal, session::SessionSettings};

/// Where connections are kept that a gateway holds open while processes come and go: each message of
/// a client may reach another process, which knows nothing of the ones before.
///
/// A connection's record says who has connected and what its legacy session has agreed on. Each
/// change of it is one of its own, so that two processes may change a record at once and neither
/// undoes what the other has done.
///
/// Beside it, processes leave messages for one another: a client's answer to a question, or its
/// `notifications/cancelled`, seldom reaches the process that works on the call.
#[async_trait]
pub trait ConnectionStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps a connection that is being opened, for so long. `opening` names the attempt: one that
    /// is made twice because its first answer got lost succeeds twice.
    ///
    /// # Errors
    ///
    /// When there is such a connection already, or the store fails.
    async fn open(
        &self,
        connection: &str,
        opening: &str,
        principal: Option<&Principal>,
        keep: Duration,
    ) -> Result<(), ConnectionStoreError>;

    /// A connection as the last change has left it; `None` for one that is unknown, over or removed.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn load(
        &self,
        connection: &str,
    ) -> Result<Option<ConnectionRecord>, ConnectionStoreError>;

    /// Changes a connection. Whether it is there.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn change(
        &self,
        connection: &str,
        change: ConnectionChange<'_>,
    ) -> Result<bool, ConnectionStoreError>;

    /// Removes a connection, if it is there.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn remove(&self, connection: &str) -> Result<(), ConnectionStoreError>;

    /// Leaves a message for the process that asks for this key, for so long. A key has 512 bytes at
    /// most, and a message 128 KB.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn leave(
        &self,
        connection: &str,
        key: &str,
        message: &str,
        keep: Duration,
    ) -> Result<(), ConnectionStoreError>;

    /// Takes what has been left under these keys, of which there are 90 at most; `None` where the
    /// connection is not there any more. What has just been left may be found only the next time.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn collect(
        &self,
        connection: &str,
        keys: &[String],
    ) -> Result<Option<Vec<LeftMessage>>, ConnectionStoreError>;
}

/// What is kept of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// Who has connected, where callers are known.
    pub principal: Option<Principal>,
    /// The `initialize` request that opened its legacy session, if there is one, as JSON.
    pub initialize: Option<String>,
    /// What the session has agreed on since.
    pub settings: SessionSettings,
}

/// A change of what is kept of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionChange<'a> {
    /// A legacy session is open, by this `initialize` request.
    Initialize(&'a str),
    /// Its client wants log messages from this level on.
    SetLogLevel(LogLevel),
    /// It has subscribed to a resource.
    Subscribe(&'a str),
    /// It has taken a subscription back.
    Unsubscribe(&'a str),
}

/// What one process has left for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftMessage {
    /// The key under which it was left.
    pub key: String,
    /// The message.
    pub message: String,
}

/// The store of connections failed.
#[derive(Debug, thiserror::Error)]
#[error("the store of connections failed: {0}")]
pub struct ConnectionStoreError(#[source] BoxError);

impl ConnectionStoreError {
    /// Wraps what the store has met.
    pub fn new(source: impl Into<BoxError>) -> Self {
        Self(source.into())
    }
}

/// What holds the connections open, and hands its clients messages.
#[async_trait]
pub trait ConnectionGateway: fmt::Debug + Send + Sync + 'static {
    /// Sends a client one message.
    ///
    /// # Errors
    ///
    /// When the client is gone, or the gateway does not take the message.
    async fn post(&self, to: &ConnectionAddress, message: Bytes) -> Result<(), PostError>;
}

/// Where a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionAddress {
    /// The URL at which the gateway takes messages.
    pub endpoint: Arc<str>,
    /// The connection, as the gateway names it.
    pub connection: Arc<str>,
}

/// Why a message has not been sent.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The connection is closed.
    #[error("the client is gone")]
    Gone,
    /// The gateway has not taken it.
    #[error("the gateway did not take a message: {0}")]
    Failed(#[source] BoxError),
}
