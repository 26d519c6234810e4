//! The calls that could not be answered at once.
//!
//! They live beside each other on the connection's task, each with a waker that tells which one
//! has something to do. Dropping one cancels it there and then, which is what neither a
//! `FuturesUnordered` (it gives up a future only when that is next polled) nor a spawned task (it
//! is dropped when the runtime comes to it) can do, and a notification costs no allocation.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_core::Stream as _;
use mcp_core::{Reply, ReplyPart, RequestId};

use crate::wire::Wire;

/// How many notifications a call may begin with before they are written: what it says at first does
/// not wait until it has said all.
const FIRST: usize = 16;

/// Names a call among those in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallKey(u64);

/// What became of a call that was begun.
pub(crate) enum Started {
    /// It is answered.
    Answered,
    /// It is in flight.
    Waits(CallKey, RequestId),
}

/// How far a call came.
enum Progress {
    /// It is answered.
    Ended,
    /// It waits for something of its own.
    Pending,
    /// It can go on, once what it has said is on its way or the client has read.
    Yields,
}

#[derive(Debug)]
pub(crate) struct Calls {
    running: HashMap<CallKey, Call>,
    ready: Arc<Ready>,
    /// For the next call. One that ends at once leaves it for the one after it.
    spare: CallWaker,
    /// Kept to save an allocation.
    polled: Vec<CallKey>,
    closing: bool,
}

#[derive(Debug)]
struct Call {
    reply: Reply,
    waker: CallWaker,
}

/// What the calls' wakers share.
#[derive(Debug, Default)]
struct Ready(Mutex<ReadyState>);

#[derive(Debug, Default)]
struct ReadyState {
    /// The calls that have something to do.
    keys: Vec<CallKey>,
    /// The connection's task.
    task: Option<Waker>,
}

#[derive(Debug)]
struct CallWaker {
    inner: Arc<Wakeup>,
    waker: Waker,
}

#[derive(Debug)]
struct Wakeup {
    key: CallKey,
    /// Whether the key is among the ready ones.
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, ReadyState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut state = self.ready.lock();
            state.keys.push(self.key);
            state.task.clone()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl CallWaker {
    fn new(key: CallKey, ready: &Arc<Ready>) -> Self {
        let inner =
            Arc::new(Wakeup { key, queued: AtomicBool::new(false), ready: Arc::clone(ready) });
        Self { waker: Waker::from(Arc::clone(&inner)), inner }
    }

    /// Polls the reply for all that it can give now, or so many notifications of it.
    fn poll(&self, reply: &mut Reply, wire: &mut impl Wire, most: usize) -> Progress {
        let mut cx = Context::from_waker(&self.waker);
        let mut notifications = 0;
        while wire.has_room() && notifications < most {
            match Pin::new(&mut *reply).poll_next(&mut cx) {
                Poll::Ready(Some(ReplyPart::Notification(notification))) => {
                    wire.push_with(|out| notification.write_to(out));
                    notifications += 1;
                }
                Poll::Ready(Some(ReplyPart::Request(request))) => wire.push(request),
                // The connection carries everything.
                Poll::Ready(Some(ReplyPart::CloseStream)) => {}
                Poll::Ready(Some(ReplyPart::Response(response))) => {
                    wire.push(response.into_vec());
                    return Progress::Ended;
                }
                Poll::Ready(None) => return Progress::Ended,
                Poll::Pending => return Progress::Pending,
            }
        }
        Progress::Yields
    }
}

impl Calls {
    pub(crate) fn new() -> Self {
        let ready = Arc::default();
        Self {
            running: HashMap::new(),
            spare: CallWaker::new(CallKey(0), &ready),
            ready,
            polled: Vec::new(),
            closing: false,
        }
    }

    /// Has this task woken when a call has something to do.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut state = self.ready.lock();
        match &mut state.task {
            Some(task) => task.clone_from(cx.waker()),
            task @ None => *task = Some(cx.waker().clone()),
        }
    }

    /// Begins a call.
    pub(crate) fn start(&mut self, mut reply: Reply, wire: &mut impl Wire) -> Started {
        if self.closing {
            reply.close();
        }
        let progress = self.spare.poll(&mut reply, wire, FIRST);
        if matches!(progress, Progress::Ended) {
            return Started::Answered;
        }
        let id = reply.id().clone();
        let key = self.spare.inner.key;
        let next = CallWaker::new(CallKey(key.0 + 1), &self.ready);
        let waker = std::mem::replace(&mut self.spare, next);
        if matches!(progress, Progress::Yields) {
            waker.waker.wake_by_ref();
        }
        self.running.insert(key, Call { reply, waker });
        Started::Waits(key, id)
    }

    /// Goes on with the calls that have something to do, each of them once. Tells which have ended.
    pub(crate) fn poll(&mut self, wire: &mut impl Wire, mut ended: impl FnMut(&RequestId)) {
        let mut polled = std::mem::take(&mut self.polled);
        std::mem::swap(&mut polled, &mut self.ready.lock().keys);
        let mut keys = polled.drain(..);
        while wire.has_room()
            && let Some(key) = keys.next()
        {
            let Some(call) = self.running.get_mut(&key) else {
                // Woken by what an earlier call has left somewhere.
                if key == self.spare.inner.key {
                    self.spare.inner.queued.store(false, Ordering::Release);
                }
                continue;
            };
            call.waker.inner.queued.store(false, Ordering::Release);
            match call.waker.poll(&mut call.reply, wire, usize::MAX) {
                Progress::Ended => {
                    if let Some(call) = self.running.remove(&key) {
                        ended(call.reply.id());
                    }
                }
                Progress::Pending => {}
                Progress::Yields => call.waker.waker.wake_by_ref(),
            }
        }
        // The client has to read first; the wakers believe these to be queued.
        self.ready.lock().keys.extend(keys);
        self.polled = polled;
    }

    /// Ends subscriptions, those that are begun from now on as well, with their results.
    pub(crate) fn close_subscriptions(&mut self) {
        self.closing = true;
        for call in self.running.values_mut().filter(|call| call.reply.is_subscription()) {
            call.reply.close();
            call.waker.waker.wake_by_ref();
        }
    }

    /// Drops a call, which cancels it.
    pub(crate) fn cancel(&mut self, key: CallKey) {
        self.running.remove(&key);
    }
}
