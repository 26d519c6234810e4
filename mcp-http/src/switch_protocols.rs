use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// What becomes of a connection that leaves HTTP: stands in the extensions of a `101` response.
///
/// Whoever sends the response [runs](Self::run) it afterwards, in the place of the connection, so
/// that the listener's limits and its draining hold for what follows, too. Clones share one run.
#[derive(Clone)]
pub struct SwitchProtocols(Arc<Mutex<Option<Run>>>);

type Run = Box<dyn FnOnce(CancellationToken) -> Running + Send>;
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl SwitchProtocols {
    /// What is done with the connection. It is given the token that asks it to come to an end.
    pub fn new<F>(run: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(Mutex::new(Some(Box::new(|shutdown| Box::pin(run(shutdown)))))))
    }

    /// Serves the connection to its end. Only the first call does anything.
    pub async fn run(self, shutdown: CancellationToken) {
        let run = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(run) = run {
            run(shutdown).await;
        }
    }
}

impl fmt::Debug for SwitchProtocols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchProtocols").finish_non_exhaustive()
    }
}
