//! What legacy clients were sent of late, so that one whose connection broke can have it again.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::stream;
use mcp_core::sessions::SessionEvent;
use rmcp::transport::streamable_http_server::session::{
    EventId, EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use super::shared::{SharedStore, is_response, to_sse};

/// How many bytes of messages are kept, over all streams.
const MOST_BYTES: usize = 16 * 1024 * 1024;
/// How many events of one stream are kept.
const MOST_EVENTS: usize = 128;
/// How long the events of a stream are kept after its response.
const RETENTION: Duration = Duration::from_secs(60);
/// How often another replica's request is looked after.
const POLL: Duration = Duration::from_millis(250);

/// The events of all streams, in memory and within limits.
///
/// `rmcp` keeps some events, too, but forgets a call's events with its response, which is what
/// a client comes back for.
#[derive(Debug)]
pub(super) struct EventLog {
    streams: Arc<Mutex<Streams>>,
    /// How long a stream without events is kept that has not ended.
    patience: Duration,
    /// Where other replicas find what they have no part in.
    store: Option<SharedStore>,
}

#[derive(Debug, Default)]
struct Streams {
    by_id: HashMap<Arc<str>, Recorded>,
    /// The streams of single requests, the oldest first.
    requests: VecDeque<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
struct Recorded {
    events: VecDeque<Event>,
    next: u64,
    touched: Instant,
    has_ended: bool,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Event {
    index: u64,
    size: usize,
    message: ServerSseMessage,
}

impl EventLog {
    pub(super) fn new(session_idle: Duration, store: Option<SharedStore>) -> Self {
        Self { streams: Arc::default(), patience: session_idle + RETENTION, store }
    }

    /// Forgets the stream of a session that belongs to no request.
    pub(super) fn forget(&self, session: &str) {
        lock(&self.streams).remove(&common(session));
    }

    /// Whether a session may ask for what follows this event: the streams of requests have names
    /// that cannot be guessed, that of the session has not.
    pub(super) fn may_resume(session: &str, event: &str) -> bool {
        match parse(event) {
            Some((stream, _)) => !stream.contains(':') || stream == common(session),
            None => false,
        }
    }
}

/// The name that `rmcp` gives to the stream of a session.
fn common(session: &str) -> String {
    format!("{session}:common")
}

fn parse(event: &str) -> Option<(&str, u64)> {
    let (stream, index) = event.rsplit_once('/')?;
    Some((stream, index.parse().ok()?))
}

fn lock(streams: &Mutex<Streams>) -> MutexGuard<'_, Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait::async_trait]
impl EventStore for EventLog {
    async fn store_event(
        &self,
        stream: &str,
        message: &ServerSseMessage,
    ) -> Result<EventId, EventStoreError> {
        let size = size(message);
        let index = lock(&self.streams).record(stream, message, size, self.patience);
        // The stream of a session that belongs to no request is each replica's own.
        if let Some(store) = &self.store
            && !stream.contains(':')
        {
            store.append(stream, index, message).await;
        }
        Ok(format!("{stream}/{index}"))
    }

    async fn replay_events_after(&self, event: &str) -> Result<EventStream, EventStoreError> {
        let (stream, index) = parse(event).ok_or("no event has such an identifier")?;
        let stream: Arc<str> = stream.into();
        if !lock(&self.streams).by_id.contains_key(&stream) {
            let Some(store) = &self.store else {
                return Err("the event's stream is over".into());
            };
            return replay_shared(store.clone(), stream, index, self.patience).await;
        }
        let place = (Arc::clone(&self.streams), stream, index);
        Ok(Box::pin(stream::unfold(place, |(streams, stream, last)| async move {
            let (index, message) = after(&streams, &stream, last).await?;
            Some((message, (streams, stream, index)))
        })))
    }
}

/// The events of another replica's request: those that there are, and those that still come as long
/// as that replica lives.
async fn replay_shared(
    store: SharedStore,
    stream: Arc<str>,
    index: u64,
    patience: Duration,
) -> Result<EventStream, EventStoreError> {
    let Some(events) = store.events_after(&stream, index).await? else {
        return Err("the event's stream is over".into());
    };
    let (told, mut heard) = mpsc::channel(MOST_EVENTS);
    // A task of its own: the engine wants streams that can be shared between threads, and what a
    // store does cannot.
    tokio::spawn(async move {
        let followed = follow(&store, &stream, (index, events), patience, &told);
        tokio::select! {
            () = told.closed() => {}
            () = followed => {}
        }
    });
    Ok(Box::pin(stream::poll_fn(move |cx| heard.poll_recv(cx))))
}

async fn follow(
    store: &SharedStore,
    stream: &str,
    (mut last, mut events): (u64, Vec<SessionEvent>),
    patience: Duration,
    told: &mpsc::Sender<ServerSseMessage>,
) {
    let mut touched = Instant::now();
    while touched.elapsed() <= patience {
        for event in events.drain(..) {
            (last, touched) = (event.index, Instant::now());
            if let Some(sse) = to_sse(stream, &event)
                && told.send(sse).await.is_err()
            {
                return;
            }
            if event.is_last {
                return;
            }
        }
        tokio::time::sleep(POLL).await;
        match store.events_after(stream, last).await {
            Ok(Some(more)) => events = more,
            Ok(None) => return,
            // It may come back.
            Err(_) => {}
        }
    }
}

/// The event that follows, once there is one; `None` if there will be none.
async fn after(
    streams: &Mutex<Streams>,
    stream: &str,
    last: u64,
) -> Option<(u64, ServerSseMessage)> {
    loop {
        let changed = {
            let streams = lock(streams);
            let recorded = streams.by_id.get(stream)?;
            if let Some(event) = recorded.events.iter().find(|event| event.index > last) {
                let mut message = event.message.clone();
                message.event_id = Some(format!("{stream}/{}", event.index));
                return Some((event.index, message));
            }
            if recorded.has_ended {
                return None;
            }
            // Made while the lock is held, it sees every change that follows.
            Arc::clone(&recorded.changed).notified_owned()
        };
        changed.await;
    }
}

impl Streams {
    fn record(
        &mut self,
        stream: &str,
        message: &ServerSseMessage,
        size: usize,
        patience: Duration,
    ) -> u64 {
        let now = Instant::now();
        if !self.by_id.contains_key(stream) {
            self.evict(now, patience);
            let name: Arc<str> = stream.into();
            let recorded = Recorded {
                events: VecDeque::new(),
                next: 0,
                touched: now,
                has_ended: false,
                changed: Arc::default(),
            };
            self.by_id.insert(Arc::clone(&name), recorded);
            if !stream.contains(':') {
                self.requests.push_back(name);
            }
        }
        let Some(recorded) = self.by_id.get_mut(stream) else {
            return 0;
        };
        let index = recorded.next;
        recorded.next += 1;
        recorded.touched = now;
        recorded.has_ended |=
            message.message.as_deref().is_some_and(is_response) && !stream.contains(':');
        recorded.events.push_back(Event { index, size, message: message.clone() });
        self.bytes += size;
        if recorded.events.len() > MOST_EVENTS
            && let Some(event) = recorded.events.pop_front()
        {
            self.bytes -= event.size;
        }
        recorded.changed.notify_waiters();
        index
    }

    /// Makes room, the oldest streams first.
    fn evict(&mut self, now: Instant, patience: Duration) {
        while let Some(oldest) = self.requests.front() {
            let is_kept = self.bytes <= MOST_BYTES
                && self.by_id.get(oldest).is_some_and(|recorded| {
                    let limit = if recorded.has_ended { RETENTION } else { patience };
                    now - recorded.touched <= limit
                });
            if is_kept {
                return;
            }
            let oldest = Arc::clone(oldest);
            self.requests.pop_front();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, stream: &str) {
        if let Some(recorded) = self.by_id.remove(stream) {
            self.bytes -= recorded.events.iter().map(|event| event.size).sum::<usize>();
            recorded.changed.notify_waiters();
        }
    }
}

/// About how much memory a message takes: as much as its JSON.
fn size(message: &ServerSseMessage) -> usize {
    struct Count(usize);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(256);
    if let Some(message) = message.message.as_deref() {
        // Counting does not fail.
        let _ = serde_json::to_writer(&mut count, message);
    }
    count.0
}
