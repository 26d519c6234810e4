//! Requests that cost money.

use aws_sdk_costexplorer::operation::{
    get_anomalies::GetAnomaliesError, get_cost_and_usage::GetCostAndUsageError,
    get_cost_forecast::GetCostForecastError,
};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    retries::classifiers::{ClassifyRetry, RetryAction},
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use mcp_aws::is_refused_for_its_time;

/// Forbids to make a request again that may already have been billed: other than those that AWS has
/// throttled or refused for their time.
#[derive(Debug)]
pub(super) struct OnlyUndone;

impl ClassifyRetry for OnlyUndone {
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
            code if is_refused_for_its_time(context, code) => RetryAction::client_error(),
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "only what was not done"
    }
}
