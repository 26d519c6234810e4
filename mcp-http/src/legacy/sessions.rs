use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use mcp_core::{ErrorKind, LegacySession, RpcError};

use super::{budget::Budget, session::Session, shared::SharedStore};
use crate::session_id;

/// How often it is looked for sessions that nobody uses any more.
const SWEEP: Duration = Duration::from_secs(15);

/// The sessions that are open, up to a limit.
#[derive(Debug)]
pub(super) struct Sessions {
    limit: usize,
    idle: Duration,
    budget: Arc<Budget>,
    store: Option<SharedStore>,
    /// Whether the store has them all, so that those in memory are but a cache.
    is_cache: bool,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    by_id: HashMap<Arc<str>, Arc<Session>>,
    /// Whether a task looks after them. There is none while there is no session.
    is_swept: bool,
}

impl Open {
    /// Forgets the session that has not been used for longest. Whether there is one that is not in
    /// use.
    fn forget_one(&mut self) -> bool {
        let unused = self.by_id.iter().filter_map(|(id, it)| Some((it.unused_since()?, id)));
        let Some(oldest) = unused.min().map(|(_, id)| Arc::clone(id)) else { return false };
        self.by_id.remove(&oldest);
        true
    }
}

/// Why a session could not be opened.
#[derive(Debug)]
pub(super) enum Refusal {
    Full,
    Failed(RpcError),
}

impl Sessions {
    pub(super) fn new(
        limit: usize,
        idle: Duration,
        store: Option<SharedStore>,
        is_cache: bool,
    ) -> Arc<Self> {
        let (budget, open) = (Arc::default(), Mutex::default());
        Arc::new(Self { limit, idle, budget, store, is_cache, open })
    }

    /// Where other replicas find the sessions.
    pub(super) fn store(&self) -> Option<&SharedStore> {
        self.store.as_ref()
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing that is done under the lock panics half way.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session and gives it a name that cannot be guessed.
    pub(super) fn open(
        self: &Arc<Self>,
        owner: Option<Arc<str>>,
        begin: impl FnOnce() -> Result<LegacySession, RpcError>,
    ) -> Result<(Arc<str>, Arc<Session>), Refusal> {
        if self.lock().by_id.len() >= self.limit && !self.is_cache {
            return Err(Refusal::Full);
        }
        let session = begin().map_err(Refusal::Failed)?;
        let id = session_id::random()
            .ok_or_else(|| Refusal::Failed(RpcError::new(ErrorKind::Internal, "internal error")))?;
        let session = self.insert(&id, session, owner)?;
        Ok((id, session))
    }

    /// Adds a session under a name that it has, unless it is there already.
    pub(super) fn insert(
        self: &Arc<Self>,
        id: &Arc<str>,
        session: LegacySession,
        owner: Option<Arc<str>>,
    ) -> Result<Arc<Session>, Refusal> {
        if self.is_cache {
            session.answers_elsewhere();
        }
        let shared = self.store.clone().map(|store| (Arc::clone(id), store));
        let session = Session::new(session, owner, Arc::clone(&self.budget), shared);
        let mut open = self.lock();
        if let Some(there) = open.by_id.get(id) {
            return Ok(Arc::clone(there));
        }
        if open.by_id.len() >= self.limit && !(self.is_cache && open.forget_one()) {
            return Err(Refusal::Full);
        }
        open.by_id.insert(Arc::clone(id), Arc::clone(&session));
        if !std::mem::replace(&mut open.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.idle));
        }
        Ok(session)
    }

    /// Whether a session of that name is in memory, and if so, whether it is the caller's.
    pub(super) fn owns(&self, id: &str, caller: Option<&str>) -> Option<bool> {
        self.lock().by_id.get(id).map(|session| session.belongs_to(caller))
    }

    /// The session of that name, if it is the caller's: to anybody else it is not there.
    pub(super) fn get(&self, id: &str, caller: Option<&str>) -> Option<Arc<Session>> {
        self.lock().by_id.get(id).filter(|session| session.belongs_to(caller)).cloned()
    }

    pub(super) fn close(&self, id: &str) {
        let session = self.lock().by_id.remove(id);
        if let Some(session) = session {
            session.end();
        }
    }

    /// Ends the sessions that nobody uses any more. Whether any is left.
    fn sweep(&self) -> bool {
        let mut open = self.lock();
        let idle: Vec<_> = open.by_id.extract_if(|_, session| session.is_idle(self.idle)).collect();
        open.by_id.values().for_each(|session| session.sweep());
        open.is_swept = !open.by_id.is_empty();
        let is_swept = open.is_swept;
        drop(open);
        idle.iter().for_each(|(_, session)| session.end());
        is_swept
    }
}

/// Has the store keep the sessions that are in use without a message.
async fn keep_busy(sessions: &Sessions, store: &SharedStore) {
    let busy: Vec<Arc<str>> = {
        let open = sessions.lock();
        let busy = open.by_id.iter().filter(|(_, session)| session.is_busy());
        busy.map(|(id, _)| Arc::clone(id)).collect()
    };
    for id in busy {
        // One that is over is found to be so by its next request.
        let _ = store.touch(&id).await;
    }
}

impl Drop for Sessions {
    fn drop(&mut self) {
        let open = std::mem::take(&mut self.lock().by_id);
        open.values().for_each(|session| session.end());
    }
}

async fn sweep(sessions: Weak<Sessions>, idle: Duration) {
    let interval = (idle / 4).clamp(Duration::from_millis(10), SWEEP);
    loop {
        tokio::time::sleep(interval).await;
        let Some(sessions) = sessions.upgrade() else { return };
        if let Some(store) = sessions.store() {
            keep_busy(&sessions, store).await;
        }
        if !sessions.sweep() {
            return;
        }
    }
}
