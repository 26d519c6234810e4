use std::{fmt, sync::Arc, time::Duration};

use super::{InMemoryTaskStore, InProcess, TaskRunner, TaskStore};

/// Whether the calls of a tool become tasks. Set with `#[tool(task)]` and its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskSupport {
    /// Never. The default.
    #[default]
    Never,
    /// `task`, `task = "optional"`: from the start, where the client knows tasks. A client that
    /// does not is answered in the ordinary way, within the server's ordinary deadline.
    Optional,
    /// `task = "required"`: from the start; a client that does not know tasks gets an error that
    /// says so (-32021).
    Required,
    /// `task = "on_demand"`: once the tool calls
    /// [`ToolContext::continue_as_task`](crate::ToolContext::continue_as_task).
    OnDemand,
}

/// How a server keeps its tasks. See [`ServerBuilder::tasks`](crate::ServerBuilder::tasks).
pub struct TaskOptions {
    pub(crate) store: Arc<dyn TaskStore>,
    pub(crate) runner: Arc<dyn TaskRunner>,
    pub(crate) ttl: Duration,
    pub(crate) poll_interval: Duration,
}

impl fmt::Debug for TaskOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskOptions")
            .field("ttl", &self.ttl)
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            store: Arc::new(InMemoryTaskStore::default()),
            runner: Arc::new(InProcess::default()),
            ttl: Duration::from_secs(3600),
            poll_interval: Duration::from_secs(1),
        }
    }
}

impl TaskOptions {
    /// In memory, for an hour, polled once a second.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where tasks are kept.
    #[must_use]
    pub fn store(mut self, store: impl TaskStore) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets where their work is done.
    #[must_use]
    pub fn runner(mut self, runner: impl TaskRunner) -> Self {
        self.runner = Arc::new(runner);
        self
    }

    /// Sets how long an outcome is kept at least once the work has ended; an hour by default.
    ///
    /// It is also how long the work of a tool without a timeout of its own may take; a longer one
    /// needs `#[tool(timeout = "…")]`. A task is told to live (`ttlMs`) for both together.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how often clients should ask for a task's status (`pollIntervalMs`); every second by
    /// default.
    #[must_use]
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval;
        self
    }
}
