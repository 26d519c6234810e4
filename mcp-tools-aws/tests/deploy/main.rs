//! Where to run a server, as a client meets it.
#![cfg(feature = "deploy")]

#[cfg(feature = "refresh")]
mod refresh;
#[cfg(feature = "refresh")]
#[path = "../support/mod.rs"]
mod support;

use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_aws::{
    Architecture, ChartFormat, DeploymentCost, DeploymentCosts, DeploymentRecommendation,
    EstimateDeploymentCost, Prices, Target, Workload, deploy_pack,
};
use serde_json::json;

fn server() -> Server {
    Server::builder("deploy", "1").pack(deploy_pack(Prices::built_in())).build()
}

/// 1 GB on x86, and nothing but the computing.
fn computing(requests_per_month: u64, duration_ms: u32) -> EstimateDeploymentCost {
    let workload = Workload {
        duration_ms,
        memory_mb: 1024,
        payload_kb: 0.0,
        log_kb_per_request: 0.0,
        architecture: Architecture::X86_64,
        ..Workload::new(requests_per_month)
    };
    EstimateDeploymentCost { workload, chart: ChartFormat::None }
}

async fn costs(mcp: &Harness, question: EstimateDeploymentCost) -> DeploymentCosts {
    mcp.call(question).await.structured()
}

fn option(costs: &DeploymentCosts, target: Target) -> &DeploymentCost {
    costs.options.iter().find(|option| option.target == target).expect("the place is possible")
}

fn compute(cost: &DeploymentCost) -> String {
    let compute = cost.lines.iter().filter(|line| line.item.starts_with("Fargate"));
    compute.map(|line| line.usd).sum::<mcp_tools_aws::Usd>().to_string()
}

/// $333.60 comes of $0.0001667 a GB-second, which is ten times the price.
#[mcp_testing::test(server())]
async fn a_million_requests_of_2_s_and_1_gb_are_33_dollars_53(mcp: Harness) {
    let costs = costs(&mcp, computing(1_000_000, 2000)).await;
    let lambda = option(&costs, Target::LambdaFunctionUrl);
    assert_eq!(lambda.monthly_usd.to_string(), "$33.53");
    // One million requests and 400,000 of the 2,000,000 GB-seconds are free.
    assert_eq!(lambda.monthly_usd_with_free_tier.to_string(), "$26.67");
}

#[mcp_testing::test(server())]
async fn a_task_of_1_vcpu_and_2_gb_for_744_hours_is_36_dollars_73(mcp: Harness) {
    let mut question = computing(0, 1);
    question.workload.days_per_month = Some(31);
    question.workload.tasks = Some(1);
    question.workload.task_vcpu = 1.0;
    question.workload.task_memory_mb = 2048;
    let costs = costs(&mcp, question).await;
    assert_eq!(compute(option(&costs, Target::Fargate)), "$36.73");
}

/// Not "about $30", and the load balancer comes on top.
#[mcp_testing::test(server())]
async fn two_tasks_of_half_a_vcpu_and_1_gb_are_36_dollars_04(mcp: Harness) {
    let costs = costs(&mcp, computing(1_000_000, 200)).await;
    let fargate = option(&costs, Target::Fargate);
    assert_eq!(compute(fargate), "$36.04");
    // Load balancer 16.43 and 0.09, its two addresses 7.30, those of the tasks 7.30.
    assert_eq!(fargate.monthly_usd.to_string(), "$67.15");
}

/// 200 ms of 1 GB are 0.2 GB-seconds: 3 and 20 million of them.
#[mcp_testing::test(server())]
async fn fifteen_and_a_hundred_million_requests_of_200_ms(mcp: Harness) {
    for (requests, all, with_free_tier) in
        [(15_000_000, "$53.00", "$46.13"), (100_000_000, "$353.33", "$346.47")]
    {
        let costs = costs(&mcp, computing(requests, 200)).await;
        let lambda = option(&costs, Target::LambdaFunctionUrl);
        assert_eq!(lambda.monthly_usd.to_string(), all);
        assert_eq!(lambda.monthly_usd_with_free_tier.to_string(), with_free_tier);
    }
}

#[mcp_testing::test(server())]
async fn every_line_adds_up_and_has_a_source(mcp: Harness) {
    let costs = costs(
        &mcp,
        EstimateDeploymentCost { workload: Workload::new(5_000_000), chart: ChartFormat::None },
    )
    .await;
    assert_eq!(costs.options.len(), 12);
    for option in &costs.options {
        let sum: mcp_tools_aws::Usd = option.lines.iter().map(|line| line.usd).sum();
        assert!((sum.cents() - option.monthly_usd.cents()).abs() <= 1, "{option:?}");
        assert!(option.lines.iter().all(|line| line.source.starts_with("https://aws.amazon.com/")));
    }
    assert!(costs.options.is_sorted_by_key(|option| option.monthly_usd));
    assert!(!costs.break_even.is_empty());
}

#[mcp_testing::test(server())]
async fn an_unknown_region_and_a_wrong_size_are_explained(mcp: Harness) {
    let call = async |arguments| {
        let outcome = mcp.try_call("estimate_deployment_cost", arguments).await;
        outcome.expect("served").tool_error()
    };
    let error = call(json!({ "requests_per_month": 1, "region": "mars-north-1" })).await;
    assert!(error.contains("\"mars-north-1\". There are those of: us-east-1"), "{error}");
    let error = call(json!({ "requests_per_month": 1, "task_vcpu": 3 })).await;
    assert!(error.contains("0.25, 0.5, 1, 2, 4, 8 and 16"), "{error}");
    let error = call(json!({ "requests_per_month": 1, "hours_per_day": 25, "memory": 1 })).await;
    assert!(error.contains("`hours_per_day`") && error.contains("memory"), "{error}");
}

#[mcp_testing::test(server())]
async fn a_recommendation_explains_itself(mcp: Harness) {
    let arguments = json!({ "requests_per_month": 100_000, "stateful_sessions": true });
    let outcome = mcp.try_call("recommend-deployment", arguments).await.expect("served");
    let text = outcome.text();
    assert!(text.starts_with("Recommended: ") && text.contains("Not Lambda"), "{text}");
    let answer: DeploymentRecommendation = outcome.structured();
    assert_eq!(answer.recommended, answer.ranking.first().map(|best| best.target));
}

#[mcp_testing::test(server())]
async fn a_chart_goes_along_where_it_is_asked_for(mcp: Harness) {
    let mut question = computing(1_000_000, 200);
    let content = async |question: &EstimateDeploymentCost| {
        let outcome = mcp.call(question.clone()).await;
        let costs: DeploymentCosts = outcome.structured();
        assert!(!costs.break_even.is_empty());
        serde_json::to_value(&outcome.result().content).expect("JSON")
    };
    assert_eq!(content(&question).await.as_array().expect("blocks").len(), 1);
    question.chart = ChartFormat::Png;
    let png = content(&question).await;
    assert_eq!((&png[1]["type"], &png[1]["mimeType"]), (&json!("image"), &json!("image/png")));
    // The signature of PNG.
    assert!(png[1]["data"].as_str().expect("data").starts_with("iVBORw0KGgo"));
    question.chart = ChartFormat::Svg;
    let svg = content(&question).await;
    assert_eq!(svg[1]["resource"]["mimeType"], "image/svg+xml");
    let text = svg[1]["resource"]["text"].as_str().expect("text");
    assert!(text.contains("ECS on Fargate") && text.contains("Function URL"), "{text}");
}
