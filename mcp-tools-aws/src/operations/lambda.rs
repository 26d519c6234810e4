//! What CloudWatch knows of a Lambda function.

use mcp_aws::service;
use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use serde::Deserialize;

use super::{
    cold_starts,
    get_server_metrics::{ServerKind, ServerMetrics},
    metric_data::{Query, Window, billed, measure},
    place::Place,
};
use crate::aws::{Api, page};

const GET_FUNCTION_CONFIGURATION: Api = Api::get(
    &service::LAMBDA,
    "GetFunctionConfiguration",
    "lambda:GetFunctionConfiguration",
    "/2015-03-31/functions/{}/configuration",
);
const LIST_FUNCTIONS: Api =
    Api::get(&service::LAMBDA, "ListFunctions", "lambda:ListFunctions", "/2015-03-31/functions/");

pub(super) const APIS: &[&Api] = &[&GET_FUNCTION_CONFIGURATION, &LIST_FUNCTIONS];

page!(pub(super) Functions { functions: Vec<Function> }, "PascalCase", "Marker", next_marker);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Function {
    function_name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    timeout: Option<u32>,
    memory_size: Option<u32>,
    logging_config: Option<LoggingConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_group: Option<String>,
}

pub(super) async fn metrics(
    place: &Place<'_>,
    name: &str,
    window: Window,
) -> ToolResult<ServerMetrics> {
    let mut metrics = ServerMetrics::new(ServerKind::Lambda, name, place.region(), window);
    let request = GET_FUNCTION_CONFIGURATION.request(&[name]);
    let function: Configuration = match place.ask(&GET_FUNCTION_CONFIGURATION, request).await {
        Ok(function) => function,
        Err(error) if error.kind() == ToolErrorKind::NotFound => {
            return Err(unknown(place, name).await);
        }
        Err(error) if error.kind() == ToolErrorKind::PermissionDenied => {
            metrics
                .lacks(format!("It is not known whether the function exists. {}", error.message()));
            Configuration::default()
        }
        Err(error) => return Err(error),
    };
    metrics.memory_mb = function.memory_size;
    metrics.timeout_seconds = function.timeout;

    let query = |metric: &'static str, statistic: &'static str| Query {
        namespace: "AWS/Lambda",
        name: metric,
        statistic,
        dimensions: vec![("FunctionName", name.to_owned())],
    };
    let mut queries = vec![
        query("Invocations", "Sum"),
        query("Errors", "Sum"),
        query("Throttles", "Sum"),
        query("Duration", "p50"),
        query("Duration", "p99"),
        query("Duration", "Maximum"),
        query("ConcurrentExecutions", "Maximum"),
    ];
    queries.extend(cold_starts::queries(name));
    let measured = measure(place, window, &queries).await?;
    metrics.billed = billed(queries.len());
    let [calls, errors, throttles, p50, p99, longest, concurrent, starts, init] = &measured[..]
    else {
        return Err(ToolError::new(
            ToolErrorKind::Unavailable,
            "CloudWatch did not answer each question. Trying again later may help.",
        ));
    };
    metrics.counted(calls.sum(), errors.sum());
    metrics.throttles = Some(throttles.sum());
    metrics.p50_ms = p50.most();
    metrics.p99_ms = p99.most();
    metrics.longest_ms = longest.most();
    metrics.most_concurrent = concurrent.most().map(|most| most.round() as u64);

    metrics.cold_starts = cold_starts::of_insights(starts, init);
    if metrics.cold_starts.is_none() {
        let group = function.logging_config.and_then(|config| config.log_group);
        let group = group.unwrap_or_else(|| format!("/aws/lambda/{name}"));
        match cold_starts::of_log(place, &group, window).await {
            Ok(starts) => metrics.cold_starts = Some(starts),
            Err(error) if error.kind() == ToolErrorKind::NotFound => {
                metrics
                    .notes
                    .push("The function has no log yet, so cold starts are not known.".into());
            }
            Err(error) => metrics.lacks(format!("Cold starts are not known. {}", error.message())),
        }
    }
    Ok(metrics)
}

async fn unknown(place: &Place<'_>, name: &str) -> ToolError {
    let names = |page: Functions| page.functions.into_iter().map(|it| it.function_name).collect();
    let request = LIST_FUNCTIONS.request(&[]);
    place.unknown("Lambda function", name, &LIST_FUNCTIONS, request, names).await
}
