use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use mcp_aws::{ErrorKind, Page, Request};
use serde::de::DeserializeOwned;

use super::{check::Api, inventory::Inventory, rates::Rates};
use crate::{Aws, aws::Unanswered};

/// So many requests of a scan are under way to one service in one region.
const REQUESTS_AT_ONCE: usize = 4;
/// A list is read for so many pages; most have 100 to 1,000 resources.
const MOST_PAGES: usize = 200;

/// Why something could not be looked at, for the model.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The action of IAM that is lacking, if that is why.
    pub(super) lacks: Option<String>,
    /// What is the matter and what to do.
    pub(super) message: String,
    /// For the operator.
    pub(super) source: Option<Arc<mcp_aws::Error>>,
}

impl Problem {
    pub(super) fn same(&self, other: &Self) -> bool {
        self.lacks == other.lacks && self.message == other.message
    }

    /// Whether the service answered this error code.
    pub(super) fn has_code(&self, code: &str) -> bool {
        self.source.as_ref().and_then(|error| error.code()) == Some(code)
    }
}

impl From<mcp_aws::Error> for Problem {
    fn from(error: mcp_aws::Error) -> Self {
        let denied = error.kind() == ErrorKind::AccessDenied;
        Self {
            lacks: denied.then(|| error.action().to_owned()),
            message: error.advice(),
            source: Some(Arc::new(error)),
        }
    }
}

impl From<Unanswered> for Problem {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::LeftAlone(error) => {
                Self { lacks: None, message: error.message().to_owned(), source: None }
            }
            Unanswered::Failed(error) => error.into(),
        }
    }
}

/// What a scan is about, and what it has cost so far.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) account: String,
    pub(super) partition: String,
    pub(super) now: DateTime<Utc>,
    pub(super) min_age: TimeDelta,
    pub(super) requests: AtomicU64,
    pub(super) metrics: AtomicU64,
}

/// One region of a scan: what checks ask through.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) scan: Arc<Scan>,
    region: String,
    aws: Aws,
    pub(super) inventory: Inventory,
}

impl Scope {
    pub(super) fn new(scan: Arc<Scan>, aws: Aws, region: String) -> Self {
        Self { scan, region, aws, inventory: Inventory::default() }
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn rates(&self) -> &'static Rates {
        Rates::built_in()
    }

    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let Scan { account, partition, .. } = &*self.scan;
        format!("arn:{partition}:{service}:{}:{account}:{resource}", self.region)
    }

    pub(super) fn age_days(&self, time: DateTime<Utc>) -> u32 {
        u32::try_from((self.scan.now - time).num_days()).unwrap_or_default()
    }

    /// Whether something has been there, or so, for as long as was asked for. What has no time is
    /// taken to be old: it is better to be asked about it than not to hear of it.
    pub(super) fn is_old(&self, time: Option<DateTime<Utc>>) -> bool {
        time.is_none_or(|time| self.scan.now - time >= self.scan.min_age)
    }

    /// Makes a request when its turn has come. A service that fails again and again is left alone.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        api: &'static Api,
        request: Request,
    ) -> Result<T, Problem> {
        let result = self.aws.ask(api, request, &self.region).await;
        if !matches!(result, Err(Unanswered::LeftAlone(_))) {
            self.scan.requests.fetch_add(1, Ordering::Relaxed);
        }
        Ok(result?)
    }

    /// The ARN of a bucket, which has neither region nor account.
    pub(super) fn bucket_arn(&self, name: &str) -> String {
        format!("arn:{}:s3:::{name}", self.scan.partition)
    }

    /// Asks something about each of many resources, several at a time; in their order.
    pub(super) async fn each<I: Clone, T, F>(
        &self,
        items: Vec<I>,
        ask: impl Fn(I) -> F,
    ) -> Vec<(I, Result<T, Problem>)>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        // Made before any is polled: a closure that is held while waiting would keep the whole from
        // being `Send`.
        let asked: Vec<F> = items.iter().cloned().map(ask).collect();
        let answers: Vec<_> = stream::iter(asked).buffered(REQUESTS_AT_ONCE).collect().await;
        items.into_iter().zip(answers).collect()
    }

    /// All pages of a list.
    pub(super) async fn pages<T: Page>(
        &self,
        api: &'static Api,
        request: Request,
    ) -> Result<Vec<T>, Problem> {
        let mut pages = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut request = request.clone();
            if let Some(token) = &token {
                request.set(T::TOKEN, token.as_str());
            }
            let mut page: T = self.call(api, request).await?;
            let next =
                page.next_token().filter(|next| !next.is_empty() && token.as_ref() != Some(next));
            pages.push(page);
            match next {
                None => return Ok(pages),
                Some(_) if pages.len() == MOST_PAGES => {
                    let service = api.service.name();
                    return Err(Problem {
                        lacks: None,
                        message: format!(
                            "{service} lists more than {MOST_PAGES} pages of {}; that is more than a \
                             scan reads.",
                            api.operation
                        ),
                        source: None,
                    });
                }
                next => token = next,
            }
        }
    }
}

/// Seconds since 1970, as AWS's JSON protocols have times.
pub(super) fn epoch(seconds: Option<f64>) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_possible_truncation, reason = "times are far from the limits")]
    DateTime::from_timestamp(seconds? as i64, 0)
}

/// Milliseconds since 1970.
pub(super) fn millis(millis: Option<i64>) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(millis?)
}
