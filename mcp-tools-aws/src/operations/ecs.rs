//! What CloudWatch knows of an ECS service, and of the load balancer before it.

use mcp_aws::{List, service};
use mcp_core::{ToolError, ToolErrorKind, ToolResult};
use serde::Deserialize;
use serde_json::json;

use super::{
    get_server_metrics::{ServerKind, ServerMetrics, Tasks},
    metric_data::{Measured, Query, Window, billed, measure},
    place::Place,
};
use crate::aws::{
    Api,
    ecs::{
        ClusterArns, DESCRIBE_SERVICES, LIST_CLUSTERS, LIST_SERVICES, Service, ServiceArns,
        Services, name,
    },
};

const DESCRIBE_TARGET_GROUPS: Api =
    Api::new(&service::ELB, "DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroups");

pub(super) const APIS: &[&Api] =
    &[&DESCRIBE_SERVICES, &LIST_SERVICES, &LIST_CLUSTERS, &DESCRIBE_TARGET_GROUPS];

/// A service has five target groups at most.
const MOST_TARGET_GROUPS: usize = 5;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetGroups {
    #[serde(default)]
    target_groups: List<TargetGroup>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TargetGroup {
    target_group_arn: String,
    #[serde(default)]
    load_balancer_arns: List<String>,
}

pub(super) async fn metrics(
    place: &Place<'_>,
    cluster: &str,
    name: &str,
    window: Window,
) -> ToolResult<ServerMetrics> {
    let service = describe(place, cluster, name).await?;
    let name = service.service_name.as_str();
    let mut metrics = ServerMetrics::new(ServerKind::Ecs, name, place.region(), window);
    metrics.tasks = Some(Tasks {
        running: service.running_count,
        desired: service.desired_count,
        pending: service.pending_count,
    });

    let of_service = |metric: &'static str, statistic: &'static str| Query {
        namespace: "AWS/ECS",
        name: metric,
        statistic,
        dimensions: vec![
            ("ClusterName", service.cluster().to_owned()),
            ("ServiceName", name.to_owned()),
        ],
    };
    let mut queries = vec![
        of_service("CPUUtilization", "Average"),
        of_service("CPUUtilization", "Maximum"),
        of_service("MemoryUtilization", "Maximum"),
    ];
    let doors = match doors(place, &service).await {
        Ok(doors) => doors,
        Err(error) => {
            metrics.lacks(format!("Calls are not known. {}", error.message()));
            Vec::new()
        }
    };
    for door in &doors {
        queries.extend(door.queries());
    }
    let measured = measure(place, window, &queries).await?;
    metrics.billed = billed(queries.len());
    let (of_service, of_doors) = measured.split_at(3);
    metrics.cpu_percent = of_service[0].most();
    metrics.cpu_percent_most = of_service[1].most();
    metrics.memory_percent_most = of_service[2].most();

    if doors.is_empty() {
        if metrics.partial.is_none() {
            metrics.notes.push(
                "The service is behind no Application Load Balancer, which is what counts calls; the \
                 server's own metrics do."
                    .to_owned(),
            );
        }
        return Ok(metrics);
    }
    let each = || of_doors.chunks(Door::QUERIES);
    let sum = |index: usize| each().map(|door| door[index].sum()).sum::<u64>();
    // Load balancers count in seconds.
    let most = |index: usize| {
        let seconds = each().filter_map(|door| Measured::most(&door[index])).reduce(f64::max);
        seconds.map(|seconds| seconds * 1000.0)
    };
    metrics.counted(sum(0), sum(1));
    metrics.p50_ms = most(2);
    metrics.p99_ms = most(3);
    metrics.longest_ms = most(4);
    if doors.len() > 1 {
        metrics.notes.push(
            "Several target groups: calls are summed up, times are those of the slowest."
                .to_owned(),
        );
    }
    Ok(metrics)
}

async fn describe(place: &Place<'_>, cluster: &str, name: &str) -> ToolResult<Service> {
    let request =
        DESCRIBE_SERVICES.request(&[]).with("cluster", cluster).with("services", json!([name]));
    match place.ask::<Services>(&DESCRIBE_SERVICES, request).await {
        Ok(mut answer) => match answer.services.pop() {
            Some(service) => Ok(service),
            None => Err(unknown_service(place, cluster, name).await),
        },
        // A service that is not there is a part of the answer; what is not found is the cluster.
        Err(error) if error.kind() == ToolErrorKind::NotFound => {
            let names = |page: ClusterArns| names(page.cluster_arns);
            let request = LIST_CLUSTERS.request(&[]);
            Err(place.unknown("ECS cluster", cluster, &LIST_CLUSTERS, request, names).await)
        }
        Err(error) => Err(error),
    }
}

async fn unknown_service(place: &Place<'_>, cluster: &str, name: &str) -> ToolError {
    let names = |page: ServiceArns| names(page.service_arns);
    let request = LIST_SERVICES.request(&[]).with("cluster", cluster).with("maxResults", 100);
    place.unknown("ECS service", name, &LIST_SERVICES, request, names).await
}

fn names(arns: Vec<String>) -> Vec<String> {
    arns.iter().map(|arn| name(arn).to_owned()).collect()
}

/// A target group, and the load balancer that sends calls to it, as CloudWatch names them.
struct Door {
    target_group: String,
    load_balancer: String,
}

impl Door {
    const QUERIES: usize = 5;

    fn queries(&self) -> [Query; Self::QUERIES] {
        [
            ("RequestCount", "Sum"),
            ("HTTPCode_Target_5XX_Count", "Sum"),
            ("TargetResponseTime", "p50"),
            ("TargetResponseTime", "p99"),
            ("TargetResponseTime", "Maximum"),
        ]
        .map(|(name, statistic)| Query {
            namespace: "AWS/ApplicationELB",
            name,
            statistic,
            dimensions: vec![
                ("TargetGroup", self.target_group.clone()),
                ("LoadBalancer", self.load_balancer.clone()),
            ],
        })
    }
}

/// The Application Load Balancers before a service; network load balancers count no calls.
async fn doors(place: &Place<'_>, service: &Service) -> ToolResult<Vec<Door>> {
    let arns: Vec<&str> = service
        .load_balancers
        .iter()
        .filter_map(|door| door.target_group_arn.as_deref())
        .take(MOST_TARGET_GROUPS)
        .collect();
    if arns.is_empty() {
        return Ok(Vec::new());
    }
    let request = DESCRIBE_TARGET_GROUPS.request(&[]).with("TargetGroupArns", json!(arns));
    let answer: TargetGroups = place.ask(&DESCRIBE_TARGET_GROUPS, request).await?;
    let mut doors = Vec::new();
    for group in answer.target_groups {
        let Some(target_group) = group.target_group_arn.rsplit(':').next() else { continue };
        doors.extend(group.load_balancer_arns.iter().filter_map(|arn| {
            let (_, load_balancer) = arn.split_once(":loadbalancer/")?;
            load_balancer.starts_with("app/").then(|| Door {
                target_group: target_group.to_owned(),
                load_balancer: load_balancer.to_owned(),
            })
        }));
    }
    doors.truncate(MOST_TARGET_GROUPS);
    Ok(doors)
}
