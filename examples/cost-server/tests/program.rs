//! The program with credentials from its environment, against moto, and without any.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use mcp_testing::{__private::block_on, Harness, Moto};
use mcp_tools_aws::{
    Architecture, ChartFormat, DeploymentCosts, EstimateDeploymentCost, GetBudgetStatus,
    IdentifyUnusedResources, Identity, WasteReport, Whoami, Workload, iam_policy,
};
use serde_json::json;

/// The program, with nothing in its environment that leads to AWS.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cost-server"));
    command
        .arg("stdio")
        .env_clear()
        .env("HOME", std::env::temp_dir().join("no-home-of-the-cost-server"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("RUST_LOG", "warn");
    command
}

#[test]
fn credentials_and_endpoint_come_from_the_environment() {
    block_on(async {
        let moto = Moto::shared();
        let account = moto.account().await;
        for legacy in [false, true] {
            let mut command = program();
            command
                .env("AWS_ACCESS_KEY_ID", &account.access_key_id)
                .env("AWS_SECRET_ACCESS_KEY", &account.secret_access_key)
                .env("AWS_SESSION_TOKEN", &account.session_token)
                .env("AWS_REGION", "eu-west-1")
                .env("AWS_ENDPOINT_URL", moto.url());
            let connect = Harness::stdio(command);
            let mcp = if legacy { connect.legacy().await } else { connect.await };
            let identity: Identity = mcp.call(Whoami::default()).await.structured();
            assert_eq!(identity.account, account.id);
            assert_eq!(identity.region, "eu-west-1");
            let scan = IdentifyUnusedResources {
                services: vec!["ebs_unattached_volumes".to_owned()],
                ..IdentifyUnusedResources::default()
            };
            let report: WasteReport = mcp.call(scan).await.structured();
            assert_eq!((report.account, report.found), (account.id.clone(), 0));
            assert_eq!(report.regions, ["eu-west-1"]);
            let budgets = mcp.call(GetBudgetStatus::default()).await;
            assert!(budgets.text().contains("has no budgets"), "{}", budgets.text());
        }
    });
}

#[test]
fn without_credentials_the_model_is_told_what_to_do() {
    block_on(async {
        let mcp = Harness::stdio(program()).await;
        let error = mcp.call(Whoami::default()).await.tool_error();
        assert!(error.contains("no AWS credentials"), "{error}");
        assert!(error.contains("AWS_PROFILE"), "{error}");
    });
}

#[test]
fn what_needs_no_account_works_without_credentials() {
    block_on(async {
        let mcp = Harness::stdio(program()).await;
        let workload = Workload { architecture: Architecture::X86_64, ..Workload::new(1_000_000) };
        let costs: DeploymentCosts = mcp
            .call(EstimateDeploymentCost { workload, chart: ChartFormat::None })
            .await
            .structured();
        assert!(costs.options.len() > 8);
        let arguments = json!({ "text": "It works well.", "analysis_type": "sentiment" });
        let outcome = mcp.try_call("text-analyzer", arguments).await.unwrap();
        assert!(outcome.text().contains("positive"), "{}", outcome.text());
    });
}

#[mcp_testing::test(cost_server::server())]
async fn each_tool_is_listed_once_and_reads_only(mcp: Harness) {
    let tools = mcp.list_tools().await;
    let mut names: Vec<&str> = tools.iter().map(|tool| &*tool.name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aws_cost_analyzer",
            "aws_simple_cost_check",
            "compare_cost_periods",
            "estimate_deployment_cost",
            "get_alarm_status",
            "get_budget_status",
            "get_cost_anomalies",
            "get_cost_breakdown",
            "get_cost_forecast",
            "get_server_metrics",
            "identify_unused_resources",
            "list_waste_checks",
            "recommend_deployment",
            "refresh_prices",
            "tail_logs",
            "text_analyzer",
            "whoami",
        ]
    );
    for tool in &tools {
        let annotations = tool.annotations.as_ref().expect("annotations");
        assert_eq!(annotations.read_only_hint, Some(true), "{}", tool.name);
    }
}

/// After an intended change, copy what this test prints.
#[test]
fn the_policy_is_that_of_the_code() {
    let policy = include_str!("../iam-policy.json");
    assert!(policy == iam_policy(), "{}", iam_policy());
}
