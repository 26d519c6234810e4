use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::TaskRecord;
use crate::BoxError;

/// Where tasks are kept.
///
/// Whoever works on a task, answers its questions, cancels it or asks after it does so through the
/// store alone, so that these may be different processes. A store never keeps a lock for them: a
/// change is tried against the version that it was made from, and made anew if another came first.
///
/// [`InMemoryTaskStore`](super::InMemoryTaskStore) is the default.
#[async_trait]
pub trait TaskStore: Send + Sync + 'static {
    /// Keeps a new task. Any [`Self::get`] that begins after this has returned finds it.
    ///
    /// # Errors
    ///
    /// [`TaskStoreError::Full`] where the store has a limit and it is reached.
    async fn create(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError>;

    /// A task; `None` for one that is unknown or has expired.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn get(&self, id: &str) -> Result<Option<Arc<TaskRecord>>, TaskStoreError>;

    /// Replaces the record whose version is one less than this one's.
    ///
    /// # Errors
    ///
    /// [`TaskStoreError::Conflict`] where there is no such record: another change came first, or
    /// the task has expired.
    async fn replace(&self, record: Arc<TaskRecord>) -> Result<(), TaskStoreError>;

    /// Waits until a task's version is another than `version`, and returns the task as
    /// [`Self::get`] does. May return early, with a task that has not changed.
    ///
    /// By default it asks once after two seconds, which is how long a cancelled or answered task
    /// then may go on or wait.
    ///
    /// # Errors
    ///
    /// When the store fails.
    async fn changed(
        &self,
        id: &str,
        version: u64,
    ) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
        let _ = version;
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.get(id).await
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskStoreError {
    /// The record has another version by now, or is gone.
    #[error("the task has been changed meanwhile")]
    Conflict,
    /// No more tasks can be kept.
    #[error("no more tasks can be kept")]
    Full,
    /// The store failed.
    #[error("the store of tasks failed")]
    Failed(#[source] BoxError),
}

/// How often a change is made anew before giving up.
const ATTEMPTS: usize = 32;

/// Changes a record, unless `change` says that there is nothing to change. Returns the record as it
/// is then kept.
pub(crate) async fn update(
    store: &dyn TaskStore,
    id: &str,
    mut change: impl FnMut(&mut TaskRecord) -> bool + Send,
) -> Result<Option<Arc<TaskRecord>>, TaskStoreError> {
    for _ in 0..ATTEMPTS {
        let Some(current) = store.get(id).await? else {
            return Ok(None);
        };
        let mut next = TaskRecord::clone(&current);
        if !change(&mut next) {
            return Ok(Some(current));
        }
        next.version += 1;
        next.updated_ms = super::record::now_ms().max(next.updated_ms);
        let next = Arc::new(next);
        match store.replace(Arc::clone(&next)).await {
            Ok(()) => return Ok(Some(next)),
            Err(TaskStoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(TaskStoreError::Conflict)
}
