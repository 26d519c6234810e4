//! `/ready`: whether the server should get requests.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use mcp_core::Server;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long one check may take.
const LIMIT: Duration = Duration::from_secs(2);
/// For how long an answer is given again. Anyone may ask.
const KEPT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Readiness {
    server: Server,
    /// Cancelled when the listener has been told to stop.
    leaving: CancellationToken,
    last: Mutex<Option<(Instant, Arc<str>)>>,
}

impl Readiness {
    pub(crate) fn new(server: Server, leaving: CancellationToken) -> Self {
        Self { server, leaving, last: Mutex::default() }
    }

    /// The answer to a probe.
    pub(crate) async fn answer(&self) -> (StatusCode, String) {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        if self.leaving.is_cancelled() {
            return (unavailable, r#"{"status":"draining"}"#.to_owned());
        }
        let failing = self.failing().await;
        if failing.is_empty() {
            return (StatusCode::OK, r#"{"status":"ready"}"#.to_owned());
        }
        (unavailable, format!(r#"{{"status":"not ready","failing":[{failing}]}}"#))
    }

    /// The names of the packs that cannot serve, as members of a JSON array. Whoever asks
    /// meanwhile waits for the same answer.
    async fn failing(&self) -> Arc<str> {
        let mut last = self.last.lock().await;
        if let Some((asked, failing)) = &*last
            && asked.elapsed() < KEPT
        {
            return Arc::clone(failing);
        }
        let mut packs = self.ask().await;
        packs.sort_unstable();
        packs.dedup();
        let failing: Arc<str> = packs.join(",").into();
        let before = last.replace((Instant::now(), Arc::clone(&failing)));
        if failing.is_empty() && before.is_some_and(|(_, before)| !before.is_empty()) {
            tracing::info!("ready again");
        }
        failing
    }

    /// Asks all packs at once, each on a task of its own: one that panics is one that fails.
    async fn ask(&self) -> Vec<String> {
        let mut asked = JoinSet::new();
        for check in self.server.ready_checks() {
            let (answer, pack) = (check.ask(), check.pack().to_owned());
            asked.spawn(async move {
                let answer = tokio::spawn(timeout(LIMIT, answer)).await;
                let reason = match answer {
                    Ok(Ok(Ok(()))) => return None,
                    Ok(Ok(Err(error))) => error.to_string(),
                    Ok(Err(_)) => format!("no answer within {LIMIT:?}"),
                    Err(_) => "the check panicked".to_owned(),
                };
                tracing::warn!(pack, reason, "a pack is not ready");
                Some(format!("{pack:?}"))
            });
        }
        asked.join_all().await.into_iter().flatten().collect()
    }
}
