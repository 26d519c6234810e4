use std::{fmt, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use failsafe::{
    Config, Error, StateMachine, backoff::EqualJittered, failure_policy::ConsecutiveFailures,
    futures::CircuitBreaker as _,
};
use mcp_core::{BoxError, ToolError, ToolErrorKind, ToolResult};

/// Calls of a tool to another service: each with a timeout, failures made again after a while, and
/// none at all for some time once the service has failed again and again.
///
/// A pack's state holds one for each service; clones share what they know of it. The model reads
/// that the service cannot be reached; why goes to the log.
///
/// ```
/// use std::time::Duration;
/// use mcp_layers::Outgoing;
///
/// # async fn price() -> Result<u32, std::io::Error> { Ok(42) }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let prices = Outgoing::new("price service").attempts(3).timeout(Duration::from_secs(2));
/// let price = prices.call(|| async { price().await }).await.unwrap();
/// # assert_eq!(price, 42);
/// # });
/// ```
#[derive(Clone)]
pub struct Outgoing {
    service: Arc<str>,
    attempts: usize,
    timeout: Duration,
    pause: Duration,
    breaker: StateMachine<ConsecutiveFailures<EqualJittered>, ()>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("service", &self.service).finish_non_exhaustive()
    }
}

/// Why one attempt failed.
#[derive(Debug)]
enum Failure {
    Failed(BoxError),
    TooSlow(Duration),
    /// The service has failed too often to be asked.
    Open,
}

impl Outgoing {
    /// Calls to a service, by the name under which the model reads of it: three attempts of 10 s
    /// at most, with pauses from 100 ms on that double and differ at random; after five failures
    /// in a row none for 5 to 30 s.
    pub fn new(service: impl Into<Arc<str>>) -> Self {
        Self {
            service: service.into(),
            attempts: 3,
            timeout: Duration::from_secs(10),
            pause: Duration::from_millis(100),
            breaker: breaker(5, Duration::from_secs(5)),
        }
    }

    /// Sets how often a call is made at most; once makes none again.
    #[must_use]
    pub fn attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Sets how long one attempt may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long the first pause is at least; each that follows is twice as long, and all
    /// are longer by up to as much again, at random.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets after how many failures in a row the service is left alone, and for how long at
    /// first; up to six times that where it keeps failing. Clones made before keep their own.
    #[must_use]
    pub fn open_after(mut self, failures: u32, rest: Duration) -> Self {
        self.breaker = breaker(failures.max(1), rest);
        self
    }

    /// Makes a call, again if it fails. Only for what may be done twice.
    ///
    /// # Errors
    ///
    /// `Unavailable`, with the last failure for the log.
    pub async fn call<T, E, F>(&self, mut call: impl FnMut() -> F + Send) -> ToolResult<T>
    where
        F: Future<Output = Result<T, E>> + Send,
        E: Into<BoxError>,
        T: Send,
    {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.pause)
            .with_max_times(self.attempts - 1);
        let attempt = || {
            let called = call();
            async move {
                let limited = async {
                    match tokio::time::timeout(self.timeout, called).await {
                        Ok(answer) => answer.map_err(|error| Failure::Failed(error.into())),
                        Err(_) => Err(Failure::TooSlow(self.timeout)),
                    }
                };
                self.breaker.call(limited).await.map_err(|error| match error {
                    Error::Inner(failure) => failure,
                    Error::Rejected => Failure::Open,
                })
            }
        };
        let again = |failure: &Failure| !matches!(failure, Failure::Open);
        attempt.retry(pauses).when(again).await.map_err(|failure| {
            let service = &self.service;
            let (said, source): (_, BoxError) = match failure {
                Failure::Failed(source) => {
                    (format!("the {service} cannot be reached; try again later"), source)
                }
                Failure::TooSlow(limit) => (
                    format!("the {service} does not answer; try again later"),
                    format!("no answer within {limit:?}").into(),
                ),
                Failure::Open => (
                    format!("the {service} has failed repeatedly and is left alone for a while"),
                    "the circuit is open".into(),
                ),
            };
            ToolError::new(ToolErrorKind::Unavailable, said).with_source(source)
        })
    }
}

fn breaker(failures: u32, rest: Duration) -> StateMachine<ConsecutiveFailures<EqualJittered>, ()> {
    let rests = failsafe::backoff::equal_jittered(rest, rest * 6);
    let policy = failsafe::failure_policy::consecutive_failures(failures, rests);
    Config::new().failure_policy(policy).build()
}
