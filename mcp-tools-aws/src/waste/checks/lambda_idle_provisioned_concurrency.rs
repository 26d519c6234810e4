use mcp_aws::service;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::{Function, LIST_FUNCTIONS},
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

const LIST_PROVISIONED: Api = Api::get(
    &service::LAMBDA,
    "ListProvisionedConcurrencyConfigs",
    "lambda:ListProvisionedConcurrencyConfigs",
    "/2019-09-30/functions/{}/provisioned-concurrency",
);

page!(
    Provisioned { provisioned_concurrency_configs: Vec<Config> },
    "PascalCase",
    "Marker",
    next_marker
);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    function_arn: String,
    #[serde(default)]
    requested_provisioned_concurrent_executions: u32,
}

pub(super) static CHECK: Check = Check {
    id: "lambda_idle_provisioned_concurrency",
    service: "lambda",
    finds: "Provisioned concurrency of Lambda that was not used for two weeks.",
    apis: &[&LIST_FUNCTIONS, &LIST_PROVISIONED, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let functions: Vec<&Function> = scope.functions().await?.iter().collect();
    let listed = scope
        .each(functions, |function: &Function| async move {
            let request = LIST_PROVISIONED.request(&[&function.function_name]).with("List", "ALL");
            let pages: Vec<Provisioned> = scope.pages(&LIST_PROVISIONED, request).await?;
            Ok(pages.into_iter().flat_map(|page| page.provisioned_concurrency_configs).collect())
        })
        .await;
    let mut provisioned: Vec<(&Function, Config, String)> = Vec::new();
    for (function, configs) in listed {
        let configs: Vec<Config> = match configs {
            Ok(configs) => configs,
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        };
        for config in configs {
            // CloudWatch calls it by function and by version or alias.
            let qualifier = config.function_arn.rsplit(':').next().unwrap_or_default();
            let resource = format!("{}:{qualifier}", function.function_name);
            provisioned.push((function, config, resource));
        }
    }
    let metrics: Vec<Metric<'_>> = provisioned
        .iter()
        .map(|(function, _, resource)| Metric {
            namespace: "AWS/Lambda",
            name: "ProvisionedConcurrencyInvocations",
            statistic: Statistic::Sum,
            dimensions: vec![("FunctionName", &function.function_name), ("Resource", resource)],
        })
        .collect();
    let measured = scope.measure(&metrics).await?;
    for ((function, config, _), invocations) in provisioned.iter().zip(measured) {
        let changed = function.modified_at();
        if invocations.is_some_and(|count| count > 0.0) || !scope.is_old(changed) {
            continue;
        }
        let rates = scope.rates();
        let count = config.requested_provisioned_concurrent_executions;
        let gb = Decimal::from(function.memory_size) / Decimal::from(1024);
        let seconds = Decimal::from(count) * gb * Decimal::from(3600);
        let qualifier = config.function_arn.rsplit(':').next().unwrap_or_default();
        found.add(
            Finding::of_arn(
                scope,
                config.function_arn.clone(),
                format!("{count} instances are kept ready, and nobody uses them."),
            )
            .name(Some(&function.function_name))
            .since(scope, changed)
            .measured("AWS/Lambda ProvisionedConcurrencyInvocations Sum", invocations)
            .saves(rates.hourly(&rates.lambda.provisioned, seconds, scope.region()))
            .confidence(Confidence::Medium)
            .verify(
                "lambda get-provisioned-concurrency-config",
                &["--function-name", &function.function_name, "--qualifier", qualifier],
            ),
        );
    }
    Ok(())
}
