#[cfg(feature = "operations")]
use std::{collections::HashMap, sync::Arc};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

/// After so many failures in a row a service is left alone for a while.
const FAILURES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(30);

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
            return Err(ToolError::new(
                ToolErrorKind::Unavailable,
                format!(
                    "{} has failed {FAILURES} times in a row and is not asked for {} seconds. Try \
                     again after that.",
                    self.service,
                    PAUSE.as_secs()
                ),
            ));
        }
        Ok(permit)
    }

    /// Notes how a request ended. Only failures of the service itself count.
    pub(crate) fn ended<T>(&self, result: &ToolResult<T>) {
        let failed = result.as_ref().is_err_and(|error| error.kind() == ToolErrorKind::Unavailable);
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        if failed {
            breaker.failures = breaker.failures.saturating_add(1);
            breaker.last = Some(Instant::now());
        } else {
            *breaker = Breaker::default();
        }
    }
}

/// So many gates are kept, more than AWS has regions for the services that are asked: regions come
/// from callers, and what they make up must not pile up here.
#[cfg(feature = "operations")]
const MOST_GATES: usize = 256;

/// A gate for each service in each region.
#[cfg(feature = "operations")]
#[derive(Debug, Default)]
pub(crate) struct Gates(Mutex<HashMap<(&'static str, String), Arc<Gate>>>);

#[cfg(feature = "operations")]
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

    fn failure(kind: ToolErrorKind) -> ToolResult<()> {
        Err(ToolError::new(kind, "no"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_fails_is_left_alone_for_a_while() {
        let gate = Gate::new("Cost Explorer", 2);
        for _ in 0..FAILURES {
            assert!(gate.enter().await.is_ok());
            gate.ended(&failure(ToolErrorKind::Unavailable));
        }
        let error = gate.enter().await.expect_err("closed");
        assert!(error.message().contains("30 seconds"), "{error}");
        tokio::time::advance(PAUSE).await;
        assert!(gate.enter().await.is_ok());
        gate.ended(&failure(ToolErrorKind::Unavailable));
        assert!(gate.enter().await.is_err());
        tokio::time::advance(PAUSE).await;
        gate.ended(&Ok(()));
        gate.ended(&failure(ToolErrorKind::Unavailable));
        assert!(gate.enter().await.is_ok());
    }

    #[tokio::test]
    async fn a_refusal_is_no_failure_of_the_service() {
        let gate = Gate::new("STS", 4);
        for _ in 0..2 * FAILURES {
            gate.ended(&failure(ToolErrorKind::PermissionDenied));
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

    #[cfg(feature = "operations")]
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
