//! The cost tools through the real SDK against moto, with costs that are seeded.
#![cfg(feature = "cost")]

mod support;

use chrono::{Days, Utc};
use mcp_core::Server;
use mcp_testing::Harness;
use mcp_tools_aws::{
    BudgetState, Budgets, CompareCostPeriods, CostBreakdown, CostComparison, GetBudgetStatus,
    GetCostBreakdown, Identity, Period, Whoami,
};
use serde_json::json;

use crate::support::{at_moto, create_budget, result, seed, server};

/// An account whose costs are two days by service, in two pages.
async fn two_days() -> Server {
    let (aws, account) = at_moto().await;
    let page = json!({
        "ResultsByTime": [
            result(&ago(20), &ago(19), false, &[("AWS Lambda", "1.25"), ("Amazon DynamoDB", "0.0000001")]),
        ],
        "NextPageToken": "more",
    });
    let last = json!({
        "ResultsByTime": [
            result(&ago(20), &ago(19), false, &[("AmazonCloudWatch", "0.5")]),
            result(&ago(19), &ago(18), true, &[("AWS Lambda", "2.5"), ("Tax", "-0.25")]),
        ],
    });
    seed(&account, vec![page, last]).await;
    server(aws)
}

/// A day of the last weeks, which Cost Explorer still knows.
fn ago(days: u64) -> String {
    (Utc::now().date_naive() - Days::new(days)).to_string()
}

fn both_days() -> GetCostBreakdown {
    let day = |ago: String| ago.parse().ok();
    GetCostBreakdown {
        period: Period { days: None, from: day(ago(20)), to: day(ago(19)) },
        ..GetCostBreakdown::default()
    }
}

#[mcp_testing::test(two_days().await)]
async fn pages_are_summed_and_ranked(mcp: Harness) {
    let outcome = mcp.call(both_days()).await;
    let breakdown: CostBreakdown = outcome.structured();
    let groups: Vec<(&str, String)> =
        breakdown.groups.iter().map(|group| (group.name.as_str(), group.usd.to_string())).collect();
    assert_eq!(
        groups,
        [
            ("AWS Lambda", "$3.75".to_owned()),
            ("AmazonCloudWatch", "$0.50".to_owned()),
            ("Amazon DynamoDB", "$0.00".to_owned()),
            ("Tax", "-$0.25".to_owned()),
        ]
    );
    assert_eq!(breakdown.total.to_string(), "$4.00");
    assert_eq!(breakdown.groups[0].percent, 93.7);
    let periods: Vec<(String, String, bool)> = breakdown
        .periods
        .iter()
        .map(|row| (row.from.to_string(), row.total.to_string(), row.estimated))
        .collect();
    assert_eq!(
        periods,
        [(ago(20), "$1.75".to_owned(), false), (ago(19), "$2.25".to_owned(), true)]
    );
    assert!(breakdown.estimated && breakdown.partial.is_none());
    assert_eq!(
        (breakdown.billed.requests, breakdown.billed.usd.to_string()),
        (2, "$0.02".to_owned())
    );
    assert!(outcome.text().contains("partly estimated"), "{}", outcome.text());
}

#[mcp_testing::test(two_days().await)]
async fn the_same_question_is_paid_for_once(mcp: Harness) {
    let first: CostBreakdown = mcp.call(both_days()).await.structured();
    let hyphenated = json!({ "from": ago(20), "to": ago(19) });
    let outcome = mcp.try_call("get-cost-breakdown", hyphenated).await.expect("served");
    let again: CostBreakdown = outcome.structured();
    assert_eq!(again.billed.requests, 0);
    assert_eq!((again.total, again.groups), (first.total, first.groups));
    assert!(outcome.text().contains("no request was made"), "{}", outcome.text());
}

async fn two_months() -> Server {
    let (aws, account) = at_moto().await;
    let month = |from, to, groups| json!({ "ResultsByTime": [result(from, to, false, groups)] });
    let before = month("2026-01-01", "2026-02-01", &[("AWS Lambda", "10"), ("EC2 - Other", "40")]);
    let after = month("2026-02-01", "2026-03-01", &[("AWS Lambda", "13"), ("AWS WAF", "5")]);
    seed(&account, vec![before, after]).await;
    server(aws)
}

#[mcp_testing::test(two_months().await)]
async fn what_drove_a_change_is_ranked(mcp: Harness) {
    let comparison: CostComparison = mcp.call(CompareCostPeriods::default()).await.structured();
    assert_eq!(comparison.change.to_string(), "-$32.00");
    assert_eq!(comparison.change_percent, Some(-64.0));
    let drivers: Vec<(&str, String)> = comparison
        .drivers
        .iter()
        .map(|driver| (driver.name.as_str(), driver.change.to_string()))
        .collect();
    assert_eq!(
        drivers,
        [
            ("EC2 - Other", "-$40.00".to_owned()),
            ("AWS WAF", "$5.00".to_owned()),
            ("AWS Lambda", "$3.00".to_owned())
        ]
    );
    assert_eq!(comparison.billed.requests, 2);
}

#[mcp_testing::test(server(at_moto().await.0))]
async fn an_account_without_costs_has_none(mcp: Harness) {
    let breakdown: CostBreakdown = mcp.call(both_days()).await.structured();
    assert_eq!((breakdown.total.to_string(), breakdown.groups.len()), ("$0.00".to_owned(), 0));
}

#[tokio::test]
async fn whoami_names_the_account_and_no_credentials() {
    let (aws, account) = at_moto().await;
    let mcp = Harness::in_memory(server(aws)).await;
    let outcome = mcp.call(Whoami { region: Some("eu-west-1".to_owned()) }).await;
    let identity: Identity = outcome.structured();
    assert_eq!((identity.account, identity.region), (account.id, "eu-west-1".to_owned()));
    assert!(identity.arn.contains(":assumed-role/test/"), "{}", identity.arn);
    assert!(!outcome.text().contains(&account.secret_access_key));
    let error = mcp.call(Whoami { region: Some("x.evil.example/".to_owned()) }).await.tool_error();
    assert!(error.contains("`region`"), "{error}");
}

#[tokio::test]
async fn a_budget_is_found_by_its_name() {
    let (aws, account) = at_moto().await;
    for name in ["calm", "rising"] {
        let budget = json!({
            "AccountId": account.id,
            "Budget": {
                "BudgetName": name,
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": { "Amount": "100", "Unit": "USD" },
            },
        });
        create_budget(&account, &budget).await;
    }
    let mcp = Harness::in_memory(server(aws)).await;
    let all: Budgets = mcp.call(GetBudgetStatus::default()).await.structured();
    assert_eq!((all.account, all.budgets.len()), (account.id, 2));
    let one = GetBudgetStatus { name: Some("rising".to_owned()) };
    let one: Budgets = mcp.call(one).await.structured();
    assert_eq!(one.budgets[0].limit.expect("a limit").to_string(), "$100.00");
    assert_eq!(one.budgets[0].state, BudgetState::WithinLimit);
    let unknown = GetBudgetStatus { name: Some("calmer".to_owned()) };
    let error = mcp.call(unknown).await.tool_error();
    assert!(error.contains("The closest names: calm"), "{error}");
}
