use std::{
    collections::VecDeque,
    sync::{
        Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::stream::EventStream;

/// How many bytes of events are kept, over all streams of all sessions.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// What all streams together may keep.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: AtomicUsize,
    /// The oldest first.
    streams: Mutex<VecDeque<Weak<EventStream>>>,
}

impl Budget {
    /// Takes note of a new stream, and makes room at the cost of the oldest ones, if there is none.
    /// What a client that is there has yet to read is not given up.
    pub(super) fn add(&self, stream: Weak<EventStream>) {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        // Not at every turn, which would cost more the more streams there are.
        if streams.len() == streams.capacity() {
            streams.retain(|stream| stream.strong_count() > 0);
        }
        for _ in 0..streams.len() {
            if self.bytes.load(Ordering::Relaxed) <= MOST_BYTES {
                break;
            }
            if let Some(oldest) = streams.pop_front()
                && let Some(kept) = oldest.upgrade()
                && !kept.forget()
            {
                streams.push_back(oldest);
            }
        }
        streams.push_back(stream);
    }

    pub(super) fn take(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
