use mcp_aws::{List, service};
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::time,
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

const DESCRIBE_LOAD_BALANCERS: Api =
    Api::new(&service::ELB, "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers");

page!(LoadBalancers { load_balancers: List<LoadBalancer> }, "PascalCase", "Marker", next_marker);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LoadBalancer {
    load_balancer_arn: String,
    load_balancer_name: String,
    created_time: Option<String>,
    #[serde(rename = "Type")]
    kind: String,
}

impl LoadBalancer {
    /// What counts its traffic. CloudWatch calls it by the end of its ARN.
    fn metric(&self) -> Metric<'_> {
        let (namespace, name) = match self.kind.as_str() {
            "network" => ("AWS/NetworkELB", "NewFlowCount"),
            "gateway" => ("AWS/GatewayELB", "NewFlowCount"),
            _ => ("AWS/ApplicationELB", "RequestCount"),
        };
        let id = self.load_balancer_arn.split_once("loadbalancer/").unwrap_or_default().1;
        Metric {
            namespace,
            name,
            statistic: Statistic::Sum,
            dimensions: vec![("LoadBalancer", id)],
        }
    }
}

pub(super) static CHECK: Check = Check {
    id: "elb_idle_load_balancers",
    service: "elb",
    finds: "Application, network and gateway load balancers without a request or a flow for two weeks.",
    apis: &[&DESCRIBE_LOAD_BALANCERS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_LOAD_BALANCERS.request(&[]).with("PageSize", 400);
    let pages: Vec<LoadBalancers> = scope.pages(&DESCRIBE_LOAD_BALANCERS, request).await?;
    let balancers: Vec<LoadBalancer> = pages
        .into_iter()
        .flat_map(|page| page.load_balancers)
        .filter(|balancer| scope.is_old(time(balancer.created_time.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = balancers.iter().map(LoadBalancer::metric).collect();
    for (balancer, traffic) in balancers.iter().zip(scope.measure(&metrics).await?) {
        if traffic.is_some_and(|count| count > 0.0) {
            continue;
        }
        let (rates, arn) = (scope.rates(), balancer.load_balancer_arn.as_str());
        let price = match balancer.kind.as_str() {
            "network" => &rates.load_balancer.network,
            "gateway" => &rates.load_balancer.gateway,
            _ => &rates.load_balancer.application,
        };
        let metric = balancer.metric();
        found.add(
            Finding::of_arn(
                scope,
                arn.to_owned(),
                format!("A load balancer ({}) without traffic.", balancer.kind),
            )
            .name(Some(&balancer.load_balancer_name))
            .since(scope, time(balancer.created_time.as_deref()))
            .measured(&format!("{} {} Sum", metric.namespace, metric.name), traffic)
            .saves(rates.hourly(price, 1.into(), scope.region()))
            .confidence(Confidence::Medium)
            .verify("elbv2 describe-load-balancers", &["--load-balancer-arns", arn]),
        );
    }
    Ok(())
}
