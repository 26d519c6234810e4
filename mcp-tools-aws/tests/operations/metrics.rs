//! get_server_metrics.

use mcp_aws::service;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{ColdStartSource, GetServerMetrics, ServerKind, ServerMetrics, Tasks};
use serde_json::{Value, json};

use crate::{
    logs::log,
    support::{
        Fault,
        stage::{Stage, element},
    },
};

fn of(name: &str, cluster: Option<&str>) -> GetServerMetrics {
    GetServerMetrics {
        name: name.to_owned(),
        cluster: cluster.map(str::to_owned),
        hours: Some(48),
        region: None,
    }
}

async fn client(stage: &Stage) -> Harness {
    Harness::in_memory(stage.server(Moto::shared().url())).await
}

pub async fn function(stage: &Stage, name: &str) {
    let role = stage.role(name).await;
    let function = json!({
        "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role,
        "Timeout": 30, "MemorySize": 256,
        "Code": { "S3Bucket": "none", "S3Key": "none", "ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==" },
    });
    stage.rest(&service::LAMBDA, "POST", "/2015-03-31/functions", function).await;
}

const REPORT: &str = "REPORT RequestId: 1\tDuration: 3.1 ms\tBilled Duration: 50 ms\t\
                      Memory Size: 256 MB\tMax Memory Used: 30 MB";

#[tokio::test]
async fn a_function_has_calls_errors_and_cold_starts_of_its_log() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    let dimensions = [("FunctionName", "orders")];
    stage.metric("AWS/Lambda", "Invocations", &dimensions, 40.0).await;
    stage.metric("AWS/Lambda", "Errors", &dimensions, 1.0).await;
    stage.metric("AWS/Lambda", "Throttles", &dimensions, 2.0).await;
    stage.metric("AWS/Lambda", "ConcurrentExecutions", &dimensions, 3.0).await;
    // Of another function.
    stage.metric("AWS/Lambda", "Invocations", &[("FunctionName", "other")], 1000.0).await;
    let cold = |init: f64| format!("{REPORT}\tInit Duration: {init} ms\t");
    let (first, second) = (cold(41.5), cold(60.0));
    log(&stage, "/aws/lambda/orders", &[(200, &first), (100, REPORT), (90, &second)]).await;

    let outcome = client(&stage).await.call(of("orders", None)).await;
    let metrics: ServerMetrics = outcome.structured();
    assert_eq!(metrics.kind, ServerKind::Lambda);
    // Two data points each.
    assert_eq!((metrics.calls, metrics.errors, metrics.throttles), (Some(80), Some(2), Some(4)));
    assert_eq!(metrics.error_percent, Some(2.5));
    assert_eq!(metrics.most_concurrent, Some(3));
    assert_eq!((metrics.memory_mb, metrics.timeout_seconds), (Some(256), Some(30)));
    let starts = metrics.cold_starts.expect("cold starts");
    assert_eq!((starts.count, starts.at_least, starts.source), (2, false, ColdStartSource::Log));
    assert_eq!(starts.median_init_ms, Some(41.5));
    assert_eq!(metrics.partial, None);
    assert!(
        outcome.text().contains("80 calls, 2 errors (2.5 %), 4 throttled"),
        "{}",
        outcome.text()
    );
}

/// The documented answer to so many questions, one value each.
fn metric_data(values: &[f64]) -> String {
    let results: String = values
        .iter()
        .enumerate()
        .map(|(index, value)| {
            format!(
                "<member><Id>m{index}</Id><Label>x</Label><StatusCode>Complete</StatusCode>\
                 <Timestamps><member>2026-05-01T00:00:00Z</member></Timestamps>\
                 <Values><member>{value}</member></Values></member>"
            )
        })
        .collect();
    format!(
        "<GetMetricDataResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
         <GetMetricDataResult><MetricDataResults>{results}</MetricDataResults><Messages/>\
         </GetMetricDataResult></GetMetricDataResponse>"
    )
}

#[tokio::test]
async fn percentiles_and_the_cold_starts_of_lambda_insights_are_told() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    let (_proxy, mcp) = stage
        .behind(|asked| match asked.operation.as_str() {
            "GetMetricData" => {
                let values = [1000.0, 0.0, 0.0, 12.5, 480.0, 900.0, 7.0, 5.0, 33.0];
                Fault::Answer(200, metric_data(&values))
            }
            _ => Fault::None,
        })
        .await;
    let outcome = mcp.call(of("orders", None)).await;
    let metrics: ServerMetrics = outcome.structured();
    assert_eq!((metrics.p50_ms, metrics.p99_ms), (Some(12.5), Some(480.0)));
    let starts = metrics.cold_starts.expect("cold starts");
    assert_eq!((starts.count, starts.source), (5, ColdStartSource::LambdaInsights));
    assert_eq!(starts.median_init_ms, Some(33.0));
    assert!(
        outcome.text().contains("p50 12.5 ms, p99 480.0 ms, longest 900.0 ms"),
        "{}",
        outcome.text()
    );
}

#[tokio::test]
async fn a_function_that_nobody_has_called_says_so() {
    let stage = Stage::new().await;
    function(&stage, "quiet").await;
    let metrics: ServerMetrics = client(&stage).await.call(of("quiet", None)).await.structured();
    assert_eq!((metrics.calls, metrics.error_percent), (Some(0), None));
    assert_eq!(metrics.cold_starts, None);
    let notes = metrics.notes.join(" ");
    assert!(notes.contains("no calls in this window") && notes.contains("no log yet"), "{notes}");
}

#[tokio::test]
async fn an_unknown_function_lists_close_ones() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    let error = client(&stage).await.call(of("order", None)).await.tool_error();
    assert!(error.contains("no Lambda function \"order\" in us-east-1"), "{error}");
    assert!(error.contains("The closest names: orders"), "{error}");
}

