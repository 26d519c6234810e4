use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_core::{BoxError, ErrorKind, Request, Response, RpcError};
use tokio::{
    sync::{Semaphore, TryAcquireError},
    time::timeout,
};
use tower::{Layer, Service};

use crate::ResponseFuture;

/// Limits how many requests are worked on at once, and how many wait for that. Those beyond it
/// get an error at once (over HTTP 503 with `Retry-After`), as do those that have waited too long:
/// a server that answers some in time is of more use than one that answers all too late.
///
/// `tower`'s limit lets any number wait, and with its load shedding none. What one server or pack is
/// wrapped in counts by itself.
#[derive(Clone, Copy, Debug)]
pub struct ConcurrencyLayer {
    in_flight: usize,
    queue: usize,
    max_wait: Duration,
}

/// The service that [`ConcurrencyLayer`] makes.
#[derive(Clone)]
pub struct Concurrency<S> {
    inner: S,
    max_wait: Duration,
    places: Arc<Semaphore>,
    /// Those in flight and those that wait.
    admitted: Arc<Semaphore>,
}

impl<S> fmt::Debug for Concurrency<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Concurrency").finish_non_exhaustive()
    }
}

impl ConcurrencyLayer {
    /// Works on so many requests at once; nobody waits.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[track_caller]
    pub fn new(in_flight: usize) -> Self {
        assert!(in_flight > 0, "a server that works on nothing serves nobody");
        let in_flight = in_flight.min(Semaphore::MAX_PERMITS / 2);
        Self { in_flight, queue: 0, max_wait: Duration::from_secs(5) }
    }

    /// Lets so many requests wait.
    #[must_use]
    pub fn queue(mut self, requests: usize) -> Self {
        self.queue = requests.min(Semaphore::MAX_PERMITS / 2);
        self
    }

    /// Sets for how long a request may wait; 5 s by default.
    #[must_use]
    pub fn max_wait(mut self, time: Duration) -> Self {
        self.max_wait = time;
        self
    }
}

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = Concurrency<S>;

    fn layer(&self, inner: S) -> Concurrency<S> {
        let places = Arc::new(Semaphore::new(self.in_flight));
        let admitted = Arc::new(Semaphore::new(self.in_flight + self.queue));
        Concurrency { inner, max_wait: self.max_wait, places, admitted }
    }
}

fn busy() -> Response {
    let error = RpcError::new(ErrorKind::Overloaded, "the server is busy; try again later");
    Response::error(error.with_retry_after(Duration::from_secs(1)))
}

impl<S> Service<Request> for Concurrency<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        let Ok(admitted) = Arc::clone(&self.admitted).try_acquire_owned() else {
            return Box::pin(std::future::ready(Ok(busy())));
        };
        // The one that is ready goes along with the request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (places, max_wait) = (Arc::clone(&self.places), self.max_wait);
        Box::pin(async move {
            let place = match Arc::clone(&places).try_acquire_owned() {
                Err(TryAcquireError::NoPermits) => {
                    timeout(max_wait, places.acquire_owned()).await.ok().and_then(Result::ok)
                }
                place => place.ok(),
            };
            let Some(place) = place else { return Ok(busy()) };
            let response = inner.call(request).await.map_err(Into::into);
            drop((place, admitted));
            response
        })
    }
}
