use std::{
    collections::{HashMap, HashSet},
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use rmcp::{RoleServer, model::ResourceUpdatedNotificationParam, service::Peer};

use crate::{ErrorKind, RpcError};

/// How many resources one session may subscribe to.
const MOST_RESOURCES: usize = 1_000;
/// How long an update waits for sessions whose clients do not read.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which legacy sessions want to hear of which resources.
#[derive(Default)]
pub(in crate::server) struct Subscriptions {
    sessions: Mutex<HashMap<u64, Subscriber>>,
    next: AtomicU64,
}

struct Subscriber {
    client: Peer<RoleServer>,
    uris: HashSet<Box<str>>,
}

impl fmt::Debug for Subscriptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions").field("sessions", &self.lock().len()).finish()
    }
}

impl Subscriptions {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Subscriber>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the sessions that subscribe to a resource of its update. Waits for those that are
    /// slow to read, all at once and not for long.
    pub(in crate::server) async fn notify(&self, uri: &str) {
        type Sending = Pin<Box<dyn Future<Output = ()> + Send>>;

        let mut sending: Vec<Sending> = self
            .lock()
            .values()
            .filter(|subscriber| subscriber.uris.contains(uri))
            .map(|subscriber| {
                let client = subscriber.client.clone();
                let params = ResourceUpdatedNotificationParam::new(uri);
                // An error means that the client is gone.
                let send = async move { drop(client.notify_resource_updated(params).await) };
                Box::pin(send) as Sending
            })
            .collect();
        let all = poll_fn(|cx| {
            sending.retain_mut(|send| send.as_mut().poll(cx).is_pending());
            if sending.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        });
        if tokio::time::timeout(PATIENCE, all).await.is_err() {
            tracing::warn!(uri, "not all sessions could be told of an update");
        }
    }
}

/// The subscriptions of one session; they end with it.
#[derive(Debug)]
pub(super) struct SessionSubscriptions {
    all: Arc<Subscriptions>,
    session: u64,
}

impl SessionSubscriptions {
    pub(super) fn new(all: &Arc<Subscriptions>) -> Self {
        let session = all.next.fetch_add(1, Ordering::Relaxed);
        Self { all: Arc::clone(all), session }
    }

    /// # Errors
    ///
    /// When the session subscribes to too many resources.
    pub(super) fn add(&self, uri: &str, client: &Peer<RoleServer>) -> Result<(), RpcError> {
        let mut sessions = self.all.lock();
        let subscriber = sessions
            .entry(self.session)
            .or_insert_with(|| Subscriber { client: client.clone(), uris: HashSet::new() });
        if subscriber.uris.len() >= MOST_RESOURCES && !subscriber.uris.contains(uri) {
            return Err(RpcError::new(
                ErrorKind::InvalidParams,
                format!("a session may subscribe to no more than {MOST_RESOURCES} resources"),
            ));
        }
        subscriber.uris.insert(uri.into());
        Ok(())
    }

    pub(super) fn remove(&self, uri: &str) {
        let mut sessions = self.all.lock();
        if let Some(subscriber) = sessions.get_mut(&self.session) {
            subscriber.uris.remove(uri);
            if subscriber.uris.is_empty() {
                sessions.remove(&self.session);
            }
        }
    }
}

impl Drop for SessionSubscriptions {
    fn drop(&mut self) {
        self.all.lock().remove(&self.session);
    }
}
