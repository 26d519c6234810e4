use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

const GET_REST_APIS: Api =
    Api::get(&service::API_GATEWAY, "GetRestApis", "apigateway:GET", "/restapis");

page!(RestApis { item: Vec<RestApi> }, "camelCase", "position", position);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestApi {
    id: String,
    name: String,
    created_date: Option<f64>,
}

pub(super) static CHECK: Check = Check {
    id: "apigateway_idle_rest_apis",
    service: "apigateway",
    finds: "REST APIs of API Gateway without a request for two weeks. Only their caches cost something.",
    apis: &[&GET_REST_APIS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request =
        GET_REST_APIS.request(&[]).with("limit", 500).header("accept", "application/json");
    let pages: Vec<RestApis> = scope.pages(&GET_REST_APIS, request).await?;
    let apis: Vec<RestApi> = pages
        .into_iter()
        .flat_map(|page| page.item)
        .filter(|api| scope.is_old(epoch(api.created_date)))
        .collect();
    let metrics: Vec<Metric<'_>> = apis
        .iter()
        .map(|api| Metric {
            namespace: "AWS/ApiGateway",
            name: "Count",
            statistic: Statistic::Sum,
            dimensions: vec![("ApiName", &api.name)],
        })
        .collect();
    for (api, requests) in apis.iter().zip(scope.measure(&metrics).await?) {
        if requests.is_some_and(|count| count > 0.0) {
            continue;
        }
        let (partition, region) = (&scope.scan.partition, scope.region());
        found.add(
            Finding::of_arn(
                scope,
                format!("arn:{partition}:apigateway:{region}::/restapis/{}", api.id),
                "An API that nobody calls.",
            )
            .name(Some(&api.name))
            .since(scope, epoch(api.created_date))
            .measured("AWS/ApiGateway Count Sum", requests)
            .confidence(Confidence::Medium)
            .verify("apigateway get-rest-api", &["--rest-api-id", &api.id]),
        );
    }
    Ok(())
}
