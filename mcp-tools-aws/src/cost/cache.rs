use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use chrono::Utc;
use mcp_core::{ToolError, ToolResult};
use moka::{Expiry, future::Cache};

use super::{
    forecast::{Forecast, ForecastQuery},
    get_cost_anomalies::{AnomalyPages, AnomalyQuery},
    query::{CostQuery, CostTable},
};
use crate::Aws;

/// AWS updates costs about three times a day; days that are over change little.
const CLOSED: Duration = Duration::from_secs(6 * 3600);
const OPEN: Duration = Duration::from_secs(15 * 60);
/// What is incomplete is asked again soon.
const PARTIAL: Duration = Duration::from_secs(60);
/// Some kilobytes each.
const MOST_ANSWERS: u64 = 500;

/// What Cost Explorer has answered, so that nothing is paid for twice.
#[derive(Debug)]
pub(crate) struct CostCache {
    pub(super) costs: Answers<CostQuery, CostTable>,
    pub(super) forecasts: Answers<ForecastQuery, Forecast>,
    pub(super) anomalies: Answers<AnomalyQuery, AnomalyPages>,
}

pub(super) type Answers<K, V> = Cache<K, Arc<V>>;

/// How long an answer stays good.
pub(super) trait Fresh {
    fn fresh_for(&self) -> Duration;
}

impl Fresh for CostTable {
    fn fresh_for(&self) -> Duration {
        if self.missing.is_some() {
            PARTIAL
        } else if self.is_open(Utc::now().date_naive()) {
            OPEN
        } else {
            CLOSED
        }
    }
}

impl Fresh for Forecast {
    fn fresh_for(&self) -> Duration {
        CLOSED
    }
}

impl Fresh for AnomalyPages {
    fn fresh_for(&self) -> Duration {
        OPEN
    }
}

struct ByFreshness;

impl<K, V: Fresh> Expiry<K, Arc<V>> for ByFreshness {
    fn expire_after_create(&self, _: &K, answer: &Arc<V>, _: Instant) -> Option<Duration> {
        Some(answer.fresh_for())
    }
}

impl Default for CostCache {
    fn default() -> Self {
        Self { costs: answers(), forecasts: answers(), anomalies: answers() }
    }
}

fn answers<K, V>() -> Answers<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Fresh + Send + Sync + 'static,
{
    Cache::builder().max_capacity(MOST_ANSWERS).expire_after(ByFreshness).build()
}

/// The answer to a question that costs money, and whether it has just been paid for.
///
/// Callers with one question share one request. It goes on when the one who asked first, or all of
/// them, have gone: it is paid for, and the next one finds its answer.
pub(super) async fn once<K, V, F>(
    aws: &Aws,
    answers: fn(&CostCache) -> &Answers<K, V>,
    question: K,
    ask: impl FnOnce(K, Aws) -> F + Send + 'static,
) -> ToolResult<(Arc<V>, bool)>
where
    K: Clone + Hash + Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
    F: Future<Output = ToolResult<V>> + Send,
{
    if let Some(answer) = answers(aws.cache()).get(&question).await {
        return Ok((answer, false));
    }
    let aws = aws.clone();
    let paid = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&paid);
    let request = tokio::spawn(async move {
        let cache = answers(aws.cache()).clone();
        let ask = async {
            asked.store(true, Ordering::Relaxed);
            ask(question.clone(), aws).await.map(Arc::new)
        };
        cache.try_get_with(question.clone(), ask).await
    });
    match request.await? {
        Ok(answer) => Ok((answer, paid.load(Ordering::Relaxed))),
        // Others may have been told the same.
        Err(error) => {
            let told = ToolError::new(error.kind(), error.message().to_owned());
            Err(match error.source() {
                Some(source) => told.with_source(source.to_string()),
                None => told,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_days_are_kept_for_hours_and_open_ones_for_minutes() {
        let today = Utc::now().date_naive();
        // Far enough from midnight on both sides.
        let closed = CostTable { to: today - chrono::Days::new(2), ..CostTable::default() };
        let open = CostTable { to: today + chrono::Days::new(2), ..CostTable::default() };
        assert_eq!(closed.fresh_for(), Duration::from_secs(6 * 3600));
        assert_eq!(open.fresh_for(), Duration::from_secs(15 * 60));
        let partial = CostTable { missing: Some("a page".to_owned()), ..closed };
        assert_eq!(partial.fresh_for(), Duration::from_secs(60));
    }
}
