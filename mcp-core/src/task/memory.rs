use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{sync::Notify, time::Instant};

use super::{TaskRecord, TaskStore, TaskStoreError};

/// Keeps tasks in the process's memory, within limits.
///
/// Expired tasks are forgotten when the store is next used; there is no timer. Where a limit is
/// reached, the task that ended first is forgotten before its time; tasks that have not ended never
/// are, and a new one is refused where there are only such.
#[derive(Debug)]
pub struct InMemoryTaskStore {
    most_tasks: usize,
    most_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Arc<str>, Slot>,
    expiries: BTreeSet<(Instant, Arc<str>)>,
    /// In the order in which they ended. May name tasks that are gone.
    ended: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    record: Arc<TaskRecord>,
    expires: Instant,
    changed: Arc<Notify>,
}

impl Default for InMemoryTaskStore {
    /// At most 10,000 tasks, and 64 MiB of what they have said.
    fn default() -> Self {
        Self::new(10_000, 64 * 1024 * 1024)
    }
}

impl InMemoryTaskStore {
    /// A store with limits on the number of tasks, and on the bytes of their outcomes, messages,
    /// questions and answers.
    pub fn new(most_tasks: usize, most_bytes: usize) -> Self {
        Self { most_tasks, most_bytes, state: Mutex::default() }
    }

    /// The state, without what has expired.
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half way.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        while let Some((expires, id)) = state.expiries.first()
            && *expires <= now
        {
            let id = Arc::clone(id);
            state.remove(&id);
        }
        state
    }
}

impl State {
    fn remove(&mut self, id: &str) {
        if let Some((id, slot)) = self.slots.remove_entry(id) {
            self.bytes -= slot.record.size();
            self.expiries.remove(&(slot.expires, id));
            slot.changed.notify_waiters();
        }
    }

    /// Forgets the task that ended first, other than the one to keep. Whether there was one.
    fn forget_ended(&mut self, keep: Option<&str>) -> bool {
        while let Some(id) = self.ended.pop_front() {
            if Some(&*id) == keep {
                // The last to end, so there is no other.
                self.ended.push_front(id);
                return false;
            }
            if self.slots.contains_key(&id) {
                self.remove(&id);
                return true;
            }
        }
        false
    }
}

#[async_trait]
impl TaskStore for InMemoryTaskStore {
    async fn create(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        let mut state = self.state();
        while state.slots.len() >= self.most_tasks || state.bytes > self.most_bytes {
            if !state.forget_ended(None) {
                return Err(TaskStoreError::Full);
            }
        }
        let id: Arc<str> = record.id.as_str().into();
        let expires = Instant::now() + Duration::from_millis(record.ttl_ms);
        state.bytes += record.size();
        state.expiries.insert((expires, Arc::clone(&id)));
        state.slots.insert(id, Slot { record, expires, changed: Arc::default() });
        Ok(())
    }

