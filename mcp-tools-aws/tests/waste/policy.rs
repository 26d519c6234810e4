//! The permissions that are asked for are those that are used.

use std::collections::BTreeSet;

use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{ListWasteChecks, WasteChecks, iam_policy};
use serde_json::Value;

use crate::support::{Asked, stage::Stage};

/// The action of IAM that allows a request, as the Service Authorization Reference has it; from what
/// is seen on the wire, so that it does not depend on what the checks declare.
pub fn action(asked: &Asked) -> String {
    let operation = asked.operation.as_str();
    let (path, query) = operation.split_once('?').unwrap_or((operation, ""));
    let parts: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
    let (prefix, name) = match (asked.service.as_str(), parts.as_slice()) {
        ("monitoring", _) => ("cloudwatch", operation),
        ("lambda", [_, "functions"]) => ("lambda", "ListFunctions"),
        ("lambda", [_, "functions", _, "provisioned-concurrency"]) => {
            ("lambda", "ListProvisionedConcurrencyConfigs")
        }
        ("eks", ["clusters"]) => ("eks", "ListClusters"),
        ("eks", ["clusters", _]) => ("eks", "DescribeCluster"),
        ("eks", ["clusters", _, "node-groups"]) => ("eks", "ListNodegroups"),
        ("eks", ["clusters", _, "fargate-profiles"]) => ("eks", "ListFargateProfiles"),
        ("apigateway", _) if operation.starts_with("GET ") => ("apigateway", "GET"),
        ("s3", _) if query.starts_with("lifecycle") => ("s3", "GetLifecycleConfiguration"),
        ("s3", _) if query.starts_with("uploads") => ("s3", "ListBucketMultipartUploads"),
        ("s3", []) => ("s3", "ListAllMyBuckets"),
        (service, []) => (service, operation),
        _ => panic!("not known: {asked:?}"),
    };
    format!("{prefix}:{name}")
}

/// With the tests of each check, which see that a check asks for all that it declares and for
/// nothing else, this makes the policy the smallest.
#[tokio::test]
async fn the_policy_has_the_actions_of_all_checks_and_no_other() {
    let stage = Stage::new().await;
    let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
    let listed: WasteChecks = mcp.call(ListWasteChecks::default()).await.structured();
    let mut used: BTreeSet<String> =
        listed.checks.into_iter().flat_map(|check| check.actions).collect();
    used.insert("sts:GetCallerIdentity".to_owned());
    used.insert("ec2:DescribeRegions".to_owned());
    let policy: Value = serde_json::from_str(&iam_policy()).unwrap();
    let waste = policy["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .find(|statement| statement["Sid"] == "Waste")
        .expect("a statement");
    let allowed: BTreeSet<String> = serde_json::from_value(waste["Action"].clone()).unwrap();
    assert_eq!(allowed, used);
    // A managed policy has 6,144 characters at most, white space not counted.
    assert!(policy.to_string().len() < 6144);
}

#[tokio::test]
async fn the_documentation_has_every_check() {
    let documentation = include_str!("../../../docs/aws-pack.md");
    let stage = Stage::new().await;
    let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
    let listed: WasteChecks = mcp.call(ListWasteChecks::default()).await.structured();
    for check in listed.checks {
        let line = format!("| `{}` | {} |", check.name, check.finds);
        assert!(documentation.contains(&line), "{line}");
    }
}
