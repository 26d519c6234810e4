use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::session_id;

/// How many messages of one session may wait.
const MESSAGES: usize = 8;

/// The sessions whose streams are open.
#[derive(Debug)]
pub(super) struct Sessions {
    limit: usize,
    open: Mutex<HashMap<Arc<str>, Session>>,
}

#[derive(Debug)]
struct Session {
    messages: mpsc::Sender<Bytes>,
    /// Who opened it, where callers are known.
    owner: Option<Arc<str>>,
}

/// A session's place among the others, which it leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: Arc<str>,
    sessions: Arc<Sessions>,
}

impl Sessions {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, open: Mutex::default() }
    }

    /// Opens a session, unless there are too many.
    pub(super) fn open(
        self: &Arc<Self>,
        owner: Option<Arc<str>>,
    ) -> Option<(Place, mpsc::Receiver<Bytes>)> {
        let id = session_id::random()?;
        let mut open = self.lock();
        if open.len() >= self.limit {
            return None;
        }
        let (messages, received) = mpsc::channel(MESSAGES);
        open.insert(Arc::clone(&id), Session { messages, owner });
        Some((Place { id, sessions: Arc::clone(self) }, received))
    }

    /// Where a session takes its messages, if it is the caller's own.
    pub(super) fn find(&self, id: &str, caller: Option<&Arc<str>>) -> Option<mpsc::Sender<Bytes>> {
        let open = self.lock();
        let session = open.get(id).filter(|session| session.owner.as_ref() == caller)?;
        Some(session.messages.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}
