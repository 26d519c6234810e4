//! The scan as a whole.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use mcp_aws::service;
use mcp_core::{Message, ReplyPart, Server};
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{IdentifyUnusedResources, ListWasteChecks, WasteChecks, WasteReport};
use serde_json::{Value, json};

use crate::support::stage::{self, Stage, scan_of};

/// Over the account that moto has for keys it does not know.
fn server() -> Server {
    let credentials = Credentials::new("AKIDTEST", "secret", None, None, "test");
    stage::server(Moto::shared().url(), credentials)
}

#[mcp_testing::test(server())]
async fn the_tools_work_wherever_they_are_served(mcp: Harness) {
    let tools = mcp.list_tools().await;
    for name in ["identify_unused_resources", "list_waste_checks"] {
        assert!(tools.iter().any(|tool| tool.name == name), "{tools:?}");
    }
    let arguments = json!({ "services": ["vpc"], "regions": ["eu-west-3"] });
    let outcome = mcp.try_call("identify-unused-resources", arguments).await.unwrap();
    let report: WasteReport = outcome.structured();
    assert_eq!((report.checks, report.found, report.partial), (2, 0, None));
    assert_eq!(report.regions, ["eu-west-3"]);
    assert!(outcome.text().contains("Nothing was changed"), "{}", outcome.text());
}

#[tokio::test]
async fn checks_are_listed_with_what_they_find_and_need() {
    let mcp = Harness::in_memory(server()).await;
    let all: WasteChecks = mcp.call(ListWasteChecks::default()).await.structured();
    assert!(all.checks.len() >= 25, "{}", all.checks.len());
    let services: BTreeSet<&String> = all.checks.iter().map(|check| &check.service).collect();
    assert_eq!(services, all.services.iter().collect());
    let ebs: WasteChecks =
        mcp.call(ListWasteChecks { services: vec!["EBS".to_owned()] }).await.structured();
    assert_eq!(ebs.checks.len(), 4);
}

#[tokio::test]
async fn what_there_is_no_check_for_is_told_with_the_closest_name() {
    let mcp = Harness::in_memory(server()).await;
    let scan = IdentifyUnusedResources {
        services: vec!["lambdas".to_owned()],
        ..IdentifyUnusedResources::default()
    };
    let error = mcp.call(scan).await.tool_error();
    assert!(error.contains("Did you mean \"lambda\"?"), "{error}");
    assert!(error.contains("secretsmanager"), "{error}");
}

#[tokio::test]
async fn what_is_no_region_is_not_asked() {
    let mcp = Harness::in_memory(server()).await;
    let scan = IdentifyUnusedResources {
        regions: vec!["us-east-1".to_owned(), "evil.example/".to_owned()],
        ..IdentifyUnusedResources::default()
    };
    let error = mcp.call(scan).await.tool_error();
    assert!(error.contains("`regions`"), "{error}");
}

#[tokio::test]
async fn all_regions_are_those_of_the_account() {
    let stage = Stage::new().await;
    let scan = IdentifyUnusedResources {
        regions: vec!["all".to_owned()],
        ..scan_of(&["ebs_gp2_volumes"])
    };
    let report = stage.scan(scan).await;
    assert!(report.regions.len() > 10, "{:?}", report.regions);
    assert_eq!(report.checks as usize, report.regions.len());
}

#[tokio::test]
async fn progress_is_told_and_totals_count_what_is_not_shown() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        stage.volume("gp3").await;
    }
    let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
    let scan = IdentifyUnusedResources { max_findings: Some(2), ..scan_of(&["ebs"]) };
    let outcome = mcp.call(scan).await;
    let report: WasteReport = outcome.structured();
    assert_eq!((report.found, report.findings.len()), (3, 2));
    // 100 GB of gp3 each.
    assert_eq!(report.monthly_saving.to_string(), "$24.00");
    assert_eq!(report.by_service[0].service, "ebs");
    assert_eq!(report.by_service[0].monthly_saving, report.monthly_saving);
    assert_eq!(outcome.progress().len(), 4);
    assert!(outcome.progress().iter().all(|told| told.total == Some(4.0)));
}