/// A service of Fargate behind a load balancer or not: its cluster is `shop`, its name `api`.
pub async fn service(stage: &Stage, behind: Option<&str>) {
    stage.ask(&service::ECS, "CreateCluster", json!({ "clusterName": "shop" })).await;
    let task = json!({
        "family": "api", "containerDefinitions": [{ "name": "api", "image": "api", "memory": 128 }],
    });
    stage.ask(&service::ECS, "RegisterTaskDefinition", task).await;
    let doors: Vec<Value> = behind
        .iter()
        .map(
            |group| json!({ "targetGroupArn": group, "containerName": "api", "containerPort": 80 }),
        )
        .collect();
    let service = json!({
        "cluster": "shop", "serviceName": "api", "taskDefinition": "api", "desiredCount": 2,
        "loadBalancers": doors,
    });
    stage.ask(&mcp_aws::service::ECS, "CreateService", service).await;
}

/// An Application Load Balancer with a target group: their ARNs.
pub async fn load_balancer(stage: &Stage) -> (String, String) {
    let subnets = stage.subnets().await;
    let balancer = json!({ "Name": "shop", "Subnets": subnets[..2] });
    let balancer = stage.ask(&service::ELB, "CreateLoadBalancer", balancer).await;
    let balancer = element(&balancer, "LoadBalancerArn");
    let vpc = stage.vpc().await;
    let group = json!({ "Name": "api", "Protocol": "HTTP", "Port": 80, "VpcId": vpc });
    let group =
        element(&stage.ask(&service::ELB, "CreateTargetGroup", group).await, "TargetGroupArn");
    let listener = json!({
        "LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80,
        "DefaultActions": [{ "Type": "forward", "TargetGroupArn": group }],
    });
    stage.ask(&service::ELB, "CreateListener", listener).await;
    (balancer, group)
}

#[tokio::test]
async fn a_service_has_the_calls_that_its_load_balancer_counts() {
    let stage = Stage::new().await;
    let (balancer, group) = load_balancer(&stage).await;
    service(&stage, Some(&group)).await;
    let of_service = [("ClusterName", "shop"), ("ServiceName", "api")];
    stage.metric("AWS/ECS", "CPUUtilization", &of_service, 35.0).await;
    stage.metric("AWS/ECS", "MemoryUtilization", &of_service, 50.0).await;
    let target = group.rsplit(':').next().unwrap();
    let (_, door) = balancer.split_once(":loadbalancer/").unwrap();
    let of_door = [("TargetGroup", target), ("LoadBalancer", door)];
    stage.metric("AWS/ApplicationELB", "RequestCount", &of_door, 500.0).await;
    stage.metric("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", &of_door, 5.0).await;

    let outcome = client(&stage).await.call(of("api", Some("shop"))).await;
    let metrics: ServerMetrics = outcome.structured();
    assert_eq!(metrics.kind, ServerKind::Ecs);
    assert_eq!((metrics.calls, metrics.errors), (Some(1000), Some(10)));
    assert_eq!(metrics.error_percent, Some(1.0));
    assert_eq!((metrics.cpu_percent, metrics.memory_percent_most), (Some(35.0), Some(50.0)));
    let Tasks { desired, .. } = metrics.tasks.expect("tasks");
    assert_eq!(desired, 2);
    assert_eq!(metrics.partial, None, "{:?}", metrics.notes);
    assert!(outcome.text().contains("1000 calls, 10 errors (1 %)"), "{}", outcome.text());
}

#[tokio::test]
async fn response_times_of_a_service_are_told_in_milliseconds() {
    let stage = Stage::new().await;
    let (_, group) = load_balancer(&stage).await;
    service(&stage, Some(&group)).await;
    let (_proxy, mcp) = stage
        .behind(|asked| match asked.operation.as_str() {
            "GetMetricData" => {
                let values = [20.0, 40.0, 60.0, 1000.0, 10.0, 0.0125, 0.5, 2.0];
                Fault::Answer(200, metric_data(&values))
            }
            _ => Fault::None,
        })
        .await;
    let metrics: ServerMetrics = mcp.call(of("api", Some("shop"))).await.structured();
    assert_eq!((metrics.calls, metrics.errors), (Some(1000), Some(10)));
    assert_eq!((metrics.p50_ms, metrics.p99_ms), (Some(12.5), Some(500.0)));
    assert_eq!(metrics.longest_ms, Some(2000.0));
    // Eight metrics.
    assert_eq!(metrics.billed.amount().to_string(), "0.0001");
}

#[tokio::test]
async fn a_service_without_a_load_balancer_has_no_calls_and_a_reason() {
    let stage = Stage::new().await;
    service(&stage, None).await;
    let metrics: ServerMetrics =
        client(&stage).await.call(of("api", Some("shop"))).await.structured();
    assert_eq!((metrics.calls, metrics.p99_ms), (None, None));
    assert!(
        metrics.notes[0].contains("behind no Application Load Balancer"),
        "{:?}",
        metrics.notes
    );
}

#[tokio::test]
async fn an_unknown_service_and_an_unknown_cluster_list_close_ones() {
    let stage = Stage::new().await;
    service(&stage, None).await;
    let mcp = client(&stage).await;
    let error = mcp.call(of("apis", Some("shop"))).await.tool_error();
    assert!(error.contains("no ECS service \"apis\"") && error.contains("names: api."), "{error}");
    let error = mcp.call(of("api", Some("shopp"))).await.tool_error();
    assert!(
        error.contains("no ECS cluster \"shopp\"") && error.contains("names: shop."),
        "{error}"
    );
}
