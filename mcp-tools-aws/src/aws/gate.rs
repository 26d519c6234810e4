use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mcp_aws::ErrorKind;
use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

/// After so many failures in a row a service is left alone for a while.
const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(30);
/// For so long after AWS has throttled a request the SDK's runtime holds others back.
const HELD_BACK: Duration = Duration::from_secs(120);

/// Stands before a service: limits how many requests are under way, and stops asking what does not
/// answer.
#[derive(Debug)]
pub(crate) struct Gate {
    service: &'static str,
    permits: Semaphore,
    breaker: Mutex<Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    /// When the last failure was.
    last: Option<Instant>,
    /// When AWS last throttled a request.
    throttled: Option<Instant>,
}

impl Gate {
    /// A gate before the service of this name, for so many requests at once.
    pub(crate) fn new(service: &'static str, concurrency: usize) -> Self {
        let permits = Semaphore::new(concurrency);
        Self { service, permits, breaker: Mutex::default() }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    ///
    /// When the service has failed too often, too recently. After the pause one failure more closes
    /// the gate again.
    pub(crate) async fn enter(&self) -> ToolResult<SemaphorePermit<'_>> {
        let permit = self.permits.acquire().await?;
        let breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let closed =
            breaker.failures >= FAILURES && breaker.last.is_some_and(|last| last.elapsed() < PAUSE);
        if closed {
            let what = match breaker.throttled == breaker.last {
                true => "has limited the account's requests",
                false => "has failed",
            };
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!(
                    "{} {what} {FAILURES} times in a row and is not asked for {} seconds. Try again \
                     after that.",
                    self.service,
                    PAUSE.as_secs()
                ),
            ));
        }
        Ok(permit)
    }

    /// Notes how a request ended: only failures of the service itself count. One that has had no answer
    /// in time, as AWS has throttled others lately and requests are held back, was throttled.
    pub(crate) fn ended<T>(&self, result: Result<T, mcp_aws::Error>) -> Result<T, mcp_aws::Error> {
        let now = Instant::now();
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Err(error) if is_failure(error.kind()) => {
                breaker.failures = breaker.failures.saturating_add(1);
                breaker.last = Some(now);
                let held_back = error.kind() == ErrorKind::TimedOut
                    && breaker.throttled.is_some_and(|last| now - last < HELD_BACK);
                let error = if held_back { error.into_throttled() } else { error };
                if error.kind() == ErrorKind::Throttled {
                    breaker.throttled = Some(now);
                }
                Err(error)
            }
            result => {
                breaker.failures = 0;
                breaker.last = None;
                result
            }
        }
    }
}

/// Whether the service is to blame, which must be asked less.
fn is_failure(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Throttled
            | ErrorKind::TimedOut
            | ErrorKind::Unreachable
            | ErrorKind::Unreadable
            | ErrorKind::Failed
    )
}

/// So many gates are kept, more than AWS has regions for the services that are asked: regions come
/// from callers, and what they make up must not pile up here.
const MOST_GATES: usize = 256;

/// A gate for each service in each region, which all tools of the process go through.
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<(&'static str, String), Arc<Gate>>>);

impl Gates {
    /// The gate before a service in a region, for so many requests at once.
    pub(crate) fn of(&self, service: &'static str, region: &str, concurrency: usize) -> Arc<Gate> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= MOST_GATES {
            // Those at which somebody waits stay.
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let gate = || Arc::new(Gate::new(service, concurrency));
        Arc::clone(gates.entry((service, region.to_owned())).or_insert_with(gate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: ErrorKind) -> Result<(), mcp_aws::Error> {
        use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError as Refusal;
        use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
        use aws_smithy_types::{body::SdkBody, error::ErrorMetadata};
        let refused = |code| {
            let error = Refusal::generic(ErrorMetadata::builder().code(code).build());
            let status = 400.try_into().expect("a status");
            SdkError::service_error(error, HttpResponse::new(status, SdkBody::empty()))
        };
        let error = match kind {
            ErrorKind::TimedOut => SdkError::timeout_error("late"),
            ErrorKind::Throttled => refused("Throttling"),
            ErrorKind::AccessDenied => refused("AccessDenied"),
            _ => refused("InternalFailure"),
        };
        let error = mcp_aws::Error::from_sdk::<Refusal>("STS", "sts:GetCallerIdentity", error);
        assert_eq!(error.kind(), kind);
        Err(error)
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_fails_is_left_alone_for_a_while() {
        let gate = Gate::new("Cost Explorer", 2);
        for _ in 0..FAILURES {
            assert!(gate.enter().await.is_ok());
            let _ = gate.ended(failure(ErrorKind::Failed));
        }
        let error = gate.enter().await.expect_err("closed");
        assert!(error.message().contains("has failed 5 times"), "{error}");
        assert!(error.message().contains("30 seconds"), "{error}");
        tokio::time::advance(PAUSE).await;
        assert!(gate.enter().await.is_ok());
        let _ = gate.ended(failure(ErrorKind::Failed));
        assert!(gate.enter().await.is_err());
        tokio::time::advance(PAUSE).await;
        gate.ended(Ok(())).expect("as it was");
        let _ = gate.ended(failure(ErrorKind::Failed));
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_back_after_throttling_is_throttled() {
        let gate = Gate::new("CloudWatch", 4);
        // Nothing was throttled: the service is slow.
        let ends = |kind| gate.ended(failure(kind)).expect_err("a failure").kind();
        assert_eq!(ends(ErrorKind::TimedOut), ErrorKind::TimedOut);
        assert_eq!(ends(ErrorKind::Throttled), ErrorKind::Throttled);
        tokio::time::advance(Duration::from_secs(45)).await;
        for _ in 0..3 {
            assert_eq!(ends(ErrorKind::TimedOut), ErrorKind::Throttled);
        }
        let error = gate.enter().await.expect_err("closed");
        assert!(error.message().contains("has limited the account's requests"), "{error}");
        tokio::time::advance(HELD_BACK).await;
        assert_eq!(ends(ErrorKind::TimedOut), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_refusal_is_no_failure_of_the_service() {
        let gate = Gate::new("STS", 4);
        for _ in 0..2 * FAILURES {
            let _ = gate.ended(failure(ErrorKind::AccessDenied));
        }
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn so_many_requests_are_under_way_and_no_more() {
        let gate = Gate::new("Cost Explorer", 2);
        let _first = gate.enter().await.expect("enters");
        let second = gate.enter().await.expect("enters");
        assert_eq!(gate.permits.available_permits(), 0);
        drop(second);
        assert_eq!(gate.permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn gates_are_kept_by_service_and_region_and_do_not_pile_up() {
        let gates = Gates::default();
        let gate = gates.of("CloudWatch", "eu-west-1", 4);
        let _permit = gate.enter().await.expect("enters");
        for region in 0..2 * MOST_GATES {
            gates.of("CloudWatch", &region.to_string(), 4);
        }
        assert!(gates.0.lock().expect("not poisoned").len() <= MOST_GATES);
        assert!(Arc::ptr_eq(&gate, &gates.of("CloudWatch", "eu-west-1", 4)));
        assert!(!Arc::ptr_eq(&gate, &gates.of("CloudWatch Logs", "eu-west-1", 4)));
    }
}
