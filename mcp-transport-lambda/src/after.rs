use std::{fmt, pin::Pin, sync::Arc};

type Hook = dyn Fn() -> HookFuture + Send + Sync;
type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What comes after each invocation, once it is answered and before the next one is asked for:
/// until then Lambda does not stop the process.
#[derive(Clone, Default)]
pub(crate) struct After(Option<Arc<Hook>>);

impl After {
    pub(crate) fn new<F>(hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Some(Arc::new(move || Box::pin(hook()))))
    }

    pub(crate) async fn run(&self) {
        if let Some(hook) = &self.0 {
            hook().await;
        }
    }
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("After").field(&self.0.is_some()).finish()
    }
}
