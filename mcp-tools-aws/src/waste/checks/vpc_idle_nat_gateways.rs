use mcp_aws::{List, service};
use serde::Deserialize;
use serde_json::json;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::{Tag, name_tag, time},
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    scope::{Problem, Scope},
};
use crate::aws::page;

/// What health checks and time servers make in two weeks.
const IDLE_BYTES: f64 = 1e6;

const DESCRIBE_NAT_GATEWAYS: Api =
    Api::new(&service::EC2, "DescribeNatGateways", "ec2:DescribeNatGateways");

page!(NatGateways { nat_gateway_set: List<NatGateway> }, "camelCase", "NextToken", next_token);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NatGateway {
    nat_gateway_id: String,
    create_time: Option<String>,
    #[serde(default)]
    tag_set: List<Tag>,
}

pub(super) static CHECK: Check = Check {
    id: "vpc_idle_nat_gateways",
    service: "vpc",
    finds: "NAT gateways that nothing was sent through for two weeks.",
    apis: &[&DESCRIBE_NAT_GATEWAYS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_NAT_GATEWAYS
        .request(&[])
        .with("Filter", json!([{ "Name": "state", "Value": ["available"] }]))
        .with("MaxResults", 1000);
    let pages: Vec<NatGateways> = scope.pages(&DESCRIBE_NAT_GATEWAYS, request).await?;
    let gateways: Vec<NatGateway> = pages
        .into_iter()
        .flat_map(|page| page.nat_gateway_set)
        .filter(|gateway| scope.is_old(time(gateway.create_time.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = gateways
        .iter()
        .map(|gateway| Metric {
            namespace: "AWS/NATGateway",
            name: "BytesOutToDestination",
            statistic: Statistic::Sum,
            dimensions: vec![("NatGatewayId", &gateway.nat_gateway_id)],
        })
        .collect();
    for (gateway, sent) in gateways.iter().zip(scope.measure(&metrics).await?) {
        if sent.is_some_and(|bytes| bytes > IDLE_BYTES) {
            continue;
        }
        let (rates, id) = (scope.rates(), gateway.nat_gateway_id.as_str());
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("natgateway/{id}"),
                "A NAT gateway that nothing is sent through.",
            )
            .name(name_tag(&gateway.tag_set))
            .since(scope, time(gateway.create_time.as_deref()))
            .measured("AWS/NATGateway BytesOutToDestination Sum (bytes)", sent)
            .saves(rates.hourly(&rates.network.nat_gateway, 1.into(), scope.region()))
            .confidence(Confidence::Medium)
            .verify("ec2 describe-nat-gateways", &["--nat-gateway-ids", id]),
        );
    }
    Ok(())
}
