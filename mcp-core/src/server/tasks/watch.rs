use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{STORE_PAUSE, Tasks};
use crate::{RpcError, task::TaskRecord, task::TaskStatus};

/// How long a task may keep still before it is looked at whether anybody still works on it.
const STILL: Duration = Duration::from_secs(60);

/// A task that a subscription is about.
#[derive(Clone)]
pub(crate) struct TaskWatch {
    tasks: Arc<Tasks>,
    id: Arc<str>,
    /// The version that its client is taken to know.
    version: u64,
}

/// A task whose changes are awaited.
pub(crate) struct Watching {
    watch: TaskWatch,
    next: Pin<Box<dyn Future<Output = Option<Arc<TaskRecord>>> + Send>>,
}

impl fmt::Debug for TaskWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An identifier gives access to its task, so it stays out of logs.
        f.debug_struct("TaskWatch").field("version", &self.version).finish_non_exhaustive()
    }
}

impl Tasks {
    /// The tasks among these that are a caller's.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        ids: Vec<String>,
        caller: Option<&str>,
    ) -> Result<Vec<(String, TaskWatch)>, RpcError> {
        let mut watches = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(record) = self.get_of(&id, caller).await.map_err(super::refused)? else {
                continue;
            };
            // A client that has been handed a task knows that it is worked on. What has happened
            // since is told at once.
            let is_new = record.status == TaskStatus::Working;
            let version = if is_new { record.version } else { 0 };
            let watch = TaskWatch { tasks: Arc::clone(self), id: id.as_str().into(), version };
            watches.push((id, watch));
        }
        Ok(watches)
    }
}

impl TaskWatch {
    /// Begins to wait for changes.
    pub(crate) fn begin(&self) -> Watching {
        let watch = self.clone();
        Watching { next: Box::pin(watch.clone().next()), watch }
    }

    /// The task as it is once it has changed; `None` once it is forgotten.
    async fn next(self) -> Option<Arc<TaskRecord>> {
        let Self { tasks, id, version } = self;
        loop {
            let changed = tasks.0.store.changed(&id, version);
            let record = match tokio::time::timeout(STILL, changed).await {
                Ok(record) => record,
                Err(_) => match tasks.0.store.get(&id).await {
                    Ok(Some(record)) => tasks.settle(record).await.map(Some),
                    gone => gone,
                },
            };
            match record {
                Ok(Some(record)) if record.version == version => {}
                Ok(record) => return record,
                Err(error) => {
                    tracing::error!(error = &error as &dyn Error, "the store of tasks failed");
                    tokio::time::sleep(STORE_PAUSE).await;
                }
            }
        }
    }
}

impl Watching {
    /// The task as it is now, once it has changed; `None` once it will not change any more.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Arc<TaskRecord>>> {
        let record = std::task::ready!(self.next.as_mut().poll(cx));
        if let Some(record) = &record {
            self.watch.version = record.version;
            self.next = if record.status.is_terminal() {
                Box::pin(std::future::ready(None))
            } else {
                Box::pin(self.watch.clone().next())
            };
        }
        Poll::Ready(record)
    }
}
