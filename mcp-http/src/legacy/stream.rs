//! One stream of events, kept for a client whose connection breaks and that comes back for the rest
//! (`Last-Event-ID`).

use std::{
    collections::VecDeque,
    io::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::time::Instant;

use super::budget::Budget;

/// How many events of one stream are kept for a client that is away.
const MOST_EVENTS: usize = 128;
/// How many events and bytes a call may be ahead of a client that is there.
const MOST_UNREAD: usize = 16;
const MOST_UNREAD_BYTES: usize = 256 * 1024;
/// How much is gathered before it is handed over, in bytes.
const FRAME: usize = 16 * 1024;
/// From which size on an event is handed over without a copy, in bytes.
const LARGE: usize = 8 * 1024;
/// What an event takes beside its text, in bytes.
const EVENT_BYTES: usize = 64;
/// After how many milliseconds a client is to come back whose stream has ended too early.
const RETRY: u64 = 1_000;

#[derive(Debug)]
pub(super) struct EventStream {
    /// Names the stream within its session.
    number: u64,
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Event>,
    /// The index of the next event.
    next: u64,
    bytes: usize,
    ended: Option<Instant>,
    reader: Option<Reader>,
    /// Counts the readers, of whom only the last one reads.
    readers: u64,
    /// The call that waits for its client to read.
    writer: Option<Waker>,
}

#[derive(Debug)]
struct Event {
    index: u64,
    /// `None` tells a client no more than where it is, and when to come back.
    text: Option<Bytes>,
}

#[derive(Debug, Default)]
struct Reader {
    /// The index of the event that it is sent next.
    next: u64,
    /// The index of the event that it is not sent any more.
    until: Option<u64>,
    waker: Option<Waker>,
}

/// Names a reader of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReaderKey(u64);

impl Event {
    fn size(&self) -> usize {
        EVENT_BYTES + self.text.as_ref().map_or(0, Bytes::len)
    }
}

impl State {
    fn unread(&self, reader: &Reader) -> (usize, usize) {
        let unread = self.events.iter().rev().take_while(|event| event.index >= reader.next);
        unread.fold((0, 0), |(count, bytes), event| (count + 1, bytes + event.size()))
    }

    fn drop_first(&mut self) -> usize {
        let size = self.events.pop_front().map_or(0, |event| event.size());
        self.bytes -= size;
        size
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.as_mut().and_then(|reader| reader.waker.take()) {
            waker.wake();
        }
    }

    fn wake_writer(&mut self) {
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }
}

impl EventStream {
    pub(super) fn new(number: u64, budget: Arc<Budget>) -> Self {
        Self { number, budget, state: Mutex::default() }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a client where it is, so that it can come back.
    pub(super) fn prime(&self) {
        self.add(None);
    }

    /// Adds a message.
    pub(super) fn push(&self, message: Bytes) {
        self.add(Some(message));
    }

    fn add(&self, text: Option<Bytes>) {
        let index = self.lock().next;
        self.insert(index, text);
    }

    /// Adds an event that another replica has numbered, after those that are here.
    pub(super) fn insert(&self, index: u64, text: Option<Bytes>) {
        let mut state = self.lock();
        if state.ended.is_some() {
            return;
        }
        let event = Event { index, text };
        state.next = index + 1;
        let size = event.size();
        state.bytes += size;
        state.events.push_back(event);
        self.budget.take(size);
        while state.events.len() > MOST_EVENTS {
            self.budget.give_back(state.drop_first());
        }
        state.wake_reader();
    }

    /// Ends the stream after what is in it.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended.get_or_insert_with(Instant::now);
        state.wake_reader();
        state.wake_writer();
    }

    /// The events from an index on, as far as they are kept.
    pub(super) fn events_from(&self, index: u64) -> Vec<(u64, Option<Bytes>)> {
        let state = self.lock();
        let events = state.events.iter().filter(|event| event.index >= index);
        events.map(|event| (event.index, event.text.clone())).collect()
    }

    /// Whether somebody reads it.
    pub(super) fn is_read(&self) -> bool {
        self.lock().reader.is_some()
    }

    /// When the stream ended, unless somebody still reads it.
    pub(super) fn ended(&self) -> Option<Instant> {
        let state = self.lock();
        state.ended.filter(|_| state.reader.is_none())
    }

    /// Forgets the events of a stream that nobody reads at the moment. Whether it could.
    pub(super) fn forget(&self) -> bool {
        let mut state = self.lock();
        if state.reader.is_some() {
            return false;
        }
        state.events.clear();
        self.budget.give_back(std::mem::take(&mut state.bytes));
        true
    }

    /// Ready when the stream has room for another event: a client that is there is not left behind,
    /// and for one that is away only the last events are kept.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let stays = |reader: &&Reader| reader.until.is_none();
        let is_full = state.reader.as_ref().filter(stays).is_some_and(|reader| {
            let (events, bytes) = state.unread(reader);
            events >= MOST_UNREAD || bytes >= MOST_UNREAD_BYTES
        });
        if !is_full || state.ended.is_some() {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Begins to read after an event, or from the beginning. Who has read before is sent nothing
    /// more.
    pub(super) fn read(&self, after: Option<u64>) -> ReaderKey {
        let mut state = self.lock();
        state.wake_reader();
        state.readers += 1;
        let next = after.map_or(0, |index| index.saturating_add(1));
        state.reader = Some(Reader { next, ..Reader::default() });
        ReaderKey(state.readers)
    }

    /// Reads no more.
    pub(super) fn leave(&self, reader: ReaderKey) {
        let mut state = self.lock();
        if state.readers == reader.0 {
            state.reader = None;
            state.wake_writer();
        }
    }

    /// Sends the reader away, if there is one, once it has been sent what is there. It can come back
    /// for what follows.
    pub(super) fn dismiss(&self) {
        let mut state = self.lock();
        state.wake_reader();
        let next = state.next;
        if let Some(reader) = &mut state.reader {
            reader.until = Some(next);
        }
    }

    /// The next events as server-sent events; `None` when there will be none for this reader.
    pub(super) fn poll_frame(
        &self,
        reader: ReaderKey,
        frames: &mut VecDeque<Bytes>,
        cx: &Context<'_>,
    ) -> Poll<Option<()>> {
        let mut state = self.lock();
        let state = &mut *state;
        let Some(place) = state.reader.as_mut().filter(|_| state.readers == reader.0) else {
            return Poll::Ready(None);
        };
        let until = place.until.unwrap_or(u64::MAX);
        let is_next = |event: &Event| event.index >= place.next && event.index < until;
        let Some(first) = state.events.iter().position(is_next) else {
            if state.ended.is_some() || until < u64::MAX {
                state.reader = None;
                return Poll::Ready(None);
            }
            place.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let mut frame = Vec::new();
        for event in state.events.range(first..).take_while(|event| event.index < until) {
            place.next = event.index + 1;
            // Writing to memory does not fail.
            let _ = write!(frame, "id: {}/{}\n", self.number, event.index);
            match &event.text {
                None => drop(write!(frame, "retry: {RETRY}\ndata: \n\n")),
                Some(text) if text.len() < LARGE => {
                    frame.extend_from_slice(b"data: ");
                    frame.extend_from_slice(text);
                    frame.extend_from_slice(b"\n\n");
                }
                Some(text) => {
                    frame.extend_from_slice(b"data: ");
                    frames.push_back(std::mem::take(&mut frame).into());
                    frames.push_back(text.clone());
                    frame.extend_from_slice(b"\n\n");
                }
            }
            if frame.len() >= FRAME {
                break;
            }
        }
        frames.push_back(frame.into());
        state.wake_writer();
        Poll::Ready(Some(()))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.budget.give_back(self.lock().bytes);
    }
}

/// The stream and the event that an event's identifier names.
pub(super) fn parse(event: &str) -> Option<(u64, u64)> {
    let (stream, index) = event.split_once('/')?;
    Some((stream.parse().ok()?, index.parse().ok()?))
}
