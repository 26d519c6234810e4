//! Sessions that replicas share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore, SessionStoreError};
use tokio::time::Instant;

use super::stream::EventStream;

/// How often the request of another replica is looked after.
const POLL: Duration = Duration::from_millis(250);

/// A store as sessions use it.
#[derive(Clone, Debug)]
pub(super) struct SharedStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn SessionStore>,
    /// How long a session is kept without a message.
    idle: Duration,
    /// Whether it could not be reached the last time.
    is_away: AtomicBool,
}

impl SharedStore {
    pub(super) fn new(store: Arc<dyn SessionStore>, idle: Duration) -> Self {
        Self(Arc::new(Inner { store, idle, is_away: AtomicBool::new(false) }))
    }

    pub(super) async fn save(
        &self,
        id: &str,
        session: &SessionRecord,
    ) -> Result<(), SessionStoreError> {
        self.note(self.0.store.save(id, session, self.0.idle).await)
    }

    pub(super) async fn load(&self, id: &str) -> Result<Option<SessionRecord>, SessionStoreError> {
        self.note(self.0.store.load(id).await)
    }

    /// Whether a session goes on: not if it was ended at another replica.
    pub(super) async fn touch(&self, id: &str) -> Result<bool, SessionStoreError> {
        self.note(self.0.store.touch(id, self.0.idle).await)
    }

    pub(super) async fn delete(&self, id: &str) -> Result<(), SessionStoreError> {
        self.note(self.0.store.delete(id).await)
    }

    /// Keeps what a stream has had since `next`, for who comes back to another replica. What cannot be
    /// kept is lost to those only.
    pub(super) async fn keep(
        &self,
        session: &str,
        stream: &EventStream,
        next: &mut u64,
        is_over: bool,
    ) {
        let name = name(session, stream.number());
        let mut events = stream.events_from(*next).into_iter().peekable();
        while let Some((index, text)) = events.next() {
            *next = index + 1;
            let event = SessionEvent {
                index,
                message: text.map(|text| String::from_utf8_lossy(&text).into_owned()),
                is_last: is_over && events.peek().is_none(),
            };
            let _ = self.note(self.0.store.append(&name, &event, self.0.idle).await);
        }
    }

    /// What has been told of another replica's request; `None` if nothing is known of it.
    pub(super) async fn events_after(
        &self,
        session: &str,
        stream: u64,
        index: u64,
    ) -> Result<Option<Vec<SessionEvent>>, SessionStoreError> {
        let name = name(session, stream);
        self.note(self.0.store.events_after(&name, index).await)
    }

    /// Fills a stream with the events of another replica's request, as long as somebody reads it and
    /// there may be more, and not beyond `until`.
    pub(super) async fn follow(
        &self,
        session: &str,
        stream: &EventStream,
        mut last: u64,
        mut events: Vec<SessionEvent>,
        until: Option<Instant>,
    ) {
        let mut touched = Instant::now();
        while stream.is_read() && touched.elapsed() <= self.0.idle {
            for event in events.drain(..) {
                (last, touched) = (event.index, Instant::now());
                stream.insert(event.index, event.message.map(Into::into));
                if event.is_last {
                    return stream.end();
                }
            }
            if until.is_some_and(|until| Instant::now() + POLL >= until) {
                break;
            }
            tokio::time::sleep(POLL).await;
            match self.events_after(session, stream.number(), last).await {
                Ok(Some(more)) => events = more,
                Ok(None) => break,
                // It may come back.
                Err(_) => {}
            }
        }
        stream.end();
    }

    /// Tells the operator when the store goes, and when it comes back, once each.
    fn note<T>(&self, result: Result<T, SessionStoreError>) -> Result<T, SessionStoreError> {
        let was_away = self.0.is_away.load(Ordering::Relaxed);
        match &result {
            Ok(_) if was_away => {
                self.0.is_away.store(false, Ordering::Relaxed);
                tracing::info!("the store of sessions can be reached again");
            }
            Err(error) if !was_away => {
                self.0.is_away.store(true, Ordering::Relaxed);
                tracing::error!(
                    %error,
                    "the store of sessions cannot be reached: until it can, sessions are neither \
                     opened nor taken over from other replicas"
                );
            }
            _ => {}
        }
        result
    }
}

/// The name of a stream among those of all sessions.
fn name(session: &str, stream: u64) -> String {
    format!("{session}:{stream}")
}
