use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    connection::{Connection, Endpoint},
    error::{ConnectError, Reason},
};

/// How long calls fail at once after the first failure to connect; doubles up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The connection to another server, made again when it is needed and gone.
pub(crate) struct Link {
    pub(crate) endpoint: Endpoint,
    limit: Duration,
    live: Mutex<Option<Arc<Connection>>>,
    /// Held while a connection is made, so that calls that wait for one share it.
    failures: tokio::sync::Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    /// When to try again, and the pause that leads there.
    next: Option<(Instant, Duration)>,
}

impl Failures {
    fn add(&mut self) {
        let pause = match self.next {
            None => FIRST_PAUSE,
            Some((_, pause)) => (pause * 2).min(LONGEST_PAUSE),
        };
        self.next = Some((Instant::now() + pause, pause));
    }
}

impl Link {
    /// Connects for the first time.
    pub(crate) async fn open(endpoint: Endpoint, limit: Duration) -> Result<Self, ConnectError> {
        let connection = Connection::open(&endpoint, limit).await?;
        Ok(Self {
            endpoint,
            limit,
            live: Mutex::new(Some(Arc::new(connection))),
            failures: tokio::sync::Mutex::default(),
        })
    }

    /// The connection that stands, if one does.
    pub(crate) fn live(&self) -> Option<Arc<Connection>> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|connection| connection.is_closed()) {
            *live = None;
        }
        live.clone()
    }

    /// A connection to use now.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, ConnectError> {
        if let Some(live) = self.live() {
            return Ok(live);
        }
        let mut failures = self.failures.lock().await;
        // Another call may have made it meanwhile.
        if let Some(live) = self.live() {
            return Ok(live);
        }
        if failures.next.is_some_and(|(next, _)| Instant::now() < next) {
            return Err(ConnectError::new(&self.endpoint, Reason::Waiting));
        }
        match Connection::open(&self.endpoint, self.limit).await {
            Ok(connection) => {
                failures.next = None;
                let connection = Arc::new(connection);
                tracing::info!(remote = %self.endpoint, "connected again");
                *self.live.lock().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                failures.add();
                Err(error)
            }
        }
    }

    /// Has the next call make a connection of its own. Calls that still use this one go on.
    pub(crate) fn retire(&self, connection: &Arc<Connection>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.as_ref().is_some_and(|live| Arc::ptr_eq(live, connection)) {
            *live = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit() {
        let mut failures = Failures::default();
        let pauses: Vec<u128> = (0..10)
            .map(|_| {
                failures.add();
                failures.next.unwrap().1.as_millis()
            })
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
    }
}
