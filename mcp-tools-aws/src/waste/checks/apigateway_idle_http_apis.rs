use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::time,
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

const GET_APIS: Api = Api::get(&service::API_GATEWAY, "GetApis", "apigateway:GET", "/v2/apis");

page!(Apis { items: Vec<HttpApi> }, "camelCase", "nextToken", next_token);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpApi {
    api_id: String,
    name: String,
    created_date: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "apigateway_idle_http_apis",
    service: "apigateway",
    finds: "HTTP and WebSocket APIs of API Gateway without a request for two weeks. They cost nothing by themselves.",
    apis: &[&GET_APIS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = GET_APIS.request(&[]).with("maxResults", 500);
    let pages: Vec<Apis> = scope.pages(&GET_APIS, request).await?;
    let apis: Vec<HttpApi> = pages
        .into_iter()
        .flat_map(|page| page.items)
        .filter(|api| scope.is_old(time(api.created_date.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = apis
        .iter()
        .map(|api| Metric {
            namespace: "AWS/ApiGateway",
            name: "Count",
            statistic: Statistic::Sum,
            dimensions: vec![("ApiId", &api.api_id)],
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
                format!("arn:{partition}:apigateway:{region}::/apis/{}", api.api_id),
                "An API that nobody calls.",
            )
            .name(Some(&api.name))
            .since(scope, time(api.created_date.as_deref()))
            .measured("AWS/ApiGateway Count Sum", requests)
            .confidence(Confidence::Medium)
            .verify("apigatewayv2 get-api", &["--api-id", &api.api_id]),
        );
    }
    Ok(())
}
