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

const DESCRIBE_VPC_ENDPOINTS: Api =
    Api::new(&service::EC2, "DescribeVpcEndpoints", "ec2:DescribeVpcEndpoints");

page!(VpcEndpoints { vpc_endpoint_set: List<VpcEndpoint> }, "camelCase", "NextToken", next_token);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VpcEndpoint {
    vpc_endpoint_id: String,
    vpc_endpoint_type: Option<String>,
    #[serde(default)]
    vpc_id: String,
    service_name: String,
    creation_timestamp: Option<String>,
    #[serde(default)]
    subnet_id_set: List<String>,
}

pub(super) static CHECK: Check = Check {
    id: "vpc_unused_endpoints",
    service: "vpc",
    finds: "Interface endpoints of VPCs that nothing was sent through for two weeks.",
    apis: &[&DESCRIBE_VPC_ENDPOINTS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_VPC_ENDPOINTS.request(&[]).with("MaxResults", 1000);
    let pages: Vec<VpcEndpoints> = scope.pages(&DESCRIBE_VPC_ENDPOINTS, request).await?;
    let endpoints: Vec<VpcEndpoint> = pages
        .into_iter()
        .flat_map(|page| page.vpc_endpoint_set)
        .filter(|endpoint| endpoint.vpc_endpoint_type.as_deref() == Some("Interface"))
        .filter(|endpoint| scope.is_old(time(endpoint.creation_timestamp.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = endpoints
        .iter()
        .map(|endpoint| Metric {
            namespace: "AWS/PrivateLinkEndpoints",
            name: "BytesProcessed",
            statistic: Statistic::Sum,
            dimensions: vec![
                ("Endpoint Type", "Interface"),
                ("Service Name", &endpoint.service_name),
                ("VPC Endpoint Id", &endpoint.vpc_endpoint_id),
                ("VPC Id", &endpoint.vpc_id),
            ],
        })
        .collect();
    for (endpoint, processed) in endpoints.iter().zip(scope.measure(&metrics).await?) {
        if processed.is_some_and(|bytes| bytes > 0.0) {
            continue;
        }
        let (rates, id) = (scope.rates(), endpoint.vpc_endpoint_id.as_str());
        // It is billed in each of its zones, which have a subnet each.
        let zones = u32::try_from(endpoint.subnet_id_set.len()).unwrap_or_default().max(1);
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("vpc-endpoint/{id}"),
                format!("An endpoint of {} that nothing is sent through.", endpoint.service_name),
            )
            .since(scope, time(endpoint.creation_timestamp.as_deref()))
            .measured("AWS/PrivateLinkEndpoints BytesProcessed Sum (bytes)", processed)
            .saves(rates.hourly(&rates.network.interface_endpoint, zones.into(), scope.region()))
            .confidence(Confidence::Medium)
            .verify("ec2 describe-vpc-endpoints", &["--vpc-endpoint-ids", id]),
        );
    }
    Ok(())
}
