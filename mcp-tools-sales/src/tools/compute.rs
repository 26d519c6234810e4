use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use mcp_core::{ToolError, ToolErrorKind, ToolResult};

/// Does work that takes milliseconds of a processor on a thread for such work. It is handed a
/// question to ask now and then: whether anybody still waits for it.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce(&(dyn Fn() -> bool + Sync)) -> T + Send + 'static,
) -> ToolResult<T> {
    let wanted = Arc::new(AtomicBool::new(true));
    let asker = Asker(wanted.clone());
    let done = tokio::task::spawn_blocking(move || work(&|| wanted.load(Ordering::Relaxed))).await;
    drop(asker);
    done.map_err(|error| {
        ToolError::new(ToolErrorKind::Internal, "the computation failed").with_source(error)
    })
}

/// Tells the work that nobody waits any more when the call's future is dropped.
struct Asker(Arc<AtomicBool>);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
