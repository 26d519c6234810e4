use mcp_aws::{List, service};
use serde::{Deserialize, de::IgnoredAny};

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::time,
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

const DESCRIBE_LOAD_BALANCERS: Api = Api::new(
    &service::ELB_CLASSIC,
    "DescribeLoadBalancers",
    "elasticloadbalancing:DescribeLoadBalancers",
);

page!(
    LoadBalancers { load_balancer_descriptions: List<LoadBalancer> },
    "PascalCase",
    "Marker",
    next_marker
);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoadBalancer {
    load_balancer_name: String,
    created_time: Option<String>,
    #[serde(default)]
    instances: List<IgnoredAny>,
}

pub(super) static CHECK: Check = Check {
    id: "elb_idle_classic_load_balancers",
    service: "elb",
    finds: "Classic load balancers without instances, or without a request for two weeks.",
    apis: &[&DESCRIBE_LOAD_BALANCERS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_LOAD_BALANCERS.request(&[]).with("PageSize", 400);
    let pages: Vec<LoadBalancers> = scope.pages(&DESCRIBE_LOAD_BALANCERS, request).await?;
    let balancers: Vec<LoadBalancer> = pages
        .into_iter()
        .flat_map(|page| page.load_balancer_descriptions)
        .filter(|balancer| scope.is_old(time(balancer.created_time.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = balancers
        .iter()
        .map(|balancer| Metric {
            namespace: "AWS/ELB",
            name: "RequestCount",
            statistic: Statistic::Sum,
            dimensions: vec![("LoadBalancerName", &balancer.load_balancer_name)],
        })
        .collect();
    for (balancer, requests) in balancers.iter().zip(scope.measure(&metrics).await?) {
        let instances = balancer.instances.len();
        if instances > 0 && requests.is_some_and(|count| count > 0.0) {
            continue;
        }
        let (rates, name) = (scope.rates(), balancer.load_balancer_name.as_str());
        let confidence = if instances == 0 { Confidence::High } else { Confidence::Medium };
        found.add(
            Finding::new(
                scope,
                "elasticloadbalancing",
                &format!("loadbalancer/{name}"),
                "A classic load balancer that serves nobody.",
            )
            .name(Some(name))
            .since(scope, time(balancer.created_time.as_deref()))
            .now("Instances", instances)
            .measured("AWS/ELB RequestCount Sum", requests)
            .saves(rates.hourly(&rates.load_balancer.classic, 1.into(), scope.region()))
            .confidence(confidence)
            .verify("elb describe-load-balancers", &["--load-balancer-names", name]),
        );
    }
    Ok(())
}
