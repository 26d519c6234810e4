//! What Amazon ECS answers of its clusters and services, as far as tools read it.

use mcp_aws::service;
use serde::Deserialize;

use super::{Api, page};

pub(crate) const LIST_CLUSTERS: Api = Api::new(&service::ECS, "ListClusters", "ecs:ListClusters");
pub(crate) const LIST_SERVICES: Api = Api::new(&service::ECS, "ListServices", "ecs:ListServices");
pub(crate) const DESCRIBE_SERVICES: Api =
    Api::new(&service::ECS, "DescribeServices", "ecs:DescribeServices");

page!(pub(crate) ClusterArns { cluster_arns: Vec<String> }, "camelCase", "nextToken", next_token);
page!(pub(crate) ServiceArns { service_arns: Vec<String> }, "camelCase", "nextToken", next_token);

#[derive(Deserialize)]
pub(crate) struct Services {
    #[serde(default)]
    pub(crate) services: Vec<Service>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    pub(crate) service_name: String,
    pub(crate) cluster_arn: String,
    #[serde(default)]
    pub(crate) desired_count: u32,
    #[cfg(feature = "operations")]
    #[serde(default)]
    pub(crate) running_count: u32,
    #[cfg(feature = "operations")]
    #[serde(default)]
    pub(crate) pending_count: u32,
    #[cfg(feature = "operations")]
    #[serde(default)]
    pub(crate) load_balancers: Vec<LoadBalancer>,
    #[cfg(feature = "waste")]
    pub(crate) service_arn: String,
    #[cfg(feature = "waste")]
    pub(crate) created_at: Option<f64>,
    #[cfg(feature = "waste")]
    pub(crate) launch_type: Option<String>,
    #[cfg(feature = "waste")]
    pub(crate) task_definition: Option<String>,
}

#[cfg(feature = "operations")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBalancer {
    pub(crate) target_group_arn: Option<String>,
}

impl Service {
    /// The cluster's name.
    pub(crate) fn cluster(&self) -> &str {
        name(&self.cluster_arn)
    }
}

/// The name at the end of an ARN.
pub(crate) fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
