//! Work that is spread over the machine's processors.

use std::{
    num::NonZeroUsize,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What `work` makes of each item, in their order. Where it is `long`, milliseconds rather than less,
/// other threads join the one that calls, if the machine has processors for them; they end before this
/// returns. For less they are not worth their start, nor being waited for on a busy machine.
pub(crate) fn map<T: Sync, R: Send + Sync>(
    items: &[T],
    long: bool,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = if long { processors().min(items.len()) } else { 1 };
    let next = AtomicUsize::new(0);
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let take = || {
        while let Some(index) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < items.len())
        {
            _ = results[index].set(work(&items[index]));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where there can be no thread, those that are there do the work.
            if thread::Builder::new().spawn_scoped(scope, take).is_err() {
                break;
            }
        }
        take();
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

/// Asked of the system once, as it has to read files for the answer.
fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, NonZeroUsize::get))
}
