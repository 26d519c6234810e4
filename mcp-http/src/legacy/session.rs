use std::{
    collections::HashMap,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream as _;
use mcp_core::{
    Encoded, ErrorKind, LegacySession, NotificationMessage, Reply, ReplyPart, Request, RequestId,
    RpcError,
};
use tokio::{task::AbortHandle, time::Instant};

use super::{
    budget::Budget,
    shared::SharedStore,
    stream::{EventStream, ReaderKey},
};
use crate::{events::without_line_breaks, service::panicked};

/// The first revision whose clients expect an event without data at the start of a stream, which
/// tells them when to come back if it breaks. Earlier ones take it for malformed JSON.
const FIRST_WITH_PRIMING: &str = "2025-11-25";
/// How many calls of one session are under way at once.
const MOST_IN_FLIGHT: usize = 64;
/// How many streams of one session are kept for a client that comes back.
const MOST_STREAMS: usize = 128;
/// How long a stream is kept after its end.
const RETENTION: Duration = Duration::from_secs(60);
/// The stream that belongs to no request.
const COMMON: u64 = 0;

/// One legacy session over HTTP.
#[derive(Debug)]
pub(super) struct Session {
    legacy: LegacySession,
    /// Who opened it, where callers are known.
    owner: Option<Arc<str>>,
    budget: Arc<Budget>,
    /// Under which name other replicas find it, if they can.
    shared: Option<(Arc<str>, SharedStore)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    used: Instant,
    /// How many connections read a stream of it.
    readers: usize,
    streams: HashMap<u64, Arc<EventStream>>,
    next_stream: u64,
    /// The calls that outlive the request which began them.
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Call {
    id: RequestId,
    stream: Arc<EventStream>,
    task: Option<AbortHandle>,
}

/// What a request of a session comes to.
pub(super) enum Answer {
    /// It is answered.
    Now(Encoded),
    /// It says something before its answer, or takes its time.
    Stream(Arc<EventStream>, ReaderKey),
}

impl Session {
    pub(super) fn new(
        legacy: LegacySession,
        owner: Option<Arc<str>>,
        budget: Arc<Budget>,
        shared: Option<(Arc<str>, SharedStore)>,
    ) -> Arc<Self> {
        // Replicas number their streams so that no two have one of the same number.
        let first_stream = if shared.is_some() { random_number() } else { COMMON + 1 };
        let state = State {
            used: Instant::now(),
            readers: 0,
            streams: HashMap::new(),
            next_stream: first_stream,
            calls: Vec::new(),
        };
        Arc::new(Self { legacy, owner, budget, shared, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn belongs_to(&self, caller: Option<&str>) -> bool {
        self.owner.as_deref() == caller
    }

    pub(super) fn legacy(&self) -> &LegacySession {
        &self.legacy
    }

    /// Answers a request. What cannot be answered at once goes on in a task of its own, so that a
    /// client whose connection breaks finds the answer when it comes back.
    pub(super) fn answer(self: &Arc<Self>, request: Request) -> Answer {
        self.lock().used = Instant::now();
        let mut reply = self.legacy.call(request);
        let part = match poll(&mut reply, &mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(ReplyPart::Response(response))) => return Answer::Now(response),
            Poll::Ready(part) => part,
            Poll::Pending => None,
        };
        let stream = match self.begin(reply.id()) {
            Ok(stream) => stream,
            Err(error) => return Answer::Now(Encoded::refusal(Some(reply.id()), error)),
        };
        // Before the call goes on, which may send its reader away.
        let reader = stream.read(None);
        if let Some(part) = part {
            self.push(&stream, part);
        }
        let task = tokio::spawn(Arc::clone(self).drive(reply, Arc::clone(&stream)));
        let mut state = self.lock();
        let mut calls = state.calls.iter_mut();
        match calls.find(|call| call.stream.number() == stream.number()) {
            Some(call) => call.task = Some(task.abort_handle()),
            // It is over already, as another thread was faster; or it is not wanted any more.
            None => task.abort(),
        }
        Answer::Stream(Arc::clone(&stream), reader)
    }

    /// Makes the stream of a call that is under way.
    fn begin(&self, id: &RequestId) -> Result<Arc<EventStream>, RpcError> {
        let mut state = self.lock();
        if state.calls.len() >= MOST_IN_FLIGHT {
            let message = "the session has too many calls under way; try again later";
            return Err(RpcError::new(ErrorKind::Overloaded, message));
        }
        if state.streams.len() >= MOST_STREAMS {
            let ended = |stream: &Arc<EventStream>| Some((stream.ended()?, stream.number()));
            let oldest = state.streams.values().filter_map(ended).min();
            if let Some((_, number)) = oldest {
                state.streams.remove(&number);
            }
        }
        let number = state.next_stream;
        state.next_stream += 1;
        let stream = self.new_stream(&mut state, number);
        state.calls.push(Call { id: id.clone(), stream: Arc::clone(&stream), task: None });
        Ok(stream)
    }

    fn new_stream(&self, state: &mut State, number: u64) -> Arc<EventStream> {
        let stream = Arc::new(EventStream::new(number, Arc::clone(&self.budget)));
        self.budget.add(Arc::downgrade(&stream));
        if self.takes_priming() {
            stream.prime();
        }
        state.streams.insert(number, Arc::clone(&stream));
        stream
    }

    fn takes_priming(&self) -> bool {
        self.legacy.version() >= FIRST_WITH_PRIMING
    }

    /// Does a call's work and writes down what it says, as fast as its client reads.
    async fn drive(self: Arc<Self>, mut reply: Reply, stream: Arc<EventStream>) {
        let mut kept = 0;
        loop {
            if let Some((id, store)) = &self.shared {
                store.keep(id, &stream, &mut kept, false).await;
            }
            poll_fn(|cx| stream.poll_room(cx)).await;
            match poll_fn(|cx| poll(&mut reply, cx)).await {
                Some(part) => {
                    if self.push(&stream, part) {
                        break;
                    }
                }
                None => break,
            }
        }
        if let Some((id, store)) = &self.shared {
            store.keep(id, &stream, &mut kept, true).await;
        }
        stream.end();
        let mut state = self.lock();
        state.calls.retain(|call| call.stream.number() != stream.number());
        state.used = Instant::now();
    }

    /// Writes down a part of a reply. Whether it was the last.
    fn push(&self, stream: &EventStream, part: ReplyPart) -> bool {
        match part {
            ReplyPart::Notification(notification) => stream.push(notification.to_bytes().into()),
            ReplyPart::Request(request) => stream.push(request),
            // Without the event that comes first, a client has nothing to come back with.
            ReplyPart::CloseStream if self.takes_priming() => stream.dismiss(),
            ReplyPart::CloseStream => {}
            ReplyPart::Response(response) => {
                stream.push(without_line_breaks(response.into_bytes()));
                return true;
            }
        }
        false
    }

    /// Takes a notification of the client.
    pub(super) fn hear(&self, notification: &NotificationMessage) {
        let mut state = self.lock();
        state.used = Instant::now();
        let Some(id) = notification.cancelled_request() else {
            return;
        };
        let cancelled: Vec<Call> = state.calls.extract_if(.., |call| call.id == *id).collect();
        drop(state);
        cancelled.iter().for_each(Call::cancel);
    }

    /// Begins to read the stream that belongs to no request.
    pub(super) fn listen(&self) -> (Arc<EventStream>, ReaderKey) {
        let mut state = self.lock();
        let stream = match state.streams.get(&COMMON) {
            Some(stream) => {
                if self.takes_priming() {
                    stream.prime();
                }
                Arc::clone(stream)
            }
            None => self.new_stream(&mut state, COMMON),
        };
        drop(state);
        let reader = stream.read(None);
        (stream, reader)
    }

    /// Goes on with a stream after one of its events, if the stream is still known.
    pub(super) fn resume(&self, stream: u64, event: u64) -> Option<(Arc<EventStream>, ReaderKey)> {
        let stream = self.lock().streams.get(&stream).cloned()?;
        let reader = stream.read(Some(event));
        Some((stream, reader))
    }

    /// Whether a stream is this replica's.
    pub(super) fn has_stream(&self, stream: u64) -> bool {
        stream == COMMON || self.lock().streams.contains_key(&stream)
    }

    /// As [`Self::resume`], for a stream of another replica, if the store knows it.
    pub(super) async fn resume_shared(
        self: &Arc<Self>,
        number: u64,
        event: u64,
        until: Option<Instant>,
    ) -> Option<(Arc<EventStream>, ReaderKey)> {
        let (id, store) = self.shared.clone().filter(|_| number != COMMON)?;
        let events = store.events_after(&id, number, event).await.ok()??;
        // It is the reader's alone: who comes back once more asks the store once more.
        let stream = Arc::new(EventStream::new(number, Arc::clone(&self.budget)));
        let reader = stream.read(Some(event));
        let filled = Arc::clone(&stream);
        tokio::spawn(async move { store.follow(&id, &filled, event, events, until).await });
        Some((stream, reader))
    }

    /// What the client is to hear of next without having asked, if this is the stream for it.
    pub(super) fn poll_notification(&self, stream: &EventStream, cx: &Context<'_>) -> Poll<Bytes> {
        if stream.number() == COMMON { self.legacy.poll_notification(cx) } else { Poll::Pending }
    }

    pub(super) fn reader_came(&self) {
        self.lock().readers += 1;
    }

    pub(super) fn reader_left(&self) {
        let mut state = self.lock();
        state.readers -= 1;
        state.used = Instant::now();
    }

    /// Whether nobody has used the session for so long, nor reads from it or waits for a call.
    pub(super) fn is_idle(&self, idle: Duration) -> bool {
        let state = self.lock();
        state.readers == 0 && state.calls.is_empty() && state.used.elapsed() >= idle
    }

    /// When it was used the last time, if it is not in use.
    pub(super) fn unused_since(&self) -> Option<Instant> {
        let state = self.lock();
        (state.readers == 0 && state.calls.is_empty()).then_some(state.used)
    }

    /// Whether somebody reads from it or waits for a call, without having to say so.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.lock();
        state.readers > 0 || !state.calls.is_empty()
    }

    /// Forgets the streams that ended a while ago.
    pub(super) fn sweep(&self) {
        self.lock()
            .streams
            .retain(|_, stream| stream.ended().is_none_or(|ended| ended.elapsed() < RETENTION));
    }

    /// Ends the session: its calls are cancelled, and its streams end.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        let calls = std::mem::take(&mut state.calls);
        let streams = std::mem::take(&mut state.streams);
        drop(state);
        calls.iter().for_each(Call::cancel);
        streams.values().for_each(|stream| stream.end());
        self.legacy.hang_up();
    }
}

/// A number that leaves room for many more after it.
fn random_number() -> u64 {
    // Names of sessions are drawn from the same source, and there would be none without it.
    getrandom::u32().map_or(COMMON + 1, |number| (u64::from(number) + 1) << 16)
}

impl Call {
    fn cancel(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        self.stream.end();
    }
}

/// The next part of a reply. Tools cannot panic through a reply, but layers can.
fn poll(reply: &mut Reply, cx: &mut Context<'_>) -> Poll<Option<ReplyPart>> {
    catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *reply).poll_next(cx))).unwrap_or_else(|panic| {
        Poll::Ready(Some(ReplyPart::Response(panicked(Some(reply.id()), &*panic))))
    })
}
