use mcp_aws::service;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    metrics::{GET_METRIC_DATA, Metric, Statistic},
    rates::Saving,
    scope::{Problem, Scope, epoch},
};
use crate::aws::ecs::{
    ClusterArns, DESCRIBE_SERVICES, LIST_CLUSTERS, LIST_SERVICES, Service, ServiceArns, Services,
};

/// Percent, at the busiest minute.
const IDLE_CPU: f64 = 1.0;
/// What one request describes at most.
const DESCRIBED_AT_ONCE: usize = 10;

const DESCRIBE_TASK_DEFINITION: Api =
    Api::new(&service::ECS, "DescribeTaskDefinition", "ecs:DescribeTaskDefinition");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    task_definition: Task,
}

/// Thousandths of a CPU and megabytes, as texts.
#[derive(Deserialize)]
struct Task {
    cpu: Option<String>,
    memory: Option<String>,
}

/// What its tasks cost on Fargate; on instances they cost nothing of their own.
async fn saving(scope: &Scope, service: &Service) -> Result<Option<Saving>, Problem> {
    let (Some("FARGATE"), Some(definition)) =
        (service.launch_type.as_deref(), service.task_definition.as_deref())
    else {
        return Ok(None);
    };
    let request = DESCRIBE_TASK_DEFINITION.request(&[]).with("taskDefinition", definition);
    let Definition { task_definition: task } =
        scope.call(&DESCRIBE_TASK_DEFINITION, request).await?;
    let count = |text: Option<String>| {
        let units: Option<Decimal> = text.and_then(|text| text.parse().ok());
        units.map(|units| units / Decimal::from(1024) * Decimal::from(service.desired_count))
    };
    let (Some(cpu), Some(memory)) = (count(task.cpu), count(task.memory)) else { return Ok(None) };
    let rates = scope.rates();
    Ok(Some(
        rates.hourly(&rates.compute.fargate_vcpu, cpu, scope.region())
            + rates.hourly(&rates.compute.fargate_memory, memory, scope.region()),
    ))
}

pub(super) static CHECK: Check = Check {
    id: "ecs_idle_services",
    service: "ecs",
    finds: "ECS services that run tasks and have used next to no CPU for two weeks.",
    apis: &[
        &LIST_CLUSTERS,
        &LIST_SERVICES,
        &DESCRIBE_SERVICES,
        &DESCRIBE_TASK_DEFINITION,
        &GET_METRIC_DATA,
    ],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let pages: Vec<ClusterArns> = scope.pages(&LIST_CLUSTERS, LIST_CLUSTERS.request(&[])).await?;
    let clusters: Vec<String> = pages.into_iter().flat_map(|page| page.cluster_arns).collect();
    let described = scope
        .each(clusters, |cluster: String| async move {
            let request = LIST_SERVICES.request(&[]).with("cluster", cluster.as_str());
            let pages: Vec<ServiceArns> = scope.pages(&LIST_SERVICES, request).await?;
            let arns: Vec<String> = pages.into_iter().flat_map(|page| page.service_arns).collect();
            let mut services = Vec::new();
            for arns in arns.chunks(DESCRIBED_AT_ONCE) {
                let request = DESCRIBE_SERVICES
                    .request(&[])
                    .with("cluster", cluster.as_str())
                    .with("services", json!(arns));
                let answer: Services = scope.call(&DESCRIBE_SERVICES, request).await?;
                services.extend(answer.services);
            }
            Ok(services)
        })
        .await;
    let mut services: Vec<Service> = Vec::new();
    for (_, described) in described {
        match described {
            Ok(described) => services.extend(described),
            Err(problem) => found.problem(problem),
        }
    }
    services.retain(|service| service.desired_count > 0 && scope.is_old(epoch(service.created_at)));
    let metrics: Vec<Metric<'_>> = services
        .iter()
        .map(|service| Metric {
            namespace: "AWS/ECS",
            name: "CPUUtilization",
            statistic: Statistic::Maximum,
            dimensions: vec![
                ("ClusterName", service.cluster()),
                ("ServiceName", &service.service_name),
            ],
        })
        .collect();
    let measured = scope.measure(&metrics).await?;
    for (service, cpu) in services.iter().zip(measured) {
        if cpu.is_none_or(|percent| percent > IDLE_CPU) {
            continue;
        }
        let saving = match saving(scope, service).await {
            Ok(saving) => saving,
            Err(problem) => {
                found.problem(problem);
                None
            }
        };
        let name = service.service_name.as_str();
        found.add(
            Finding::of_arn(
                scope,
                service.service_arn.clone(),
                format!("{} tasks that do nothing.", service.desired_count),
            )
            .name(Some(name))
            .since(scope, epoch(service.created_at))
            .measured("AWS/ECS CPUUtilization Maximum (percent)", cpu)
            .saves(saving)
            .confidence(Confidence::Medium)
            .verify("ecs describe-services", &["--cluster", service.cluster(), "--services", name]),
        );
    }
    Ok(())
}
