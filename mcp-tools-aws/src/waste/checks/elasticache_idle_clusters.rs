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

const DESCRIBE_CLUSTERS: Api =
    Api::new(&service::ELASTICACHE, "DescribeCacheClusters", "elasticache:DescribeCacheClusters");

page!(Clusters { cache_clusters: List<Cluster> }, "PascalCase", "Marker", marker);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cluster {
    cache_cluster_id: String,
    #[serde(rename = "ARN")]
    arn: Option<String>,
    engine: Option<String>,
    #[serde(default)]
    cache_node_type: String,
    #[serde(default)]
    num_cache_nodes: u32,
    cache_cluster_create_time: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "elasticache_idle_clusters",
    service: "elasticache",
    finds: "ElastiCache clusters that nothing was looked up in for two weeks.",
    apis: &[&DESCRIBE_CLUSTERS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_CLUSTERS.request(&[]).with("MaxRecords", 100);
    let pages: Vec<Clusters> = scope.pages(&DESCRIBE_CLUSTERS, request).await?;
    let clusters: Vec<Cluster> = pages
        .into_iter()
        .flat_map(|page| page.cache_clusters)
        .filter(|cluster| scope.is_old(time(cluster.cache_cluster_create_time.as_deref())))
        .collect();
    let metrics: Vec<Metric<'_>> = clusters
        .iter()
        .flat_map(|cluster| {
            let names = match cluster.engine.as_deref() {
                Some("memcached") => ["GetHits", "GetMisses"],
                _ => ["CacheHits", "CacheMisses"],
            };
            names.map(|name| Metric {
                namespace: "AWS/ElastiCache",
                name,
                statistic: Statistic::Sum,
                dimensions: vec![("CacheClusterId", cluster.cache_cluster_id.as_str())],
            })
        })
        .collect();
    let measured = scope.measure(&metrics).await?;
    for (cluster, lookups) in clusters.iter().zip(measured.chunks_exact(2)) {
        let lookups = match (lookups[0], lookups[1]) {
            // One without data is not judged: ElastiCache always tells.
            (None, None) => continue,
            (hits, misses) => hits.unwrap_or(0.0) + misses.unwrap_or(0.0),
        };
        if lookups > 0.0 {
            continue;
        }
        let (id, kind) = (cluster.cache_cluster_id.as_str(), cluster.cache_node_type.as_str());
        let arn = cluster.arn.clone();
        found.add(
            Finding::of_arn(
                scope,
                arn.unwrap_or_else(|| scope.arn("elasticache", &format!("cluster:{id}"))),
                format!("{} {kind} that nothing is looked up in.", cluster.num_cache_nodes),
            )
            .name(Some(id))
            .since(scope, time(cluster.cache_cluster_create_time.as_deref()))
            .measured("AWS/ElastiCache hits + misses Sum", Some(lookups))
            .saves(scope.rates().cache_nodes(kind, cluster.num_cache_nodes, scope.region()))
            .confidence(Confidence::Medium)
            .verify("elasticache describe-cache-clusters", &["--cache-cluster-id", id]),
        );
    }
    Ok(())
}
