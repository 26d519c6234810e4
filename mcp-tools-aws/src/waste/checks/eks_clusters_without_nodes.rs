use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::DESCRIBE_INSTANCES,
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

const LIST_CLUSTERS: Api = Api::get(&service::EKS, "ListClusters", "eks:ListClusters", "/clusters");
const DESCRIBE_CLUSTER: Api =
    Api::get(&service::EKS, "DescribeCluster", "eks:DescribeCluster", "/clusters/{}");
const LIST_NODEGROUPS: Api =
    Api::get(&service::EKS, "ListNodegroups", "eks:ListNodegroups", "/clusters/{}/node-groups");
const LIST_FARGATE_PROFILES: Api = Api::get(
    &service::EKS,
    "ListFargateProfiles",
    "eks:ListFargateProfiles",
    "/clusters/{}/fargate-profiles",
);

page!(Clusters { clusters: Vec<String> }, "camelCase", "nextToken", next_token);

#[derive(Deserialize)]
struct NodeGroups {
    #[serde(default)]
    nodegroups: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FargateProfiles {
    #[serde(default)]
    fargate_profile_names: Vec<String>,
}

#[derive(Deserialize)]
struct Described {
    cluster: Cluster,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    arn: String,
    created_at: Option<f64>,
    compute_config: Option<ComputeConfig>,
}

/// EKS Auto Mode makes nodes when there is something to run.
#[derive(Deserialize)]
struct ComputeConfig {
    #[serde(default)]
    enabled: bool,
}

impl Cluster {
    fn is_automatic(&self) -> bool {
        self.compute_config.as_ref().is_some_and(|config| config.enabled)
    }
}

pub(super) static CHECK: Check = Check {
    id: "eks_clusters_without_nodes",
    service: "eks",
    finds: "EKS clusters without a node group, a Fargate profile, Auto Mode or an instance of their own.",
    apis: &[
        &LIST_CLUSTERS,
        &DESCRIBE_CLUSTER,
        &LIST_NODEGROUPS,
        &LIST_FARGATE_PROFILES,
        &DESCRIBE_INSTANCES,
    ],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let pages: Vec<Clusters> = scope.pages(&LIST_CLUSTERS, LIST_CLUSTERS.request(&[])).await?;
    let names: Vec<String> = pages.into_iter().flat_map(|page| page.clusters).collect();
    if names.is_empty() {
        return Ok(());
    }
    let instances = scope.instances().await?;
    let described = scope
        .each(names, |name: String| async move {
            let request = LIST_NODEGROUPS.request(&[&name]);
            let groups: NodeGroups = scope.call(&LIST_NODEGROUPS, request).await?;
            let request = LIST_FARGATE_PROFILES.request(&[&name]);
            let profiles: FargateProfiles = scope.call(&LIST_FARGATE_PROFILES, request).await?;
            let request = DESCRIBE_CLUSTER.request(&[&name]);
            let Described { cluster } = scope.call(&DESCRIBE_CLUSTER, request).await?;
            let managed = groups.nodegroups.len() + profiles.fargate_profile_names.len();
            Ok((managed, cluster))
        })
        .await;
    for (name, described) in described {
        let (managed, cluster) = match described {
            Ok(described) => described,
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        };
        let tag = format!("kubernetes.io/cluster/{name}");
        let nodes = instances.iter().filter(|instance| instance.has_tag(&tag)).count();
        let created = epoch(cluster.created_at);
        if managed > 0 || nodes > 0 || cluster.is_automatic() || !scope.is_old(created) {
            continue;
        }
        let rates = scope.rates();
        found.add(
            Finding::of_arn(scope, cluster.arn, "A cluster that has nothing to run anything on.")
                .name(Some(&name))
                .since(scope, created)
                .now("nodegroups + fargateProfiles + instances", 0)
                .saves(rates.hourly(&rates.compute.eks_cluster, 1.into(), scope.region()))
                .confidence(Confidence::High)
                .verify("eks list-nodegroups", &["--cluster-name", &name]),
        );
    }
    Ok(())
}
