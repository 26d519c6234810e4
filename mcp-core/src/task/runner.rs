use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use async_trait::async_trait;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{TaskHandover, TaskStoreError};
use crate::{BoxError, Request};

/// Decides where the work of tasks is done.
///
/// The work outlives the call that began it, so somebody has to poll it. The core does not spawn;
/// it hands the work to a runner, and [`InProcess`] is the one that a server has unless it is given
/// another. A runner may drop the future and send its [`TaskWork::handover`] to another process,
/// where [`Server::take_over`](crate::Server::take_over) makes the work of it anew: where this one
/// does not live on after its answer.
#[async_trait]
pub trait TaskRunner: Send + Sync + 'static {
    /// Begins the work, or hands it over. Must not wait for its end: the client gets the task's
    /// handle after this.
    ///
    /// # Errors
    ///
    /// When nobody will do the work. The task then counts as failed.
    async fn run(&self, work: TaskWork) -> Result<(), BoxError>;
}

/// The work of one task: a future that ends when the store knows the outcome, or when the task is
/// cancelled. An error means that the store does not know it, because it failed: who can have the
/// work done once more does so.
///
/// Dropping it drops the work; the task's status then stays as it is until the task is due, which
/// is when it counts as failed.
#[must_use = "work does nothing unless it is polled"]
pub struct TaskWork {
    id: String,
    request: Request,
    future: Pin<Box<dyn Future<Output = Result<(), TaskStoreError>> + Send>>,
}

impl TaskWork {
    pub(crate) fn new(
        id: String,
        request: Request,
        future: impl Future<Output = Result<(), TaskStoreError>> + Send + 'static,
    ) -> Self {
        Self { id, request, future: Box::pin(future) }
    }

    /// The task's identifier.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The call that became a task.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What another process needs to do the work.
    pub fn handover(&self) -> TaskHandover {
        TaskHandover::new(&self.id, &self.request)
    }
}

impl fmt::Debug for TaskWork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An identifier gives access to its task, so it stays out of logs.
        f.debug_struct("TaskWork").field("tool", &self.request.name()).finish_non_exhaustive()
    }
}

impl Future for TaskWork {
    type Output = Result<(), TaskStoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), TaskStoreError>> {
        self.future.as_mut().poll(cx)
    }
}

/// Works on tasks in this process, each in a task of the tokio runtime.
///
/// The work is dropped with the server, at the latest when its last clone is: a shutdown does not
/// wait for it, since nobody could ask for an outcome that is kept in memory. Give a server whose
/// store outlives it a runner that does wait.
#[derive(Debug)]
pub struct InProcess {
    stop: CancellationToken,
    _guard: DropGuard,
}

impl Default for InProcess {
    fn default() -> Self {
        let stop = CancellationToken::new();
        Self { _guard: stop.clone().drop_guard(), stop }
    }
}

#[async_trait]
impl TaskRunner for InProcess {
    async fn run(&self, work: TaskWork) -> Result<(), BoxError> {
        let stop = self.stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(work).await });
        Ok(())
    }
}
