//! The streams of HTTP/2, each of which its client has to read.
//!
//! A client can take nothing of one stream (flow control) while it reads the connection, so that no
//! write ever waits and [`WriteTimeout`](crate::write_timeout::WriteTimeout) sees nothing. Here each
//! stream is given up by itself: others on the same connection may be those of other clients of a
//! proxy.

use std::{
    cell::Cell,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::{body::Incoming, rt::Executor, service::Service};
use pin_project_lite::pin_project;
use tokio::{task::futures::TaskLocalFuture, time::Sleep};

use crate::route::{Body, Exchanges, Route, RouteFuture};

/// How much of a body is offered at once, in bytes: what a client takes of it is then seen, and no
/// more is kept for one that has gone on to take nothing. It is the size of a frame.
const SLICE: usize = 16 * 1024;

tokio::task_local! {
    /// What the task of a stream has offered.
    static OFFERS: Offers;
}

#[derive(Default)]
struct Offers {
    count: Cell<u64>,
    /// Whether the last one is still to be taken.
    is_open: Cell<bool>,
}

/// Runs the tasks of streams, and drops those whose client takes nothing for too long: the stream
/// is reset.
#[derive(Clone, Debug)]
pub(crate) struct StreamExecutor {
    timeout: Duration,
}

impl StreamExecutor {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self { timeout }
    }
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        let watched = Watched { future, timeout: self.timeout, seen: 0, stalled: None };
        let task: TaskLocalFuture<Offers, _> = OFFERS.scope(Offers::default(), watched);
        tokio::spawn(task);
    }
}

pin_project! {
    struct Watched<F> {
        #[pin]
        future: F,
        timeout: Duration,
        // The offers at the time at which `stalled` was set.
        seen: u64,
        stalled: Option<Pin<Box<Sleep>>>,
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.future.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let (count, is_open) = OFFERS.with(|offers| (offers.count.get(), offers.is_open.get()));
        if !is_open {
            *this.stalled = None;
            return Poll::Pending;
        }
        if count != *this.seen {
            (*this.seen, *this.stalled) = (count, None);
        }
        let timeout = *this.timeout;
        let stalled = this.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(stalled.as_mut().poll(cx));
        tracing::debug!("a stream whose client takes nothing is given up");
        Poll::Ready(())
    }
}

/// The streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// Whether the connection has any at all.
    are_used: AtomicBool,
    open: AtomicUsize,
}

impl Streams {
    /// Waits until all streams have been sent to their ends, as far as the server goes, and stay
    /// so for a while. What a client has not taken of a last slice by then, it will not.
    pub(crate) async fn ended(&self, patience: Duration) {
        let mut had_ended = false;
        loop {
            let have_ended =
                self.are_used.load(Ordering::Relaxed) && self.open.load(Ordering::Relaxed) == 0;
            if had_ended && have_ended {
                return;
            }
            had_ended = have_ended;
            tokio::time::sleep(patience).await;
        }
    }
}

/// One stream that is open.
struct Open(Arc<Exchanges>);

impl Open {
    fn new(exchanges: &Arc<Exchanges>) -> Self {
        exchanges.streams.are_used.store(true, Ordering::Relaxed);
        exchanges.streams.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(exchanges))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The paths of the listener, whichever version of HTTP asks for them.
#[derive(Clone)]
pub(crate) struct StreamRoute(pub(crate) Route);

impl Service<Request<Incoming>> for StreamRoute {
    type Response = Response<StreamBody>;
    type Error = Infallible;
    type Future = StreamFuture;

    fn call(&self, request: Request<Incoming>) -> StreamFuture {
        let is_stream = request.version() == Version::HTTP_2;
        let open = is_stream.then(|| Open::new(&self.0.exchanges));
        StreamFuture { response: self.0.call(request), open }
    }
}

pin_project! {
    pub(crate) struct StreamFuture {
        #[pin]
        response: RouteFuture,
        open: Option<Open>,
    }
}

impl Future for StreamFuture {
    type Output = Result<Response<StreamBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(response) = ready!(this.response.poll(cx));
        let open = this.open.take();
        Poll::Ready(Ok(response.map(|body| StreamBody { body, rest: Bytes::new(), open })))
    }
}

/// A body; of a stream it is offered in slices.
#[derive(Default)]
pub(crate) struct StreamBody {
    body: Body,
    rest: Bytes,
    /// Only of HTTP/2.
    open: Option<Open>,
}

impl HttpBody for StreamBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.open.is_none() {
            return Pin::new(&mut this.body).poll_frame(cx);
        }
        // Outside of a stream's task there is nobody to tell.
        let _ = OFFERS.try_with(|offers| offers.is_open.set(false));
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None => return Poll::Ready(None),
            }
        }
        let slice = this.rest.split_to(this.rest.len().min(SLICE));
        let _ = OFFERS.try_with(|offers| {
            offers.count.set(offers.count.get() + 1);
            offers.is_open.set(true);
        });
        Poll::Ready(Some(Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (mut hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