/// Sends a call message by message, and returns what the server sends.
async fn messages(server: &Server, arguments: Value, meta: Value) -> Vec<Value> {
    let mut full = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    full.as_object_mut().unwrap().extend(meta.as_object().unwrap().clone());
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "identify_unused_resources", "arguments": arguments, "_meta": full },
    });
    let Ok(Message::Request(request)) = Message::parse(call.to_string()) else {
        panic!("a request")
    };
    let mut reply = server.call(request);
    let mut messages = Vec::new();
    while let Some(part) = reply.next().await {
        let bytes = match part {
            ReplyPart::Notification(notification) => notification.to_bytes(),
            ReplyPart::Response(response) => response.into_bytes().to_vec(),
            other => panic!("not in a modern reply: {other:?}"),
        };
        messages.push(serde_json::from_slice(&bytes).unwrap());
    }
    messages
}

#[tokio::test]
async fn findings_come_service_by_service_while_the_scan_goes_on() {
    let stage = Stage::new().await;
    let volume = stage.volume("gp3").await;
    let server = stage.server(Moto::shared().url());
    let arguments = json!({ "services": ["ebs", "vpc"], "min_age_days": 0 });
    let meta = json!({ "io.modelcontextprotocol/logLevel": "info" });
    let messages = messages(&server, arguments, meta).await;
    let logs: Vec<&Value> = messages
        .iter()
        .filter(|message| message["method"] == "notifications/message")
        .map(|message| &message["params"]["data"])
        .collect();
    let services: BTreeSet<&str> =
        logs.iter().map(|log| log["service"].as_str().unwrap()).collect();
    assert_eq!(services, BTreeSet::from(["ebs", "vpc"]), "{messages:?}");
    let ebs = logs.iter().find(|log| log["service"] == "ebs").unwrap();
    assert!(ebs["findings"][0]["arn"].as_str().unwrap().ends_with(&volume), "{ebs}");
    assert!(messages.last().unwrap()["result"].is_object());
}

#[tokio::test]
async fn a_client_that_knows_tasks_gets_a_handle() {
    let stage = Stage::new().await;
    let server = stage.server(Moto::shared().url());
    let meta = json!({ "io.modelcontextprotocol/clientCapabilities": {
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    } });
    let messages = messages(&server, json!({ "services": ["vpc"] }), meta).await;
    let result = &messages.last().unwrap()["result"];
    assert_eq!(result["resultType"], "task", "{messages:?}");
    assert!(result["taskId"].is_string(), "{result}");
}

/// Five hundred each of instances, their volumes, their network interfaces, and log groups. The time
/// that this takes is moto's; requests and metrics are ours.
#[tokio::test]
async fn two_thousand_resources_take_few_requests() {
    let stage = Stage::new().await;
    let image = stage.image().await;
    let run =
        json!({ "ImageId": image, "InstanceType": "m5.large", "MinCount": 500, "MaxCount": 500 });
    stage.ask(&service::EC2, "RunInstances", run).await;
    for index in 0..500 {
        let group = json!({ "logGroupName": format!("/aws/lambda/{index}") });
        stage.ask(&service::LOGS, "CreateLogGroup", group).await;
    }
    let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
    let before = cpu_time();
    let report: WasteReport = mcp.call(scan_of(&[])).await.structured();
    eprintln!(
        "{} checks, {} requests, {} metrics, {} found: {:?} of our CPU",
        report.checks,
        report.requests,
        report.metrics,
        report.found,
        cpu_time() - before
    );
    assert_eq!(report.partial, None, "{:?}", report.problems);
    assert!(report.found >= 500, "{}", report.found);
    assert!(report.requests <= 80, "{}", report.requests);
    assert_eq!(report.metrics, 2000);
    assert_eq!(report.billed.to_string(), "$0.02");
}

/// What this process has used of processors so far, its test threads included.
fn cpu_time() -> std::time::Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    std::time::Duration::from_millis(ticks * 10)
}
