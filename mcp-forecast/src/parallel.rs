//! Work that is spread over the machine's processors.

use std::{
    num::NonZeroUsize,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What `work` makes of each item, in their order. The calling thread does its part; others join it
/// where the machine has processors for them and all end before this returns.
pub(crate) fn map<T: Sync, R: Send + Sync>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
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
        for _ in 1..processors().min(items.len()) {
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
