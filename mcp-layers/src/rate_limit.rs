use std::{
    fmt,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
};
use mcp_core::{BoxError, ErrorKind, Request, Response, RpcError};
use tower::{Layer, Service};

use crate::{ResponseFuture, caller};

/// After how many requests callers who have not come for long are forgotten.
const SWEEP: u32 = 4096;

/// Limits how many requests are served in a time, of each caller or of all together. Those beyond
/// it get an error that says when to come back (over HTTP 429 with `Retry-After`).
///
/// Requests are spread over the time (GCRA): `600` in a minute is a burst of 600, then one each
/// 100 ms. Callers who are not authenticated share one limit.
#[derive(Clone)]
pub struct RateLimitLayer {
    limiter: Arc<Limiter>,
}

enum Limiter {
    Global(DefaultDirectRateLimiter),
    PerCaller { limiter: DefaultKeyedRateLimiter<Box<str>>, until_sweep: AtomicU32 },
}

/// The service that [`RateLimitLayer`] makes.
#[derive(Clone)]
pub struct RateLimit<S> {
    inner: S,
    limiter: Arc<Limiter>,
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for RateLimit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit").finish_non_exhaustive()
    }
}

impl RateLimitLayer {
    /// Serves each caller so many requests in this time.
    ///
    /// # Panics
    ///
    /// When either is zero.
    #[track_caller]
    pub fn per_caller(requests: u32, time: Duration) -> Self {
        let limiter = RateLimiter::keyed(quota(requests, time));
        let until_sweep = AtomicU32::new(SWEEP);
        Self { limiter: Arc::new(Limiter::PerCaller { limiter, until_sweep }) }
    }

    /// Serves so many requests in this time, whoever they are of.
    ///
    /// # Panics
    ///
    /// When either is zero.
    #[track_caller]
    pub fn global(requests: u32, time: Duration) -> Self {
        let limiter = RateLimiter::direct(quota(requests, time));
        Self { limiter: Arc::new(Limiter::Global(limiter)) }
    }
}

#[track_caller]
fn quota(requests: u32, time: Duration) -> Quota {
    let requests = NonZeroU32::new(requests).expect("a limit of no requests serves nobody");
    let quota = Quota::with_period(time / requests.get());
    quota.expect("a limit needs a time that is longer than nothing").allow_burst(requests)
}

impl Limiter {
    /// How long to wait, if it is too soon.
    fn check(&self, caller: &str) -> Result<(), Duration> {
        let now = DefaultClock::default().now();
        match self {
            Self::Global(limiter) => limiter.check().map_err(|until| until.wait_time_from(now)),
            Self::PerCaller { limiter, until_sweep } => {
                if until_sweep.fetch_sub(1, Ordering::Relaxed) == 1 {
                    limiter.retain_recent();
                    limiter.shrink_to_fit();
                    until_sweep.store(SWEEP, Ordering::Relaxed);
                }
                limiter.check_key(&caller.into()).map_err(|until| until.wait_time_from(now))
            }
        }
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit { inner, limiter: Arc::clone(&self.limiter) }
    }
}

impl<S> Service<Request> for RateLimit<S>
where
    S: Service<Request, Response = Response>,
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
        if let Err(wait) = self.limiter.check(caller(&request)) {
            let error = RpcError::new(ErrorKind::RateLimited, "too many requests; slow down")
                .with_retry_after(wait);
            return Box::pin(std::future::ready(Ok(Response::error(error))));
        }
        let response = self.inner.call(request);
        Box::pin(async move { response.await.map_err(Into::into) })
    }
}
