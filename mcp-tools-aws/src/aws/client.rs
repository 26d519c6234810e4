use std::{error::Error, fmt, future::Future, sync::Arc};

use aws_config::SdkConfig;
#[cfg(feature = "cost")]
use aws_sdk_budgets::operation::describe_budgets::DescribeBudgetsError;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::Region;
use mcp_aws::{ErrorKind, RetryAtTheRightTime, load_config, with_defaults};
use mcp_core::{ToolError, ToolResult};
use tokio::sync::OnceCell;

#[cfg(any(feature = "operations", feature = "waste"))]
use super::Api;
#[cfg(feature = "cost")]
use super::billed::OnlyUndone;
use super::{Action, action::Service, gate::Gates};
#[cfg(feature = "cost")]
use crate::cost::CostCache;

/// So many requests are under way to one service in one region.
#[cfg(any(feature = "operations", feature = "waste"))]
const REQUESTS_AT_ONCE: usize = 4;

/// AWS as the tools reach it: clients that share one connector, one chain of credentials, and limits.
///
/// Nothing is loaded, and no connection made, before a tool needs it. Requests are retried three
/// times in all, adaptively; those that cost money only where AWS has throttled them or refused their
/// time, as nobody knows whether one that got no answer is billed. A request may take 20 seconds, with
/// its retries 45, as may one that costs money by itself. A clock that is wrong is set by AWS's.
///
/// All tools of a process share what limits them: for each service in each region so many requests
/// are under way at once, and after five failures in a row it is left alone for 30 seconds.
///
/// TLS is rustls with *ring*. The SDK's default, AWS-LC, makes binaries 2 MB larger and needs CMake
/// on some targets; its post-quantum key exchange is the one thing that is given up.
#[derive(Clone)]
pub struct Aws {
    inner: Arc<Inner>,
}

struct Inner {
    given: Option<SdkConfig>,
    config: OnceCell<SdkConfig>,
    #[cfg(feature = "cost")]
    explorer: OnceCell<Explorer>,
    #[cfg(feature = "cost")]
    budgets: OnceCell<aws_sdk_budgets::Client>,
    #[cfg(any(feature = "operations", feature = "refresh", feature = "waste"))]
    client: OnceCell<mcp_aws::Client>,
    gates: Gates,
    #[cfg(feature = "cost")]
    cache: CostCache,
}

#[cfg(feature = "cost")]
pub(crate) type Explorer = aws_sdk_costexplorer::Client;

impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.region()).finish_non_exhaustive()
    }
}

impl Aws {
    /// AWS as the environment says: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL` and what else the
    /// SDK reads; credentials from the environment, profiles, IAM Identity Center, web identities
    /// (EKS), containers (ECS) and instances.
    pub fn from_env() -> Self {
        Self::new(None)
    }

    /// AWS as someone else has configured it. What the configuration lacks of connector, retries and
    /// timeouts is added.
    pub fn with_config(config: SdkConfig) -> Self {
        Self::new(Some(config))
    }