    async fn get(&self, id: &str) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        Ok(self.state().slots.get(id).map(|slot| Arc::clone(&slot.record)))
    }

    async fn replace(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError> {
        let mut state = self.state();
        let Some((id, _)) = state.slots.get_key_value(record.id.as_str()) else {
            return Err(TaskStoreError::Conflict);
        };
        let id = Arc::clone(id);
        let Some(slot) = state.slots.get_mut(&id) else {
            return Err(TaskStoreError::Conflict);
        };
        if slot.record.version + 1 != record.version {
            return Err(TaskStoreError::Conflict);
        }
        let (old, new) = (slot.record.size(), record.size());
        let has_ended = record.status.is_terminal() && !slot.record.status.is_terminal();
        slot.record = record;
        slot.changed.notify_waiters();
        state.bytes = state.bytes - old + new;
        if has_ended {
            state.ended.push_back(Arc::clone(&id));
        }
        while state.bytes > self.most_bytes && state.forget_ended(Some(&id)) {}
        Ok(())
    }

    async fn changed(
        &self,
        id: &str,
        version: u64,
    ) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        loop {
            let (changed, record) = match self.state().slots.get(id) {
                None => return Ok(None),
                Some(slot) => (Arc::clone(&slot.changed), Arc::clone(&slot.record)),
            };
            // `notify_waiters` reaches a future from its making on, so a change between the two
            // looks is not missed.
            let notified = changed.notified();
            if record.version != version {
                return Ok(Some(record));
            }
            match self.state().slots.get(id) {
                None => return Ok(None),
                Some(slot) if slot.record.version != version => {
                    return Ok(Some(Arc::clone(&slot.record)));
                }
                Some(_) => {}
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{TaskStatus, store::update};

    fn record() -> Arc<TaskRecord> {
        let (limit, ttl) = (Duration::from_secs(60), Duration::from_secs(600));
        let record = TaskRecord::new(None, "tool".into(), limit, ttl, Duration::from_secs(1));
        Arc::new(record.unwrap())
    }

    async fn created(store: &InMemoryTaskStore) -> String {
        let record = record();
        store.create(Arc::clone(&record)).await.unwrap();
        record.id.clone()
    }

    async fn end(store: &InMemoryTaskStore, id: &str, outcome: &str) {
        update(store, id, |record| {
            record.status = TaskStatus::Completed;
            record.outcome = Some(outcome.to_owned());
            true
        })
        .await
        .unwrap();
    }

    async fn knows(store: &InMemoryTaskStore, id: &str) -> bool {
        store.get(id).await.unwrap().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_forgotten_when_its_time_is_over_and_not_before() {
        let store = InMemoryTaskStore::default();
        let id = created(&store).await;
        tokio::time::advance(Duration::from_secs(659)).await;
        assert!(knows(&store, &id).await);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(!knows(&store, &id).await);
        let state = store.state();
        assert_eq!((state.slots.len(), state.expiries.len(), state.bytes), (0, 0, 0));
    }

    #[tokio::test]
    async fn of_two_changes_to_one_version_the_second_is_refused() {
        let store = InMemoryTaskStore::default();
        let id = created(&store).await;
        let mut next = TaskRecord::clone(&*store.get(&id).await.unwrap().unwrap());
        next.version = 2;
        let next = Arc::new(next);
        store.replace(Arc::clone(&next)).await.unwrap();
        assert!(matches!(store.replace(next).await, Err(TaskStoreError::Conflict)));
    }

    #[tokio::test]
    async fn a_full_store_forgets_what_ended_first_and_never_what_still_works() {
        let store = InMemoryTaskStore::new(3, 1024);
        let working = created(&store).await;
        let (second, first) = (created(&store).await, created(&store).await);
        end(&store, &first, "{}").await;
        end(&store, &second, "{}").await;
        let fourth = created(&store).await;
        assert!(!knows(&store, &first).await);
        assert!(knows(&store, &second).await);
        let fifth = created(&store).await;
        assert!(!knows(&store, &second).await);
        assert!(matches!(store.create(record()).await, Err(TaskStoreError::Full)));
        for id in [working, fourth, fifth] {
            assert!(knows(&store, &id).await);
        }
    }

    #[tokio::test]
    async fn outcomes_are_bounded_in_bytes() {
        let store = InMemoryTaskStore::new(100, 1000);
        let (first, second) = (created(&store).await, created(&store).await);
        end(&store, &first, &"x".repeat(600)).await;
        end(&store, &second, &"x".repeat(600)).await;
        assert!(!knows(&store, &first).await);
        assert!(knows(&store, &second).await);
    }

    #[tokio::test]
    async fn a_change_wakes_who_waits_for_it() {
        let store = Arc::new(InMemoryTaskStore::default());
        let id = created(&store).await;
        let waiting = tokio::spawn({
            let (store, id) = (Arc::clone(&store), id.clone());
            async move { store.changed(&id, 1).await.unwrap().unwrap().status }
        });
        tokio::task::yield_now().await;
        end(&store, &id, "{}").await;
        assert_eq!(waiting.await.unwrap(), TaskStatus::Completed);
    }

    #[test]
    fn a_record_survives_serialization() {
        let mut before = TaskRecord::clone(&record());
        before.outcome = Some(r#"{"content":[]}"#.into());
        let text = serde_json::to_string(&before).unwrap();
        let after: TaskRecord = serde_json::from_str(&text).unwrap();
        assert_eq!(format!("{before:?}"), format!("{after:?}"));
    }
}
