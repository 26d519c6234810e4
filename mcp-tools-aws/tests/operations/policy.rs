//! The permissions that are asked for are those that are used.

use std::collections::BTreeSet;

use mcp_testing::Harness;
use mcp_tools_aws::{GetAlarmStatus, GetServerMetrics, TailLogs, iam_policy};
use serde_json::Value;

use crate::{
    metrics::{function, load_balancer, service},
    support::{Asked, Fault, stage::Stage},
};

/// The action of IAM that allows a request, as the Service Authorization Reference has it.
fn action(asked: &Asked) -> String {
    let operation = asked.operation.as_str();
    match asked.service.as_str() {
        "monitoring" => format!("cloudwatch:{operation}"),
        "lambda" if operation.ends_with("/configuration") => {
            "lambda:GetFunctionConfiguration".into()
        }
        "lambda" => "lambda:ListFunctions".into(),
        service => format!("{service}:{operation}"),
    }
}

async fn metrics(mcp: &Harness, name: &str, cluster: Option<&str>) {
    let cluster = cluster.map(str::to_owned);
    let _ =
        mcp.call(GetServerMetrics { name: name.into(), cluster, hours: None, region: None }).await;
}

#[tokio::test]
async fn the_policy_names_every_action_that_is_used_and_no_other() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    let (_, group) = load_balancer(&stage).await;
    service(&stage, Some(&group)).await;
    let (proxy, mcp) = stage.behind(|_| Fault::None).await;
    for (name, cluster) in [
        ("orders", None),
        ("unknown", None),
        ("api", Some("shop")),
        ("unknown", Some("shop")),
        ("api", Some("unknown")),
    ] {
        metrics(&mcp, name, cluster).await;
    }
    let _ = mcp.call(TailLogs { log_group: "unknown".into(), ..TailLogs::default() }).await;
    let _ = mcp.call(GetAlarmStatus::default()).await;
    let used: BTreeSet<String> = proxy.take_asked().iter().map(action).collect();

    let policy: Value = serde_json::from_str(&iam_policy()).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    let operations = statements.iter().find(|it| it["Sid"] == "Operations").expect("a statement");
    let allowed: BTreeSet<String> = serde_json::from_value(operations["Action"].clone()).unwrap();
    assert_eq!(allowed, used);
    // None of them writes.
    let reads = ["Get", "List", "Describe", "Filter"];
    for action in allowed {
        let (_, name) = action.split_once(':').unwrap();
        assert!(reads.iter().any(|verb| name.starts_with(verb)), "{action}");
    }
}