    fn new(given: Option<SdkConfig>) -> Self {
        let inner = Inner {
            given,
            config: OnceCell::new(),
            #[cfg(feature = "cost")]
            explorer: OnceCell::new(),
            #[cfg(feature = "cost")]
            budgets: OnceCell::new(),
            #[cfg(any(feature = "operations", feature = "refresh", feature = "waste"))]
            client: OnceCell::new(),
            gates: Gates::default(),
            #[cfg(feature = "cost")]
            cache: CostCache::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    async fn config(&self) -> &SdkConfig {
        self.inner
            .config
            .get_or_init(|| async {
                match &self.inner.given {
                    Some(given) => with_defaults(given),
                    None => load_config().await,
                }
            })
            .await
    }

    /// A client for services whose SDK is not there.
    #[cfg(any(feature = "operations", feature = "refresh", feature = "waste"))]
    pub(crate) async fn client(&self) -> &mcp_aws::Client {
        self.inner.client.get_or_init(|| async { mcp_aws::Client::new(self.config().await) }).await
    }

    /// The region that is configured, once it is known.
    pub(crate) fn region(&self) -> Option<&str> {
        self.inner.config.get().and_then(SdkConfig::region).map(AsRef::as_ref)
    }

    pub(crate) async fn sts(&self, region: Option<&str>) -> aws_sdk_sts::Client {
        let config = aws_sdk_sts::config::Builder::from(self.config().await)
            .retry_classifier(RetryAtTheRightTime::<GetCallerIdentityError>::new());
        let config = match region {
            None => config,
            Some(region) => config.region(Region::new(region.to_owned())),
        };
        aws_sdk_sts::Client::from_conf(config.build())
    }

    #[cfg(feature = "cost")]
    pub(crate) async fn explorer(&self) -> &Explorer {
        self.inner
            .explorer
            .get_or_init(|| async {
                let config = self.config().await;
                // What is not repeated may take the time of the repetitions.
                let timeouts = config.timeout_config().map(|timeouts| {
                    let mut longer = timeouts.to_builder();
                    longer.set_operation_attempt_timeout(timeouts.operation_timeout());
                    longer.build()
                });
                let mut config = aws_sdk_costexplorer::config::Builder::from(config)
                    .retry_classifier(OnlyUndone);
                config.set_timeout_config(timeouts);
                Explorer::from_conf(config.build())
            })
            .await
    }

    #[cfg(feature = "cost")]
    pub(crate) async fn budgets(&self) -> &aws_sdk_budgets::Client {
        self.inner
            .budgets
            .get_or_init(|| async {
                let config = aws_sdk_budgets::config::Builder::from(self.config().await)
                    .retry_classifier(RetryAtTheRightTime::<DescribeBudgetsError>::new())
                    .build();
                aws_sdk_budgets::Client::from_conf(config)
            })
            .await
    }

    #[cfg(feature = "cost")]
    pub(crate) fn cache(&self) -> &CostCache {
        &self.inner.cache
    }

    /// Makes a request of an SDK's client when its turn has come. The region is that of the client,
    /// where it is not the configured one.
    pub(crate) async fn call<T, E>(
        &self,
        action: Action,
        region: Option<&str>,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> ToolResult<T>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let service = action.service();
        let region = region.or_else(|| self.region()).unwrap_or_default();
        let gate = self.inner.gates.of(service.name(), region, service.concurrency());
        let _permit = gate.enter().await?;
        let result = request
            .await
            .map_err(|error| mcp_aws::Error::from_sdk(service.name(), action.iam(), error));
        gate.ended(result).map_err(|error| {
            let closed =
                service == Service::CostExplorer && error.kind() == ErrorKind::AccessDenied;
            let told = error.into_tool_error();
            // The code is the same.
            if closed { with_advice(told, COST_EXPLORER_CLOSED) } else { told }
        })
    }

    /// Makes a request to a service without its SDK, in a region, when its turn has come.
    #[cfg(any(feature = "operations", feature = "waste"))]
    pub(crate) async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        api: &Api,
        request: mcp_aws::Request,
        region: &str,
    ) -> Result<T, Unanswered> {
        debug_assert_eq!(request.operation(), api.operation);
        let gate = self.inner.gates.of(api.service.name(), region, REQUESTS_AT_ONCE);
        let _permit = gate.enter().await.map_err(Unanswered::LeftAlone)?;
        let result = self.client().await.call(request.region(region)).await;
        gate.ended(result).map_err(Unanswered::Failed)
    }
}

/// Why a service has not answered.
#[cfg(any(feature = "operations", feature = "waste"))]
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// It was not asked, as it has failed too often.
    LeftAlone(ToolError),
    Failed(mcp_aws::Error),
}

#[cfg(any(feature = "operations", feature = "waste"))]
impl From<Unanswered> for ToolError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::LeftAlone(error) => error,
            Unanswered::Failed(error) => error.into_tool_error(),
        }
    }
}

/// What an account without Cost Explorer is told, too.
const COST_EXPLORER_CLOSED: &str = "If the action is allowed, then Cost Explorer has not been opened \
     in the account yet (its owner does so once, in the Billing and Cost Management console), or the \
     organization's management account keeps its member accounts from seeing costs.";

fn with_advice(error: ToolError, advice: &str) -> ToolError {
    let told = ToolError::new(error.kind(), format!("{} {advice}", error.message()));
    match error.source() {
        Some(source) => told.with_source(source.to_string()),
        None => told,
    }
}
