use std::{fmt, pin::Pin, sync::Arc};

use crate::BoxError;

type Answer = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// A pack's question whether it can serve at the moment, made with
/// [`ToolPack::ready_check`](crate::ToolPack::ready_check).
pub struct ReadyCheck {
    pack: Arc<str>,
    ask: Box<dyn Fn() -> Answer + Send + Sync>,
}

impl fmt::Debug for ReadyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadyCheck").field("pack", &self.pack).finish_non_exhaustive()
    }
}

impl ReadyCheck {
    pub(crate) fn new<R>(pack: &Arc<str>, ask: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        Self { pack: Arc::clone(pack), ask: Box::new(move || Box::pin(ask())) }
    }

    /// The pack's name.
    pub fn pack(&self) -> &str {
        &self.pack
    }

    /// Asks. The error is for the operator.
    pub fn ask(&self) -> impl Future<Output = Result<(), BoxError>> + Send + 'static {
        (self.ask)()
    }
}
