use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_costexplorer::operation::{
    get_anomalies::GetAnomaliesError, get_cost_and_usage::GetCostAndUsageError,
    get_cost_forecast::GetCostForecastError,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::{
    http::SharedHttpClient,
    interceptors::context::InterceptorContext,
    result::SdkError,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::region::Region;
use mcp_core::ToolResult;
use tokio::sync::OnceCell;

use super::{Action, action::Service, error::tool_error, gate::Gate};
use crate::cost::CostCache;

/// Where global services are asked when no region is configured.
const DEFAULT_REGION: &str = "us-east-1";

/// AWS as the tools reach it: clients that share one connector, one chain of credentials, and limits.
///
/// Nothing is loaded, and no connection made, before a tool needs it. Requests are retried three
/// times in all, adaptively; those that cost money only where AWS has throttled them, as nobody
/// knows whether one that got no answer is billed. A request may take 20 seconds, with its retries
/// 45.
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
    explorer: OnceCell<Explorer>,
    budgets: OnceCell<aws_sdk_budgets::Client>,
    gates: [Gate; Service::ALL.len()],
    cache: CostCache,
}

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
            explorer: OnceCell::new(),
            budgets: OnceCell::new(),
            gates: Service::ALL.map(Gate::new),
            cache: CostCache::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    async fn config(&self) -> &SdkConfig {
        self.inner
            .config
            .get_or_init(|| async {
                let given = match &self.inner.given {
                    Some(given) => given.clone(),
                    None => {
                        aws_config::defaults(BehaviorVersion::latest())
                            .http_client(connector())
                            .load()
                            .await
                    }
                };
                let mut config = given.to_builder();
                config.set_region(
                    given.region().cloned().or(Some(Region::from_static(DEFAULT_REGION))),
                );
                if given.http_client().is_none() {
                    config.set_http_client(Some(connector()));
                }
                config.set_retry_config(Some(RetryConfig::adaptive().with_max_attempts(3)));
                config.set_timeout_config(Some(
                    TimeoutConfig::builder()
                        .connect_timeout(Duration::from_secs(5))
                        .operation_attempt_timeout(Duration::from_secs(20))
                        .operation_timeout(Duration::from_secs(45))
                        .build(),
                ));
                config.build()
            })
            .await
    }

    /// The region that is configured, once it is known.
    pub(crate) fn region(&self) -> Option<&str> {
        self.inner.config.get().and_then(SdkConfig::region).map(AsRef::as_ref)
    }

    pub(crate) async fn sts(&self, region: Option<&str>) -> aws_sdk_sts::Client {
        let config = self.config().await;
        match region {
            None => aws_sdk_sts::Client::new(config),
            Some(region) => {
                let region = Region::new(region.to_owned());
                aws_sdk_sts::Client::new(&config.to_builder().region(region).build())
            }
        }
    }

    pub(crate) async fn explorer(&self) -> &Explorer {
        self.inner
            .explorer
            .get_or_init(|| async {
                let config = aws_sdk_costexplorer::config::Builder::from(self.config().await)
                    .retry_classifier(OnlyThrottled)
                    .build();
                Explorer::from_conf(config)
            })
            .await
    }

    pub(crate) async fn budgets(&self) -> &aws_sdk_budgets::Client {
        self.inner
            .budgets
            .get_or_init(|| async { aws_sdk_budgets::Client::new(self.config().await) })
            .await
    }

    pub(crate) fn cache(&self) -> &CostCache {
        &self.inner.cache
    }

    /// Makes a request when its turn has come.
    pub(crate) async fn call<T, E, R>(
        &self,
        action: Action,
        request: impl Future<Output = Result<T, SdkError<E, R>>>,
    ) -> ToolResult<T>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let gate = &self.inner.gates[action.service() as usize];
        let _permit = gate.enter().await?;
        let result = request.await.map_err(|error| tool_error(action, error));
        gate.ended(&result);
        result
    }
}

fn connector() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// Forbids to make a request again that may already have been billed.
#[derive(Debug)]
struct OnlyThrottled;

impl ClassifyRetry for OnlyThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let code = match context.output_or_error() {
            Some(Ok(_)) => return RetryAction::NoActionIndicated,
            Some(Err(error)) => error.as_operation_error().and_then(|error| {
                let usage = error.downcast_ref::<GetCostAndUsageError>().map(|e| e.code());
                let forecast = || error.downcast_ref::<GetCostForecastError>().map(|e| e.code());
                let anomalies = || error.downcast_ref::<GetAnomaliesError>().map(|e| e.code());
                usage.or_else(forecast).or_else(anomalies).flatten()
            }),
            None => None,
        };
        match code {
            Some("LimitExceededException" | "ThrottlingException" | "Throttling") => {
                RetryAction::throttling_error()
            }
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "only throttled requests"
    }
}
