use std::{fmt, pin::Pin, sync::Arc};

use crate::BoxError;

type Answer = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// Something that a pack has done at a certain time, with its state.
pub(crate) struct Hook {
    pack: Arc<str>,
    run: Box<dyn Fn() -> Answer + Send + Sync>,
}

/// A pack could not be made ready to serve.
#[derive(Debug, thiserror::Error)]
#[error("the pack `{pack}` could not be {what}: {source}")]
pub struct HookError {
    pack: Arc<str>,
    what: &'static str,
    source: BoxError,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("pack", &self.pack).finish_non_exhaustive()
    }
}

impl Hook {
    /// What `run` does with the pack's state.
    pub(crate) fn new<S, F, R, E>(pack: &Arc<str>, state: &Arc<S>, run: F) -> Self
    where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let state = Arc::clone(state);
        let run = move || -> Answer {
            let running = run(Arc::clone(&state));
            Box::pin(async move { running.await.map_err(Into::into) })
        };
        Self { pack: Arc::clone(pack), run: Box::new(run) }
    }

    pub(crate) fn pack(&self) -> &str {
        &self.pack
    }

    pub(crate) fn run(&self) -> Answer {
        (self.run)()
    }

    /// Runs them one after the other, until one fails.
    pub(crate) async fn run_all(hooks: &[Self], what: &'static str) -> Result<(), HookError> {
        for hook in hooks {
            let pack = || Arc::clone(&hook.pack);
            hook.run().await.map_err(|source| HookError { pack: pack(), what, source })?;
        }
        Ok(())
    }
}
