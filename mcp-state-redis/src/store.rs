use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore, SessionStoreError};
use redis::{
    Client, FromRedisValue, Pipeline, RedisError,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use serde::{Deserialize, Serialize};

/// How long connecting, and how long one command may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many events of one request are kept, at least; Redis drops what is older by whole nodes.
const MOST_EVENTS: usize = 128;

/// Legacy sessions in Redis or Valkey. Clones share one connection, which is made when it is first
/// needed, and made anew when it breaks.
#[derive(Clone)]
pub struct RedisSessionStore {
    connection: ConnectionManager,
    prefix: Arc<str>,
}

/// The URL is none that Redis could be reached at.
#[derive(Debug)]
pub struct RedisUrlError(RedisError);

impl fmt::Display for RedisUrlError {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Redis cannot be reached with this (expected redis://[user:password@]host[:port][/database], \
             rediss:// with the feature `tls`, or unix:///path): {}",
            self.0
        )
    }
}

impl std::error::Error for RedisUrlError {}

impl fmt::Debug for RedisSessionStore {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSessionStore").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl RedisSessionStore {
    /// A store at `redis://host:port/database`, `rediss://…` (with the feature `tls`), or
    /// `unix:///path`. Does not connect yet. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// When the URL is none of these.
    pub fn new(url: &str) -> Result<Self, RedisUrlError> {
        Self::with_client(Client::open(url).map_err(RedisUrlError)?)
    }

    /// A store at a `rediss://` URL that trusts the certificates of this text (PEM), and no others:
    /// for a Redis whose certificate was signed by an authority of one's own.
    ///
    /// # Errors
    ///
    /// When the URL is none of these, or the text is no certificate.
    #[cfg(feature = "tls")]
    pub fn with_ca(url: &str, ca: &[u8]) -> Result<Self, RedisUrlError> {
        let root_cert = Some(ca.to_vec());
        let certificates = redis::TlsCertificates { client_tls: None, root_cert };
        Self::with_client(Client::build_with_tls(url, certificates).map_err(RedisUrlError)?)
    }

    fn with_client(client: Client) -> Result<Self, RedisUrlError> {
        // rustls would panic where there is more than one in the tree. An error says that the
        // program has chosen.
        #[cfg(feature = "tls")]
        let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(RedisUrlError)?;
        Ok(Self { connection, prefix: "mcp".into() })
    }

    /// Sets what all keys begin with, for servers that share one Redis; `mcp` by default.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = prefix.into();
        self
    }

    fn session(&self, id: &str) -> String {
        format!("{}:session:{id}", self.prefix)
    }

    fn events(&self, stream: &str) -> String {
        format!("{}:events:{stream}", self.prefix)
    }

    /// Once more where the connection was gone, as after Redis was restarted: it is made anew by
    /// then, if it can be. No command does harm when it is made twice.
    async fn query<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T, SessionStoreError> {
        let mut connection = self.connection.clone();
        let result = match commands.query_async(&mut connection).await {
            Err(error) if error.is_connection_dropped() => {
                commands.query_async(&mut connection).await
            }
            result => result,
        };
        result.map_err(SessionStoreError::new)
    }
}

/// A session as it stands in Redis.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    initialize: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<std::borrow::Cow<'a, str>>,
}

#[async_trait]
impl SessionStore for RedisSessionStore {
    async fn save(
        &self,
        id: &str,
        session: &SessionRecord,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        let kept = Kept {
            initialize: session.initialize.as_str().into(),
            owner: session.owner.as_deref().map(Into::into),
        };
        let kept = serde_json::to_string(&kept).map_err(SessionStoreError::new)?;
        let mut set = redis::pipe();
        set.cmd("SET").arg(self.session(id)).arg(kept).arg("PX").arg(millis(keep)).ignore();
        self.query(&set).await
    }

    async fn load(&self, id: &str) -> Result<Option<SessionRecord>, SessionStoreError> {
        let mut get = redis::pipe();
        get.cmd("GET").arg(self.session(id));
        let (Some(kept),): (Option<String>,) = self.query(&get).await? else {
            return Ok(None);
        };
        let kept: Kept<'_> = serde_json::from_str(&kept).map_err(SessionStoreError::new)?;
        Ok(Some(SessionRecord {
            initialize: kept.initialize.into_owned(),
            owner: kept.owner.map(|owner| Arc::from(&*owner)),
        }))
    }

    async fn touch(&self, id: &str, keep: Duration) -> Result<bool, SessionStoreError> {
        let mut expire = redis::pipe();
        expire.cmd("PEXPIRE").arg(self.session(id)).arg(millis(keep));
        let (is_there,) = self.query(&expire).await?;
        Ok(is_there)
    }

    async fn delete(&self, id: &str) -> Result<(), SessionStoreError> {
        let mut del = redis::pipe();
        del.cmd("DEL").arg(self.session(id)).ignore();
        self.query(&del).await
    }

    async fn append(
        &self,
        stream: &str,
        event: &SessionEvent,
        keep: Duration,
    ) -> Result<(), SessionStoreError> {
        let key = self.events(stream);
        let mut add = redis::pipe();
        add.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(MOST_EVENTS).arg(entry(event.index));
        add.arg("last").arg(i32::from(event.is_last));
        if let Some(message) = &event.message {
            add.arg("message").arg(message);
        }
        add.ignore().cmd("PEXPIRE").arg(&key).arg(millis(keep)).ignore();
        self.query(&add).await
    }

    async fn events_after(
        &self,
        stream: &str,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError> {
        let key = self.events(stream);
        let mut read = redis::pipe();
        read.cmd("EXISTS").arg(&key);
        read.cmd("XRANGE").arg(&key).arg(format!("({}", entry(index))).arg("+");
        let (exists, entries): (bool, Vec<(String, HashMap<String, String>)>) =
            self.query(&read).await?;
        if !exists {
            return Ok(None);
        }
        let events = entries.into_iter().filter_map(|(id, mut fields)| {
            Some(SessionEvent {
                index: id.strip_prefix("0-")?.parse::<u64>().ok()?.checked_sub(1)?,
                message: fields.remove("message"),
                is_last: fields.get("last").is_some_and(|last| last == "1"),
            })
        });
        Ok(Some(events.collect()))
    }
}

/// The identifier of an event's entry: 0-0 is none.
fn entry(index: u64) -> String {
    format!("0-{}", index.saturating_add(1))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
