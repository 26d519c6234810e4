//! The cost tools through the real SDK against a server of ours that speaks the documented protocol:
//! what moto does not emulate (forecasts, anomalies), what is asked of AWS, and bad days.
#![cfg(feature = "cost")]

mod support;

use std::{collections::BTreeSet, time::Duration};

use aws_credential_types::Credentials;
use chrono::{Datelike as _, Days, NaiveDate, Utc};
use mcp_core::Server;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{
    Aws, AwsCostAnalyzer, AwsSimpleCostCheck, BudgetState, Budgets, ChartFormat,
    CompareCostPeriods, CostAnalysis, CostAnomalies, CostBreakdown, CostCheck, CostForecast,
    GetBudgetStatus, GetCostAnomalies, GetCostBreakdown, GetCostForecast, Whoami, iam_policy,
};
use serde_json::{Value, json};

use crate::support::{
    Fault, Proxy, Recording, Reply, at_recording,
    clock::{checks_the_time, is_in_time, with_clock},
    config, metrics, result, server,
};

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:role/server</Arn><UserId>AROA:1</UserId>\
    <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

/// Answers every operation that the tools know.
fn good(operation: &str) -> Reply {
    let (first, next) = (today(), today() + Days::new(1));
    Reply::Ok(match operation {
        "GetCostAndUsage" => json!({ "ResultsByTime": [{
            "TimePeriod": { "Start": first.to_string(), "End": next.to_string() },
            "Total": metrics("1.5"),
            "Groups": [],
            "Estimated": true,
        }] }),
        "GetCostForecast" => json!({
            "Total": { "Amount": "20.25", "Unit": "USD" },
            "ForecastResultsByTime": [{
                "TimePeriod": { "Start": first.to_string(), "End": next.to_string() },
                "MeanValue": "20.25",
                "PredictionIntervalLowerBound": "18",
                "PredictionIntervalUpperBound": "22.5",
            }],
        }),
        "GetAnomalies" => json!({ "Anomalies": [
            anomaly("small", 2.0),
            anomaly("large", 200.0),
        ] }),
        "DescribeBudgets" => json!({ "Budgets": [
            budget("calm", "10", "50"),
            budget("over", "130", "190"),
            budget("rising", "80", "120"),
        ] }),
        "GetCallerIdentity" => return Reply::Xml(IDENTITY.to_owned()),
        other => panic!("not asked for: {other}"),
    })
}

fn anomaly(id: &str, impact: f64) -> Value {
    json!({
        "AnomalyId": id,
        "AnomalyStartDate": "2026-01-03",
        "DimensionValue": "AWS Lambda",
        "RootCauses": [{ "Service": "AWS Lambda", "Region": "us-east-1", "UsageType": "Lambda-GB-Second" }],
        "AnomalyScore": { "MaxScore": 0.9, "CurrentScore": 0.5 },
        "Impact": { "MaxImpact": impact, "TotalImpact": impact, "TotalActualSpend": impact + 10.0, "TotalExpectedSpend": 10.0 },
        "MonitorArn": "arn:aws:ce::123456789012:anomalymonitor/1",
    })
}

fn budget(name: &str, actual: &str, forecast: &str) -> Value {
    let usd = |amount: &str| json!({ "Amount": amount, "Unit": "USD" });
    json!({
        "BudgetName": name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": usd("100"),
        "CalculatedSpend": { "ActualSpend": usd(actual), "ForecastedSpend": usd(forecast) },
    })
}

async fn all_well() -> (Recording, Server) {
    let recording = Recording::start(|operation, _, _| good(operation)).await;
    let server = server(at_recording(&recording));
    (recording, server)
}

/// A server that answers each request with the same error.
async fn failing(status: u16, code: &'static str) -> (Recording, Harness) {
    let recording = Recording::start(move |_, _, _| Reply::Error(status, code)).await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    (recording, mcp)
}

#[tokio::test]
async fn the_policy_names_every_action_that_is_used_and_no_other() {
    let (recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    for tool in mcp.list_tools().await {
        let arguments = match &*tool.name {
            "aws_simple_cost_check" => json!({ "service": "lambda" }),
            _ => json!({}),
        };
        let outcome = mcp.try_call(&tool.name, arguments).await.expect("served");
        assert!(!outcome.is_error(), "{}: {outcome:?}", tool.name);
    }
    let asked: BTreeSet<String> = recording.operations().into_iter().collect();
    let named: BTreeSet<String> = asked
        .iter()
        .map(|operation| match operation.as_str() {
            "GetCallerIdentity" => "sts:GetCallerIdentity".to_owned(),
            "DescribeBudgets" => "budgets:ViewBudget".to_owned(),
            other => format!("ce:{other}"),
        })
        .collect();
    let policy: Value = serde_json::from_str(&iam_policy()).expect("JSON");
    let allowed: BTreeSet<String> = policy["Statement"][0]["Action"]
        .as_array()
        .expect("actions")
        .iter()
        .map(|action| action.as_str().expect("a name").to_owned())
        .collect();
    assert_eq!(allowed, named);
}

#[tokio::test]
async fn a_service_this_month_is_asked_for_day_by_day_and_forecast() {
    let (recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let check: CostCheck =
        mcp.call(AwsSimpleCostCheck { service: "ec2".to_owned() }).await.structured();
    assert_eq!(check.services, ["Amazon Elastic Compute Cloud - Compute", "EC2 - Other"]);
    assert_eq!(check.month_to_date.to_string(), "$1.50");
    // Today's costs are in the forecast, and not counted twice.
    assert_eq!(check.month_estimate.expect("an estimate").to_string(), "$20.25");
    assert_eq!((check.billed.requests, check.billed.usd.to_string()), (2, "$0.02".to_owned()));

    let asked = recording.asked();
    let (first, tomorrow) =
        (today().with_day(1).expect("a first").to_string(), (today() + Days::new(1)).to_string());
    assert_eq!(asked[0].1["TimePeriod"], json!({ "Start": first, "End": tomorrow }));
    assert_eq!(asked[0].1["Filter"]["Dimensions"]["Key"], "SERVICE");
    assert_eq!(asked[1].1["TimePeriod"]["Start"], today().to_string());
    assert_eq!(asked[1].1["Metric"], "UNBLENDED_COST");
}

#[tokio::test]
async fn without_history_there_is_a_sum_and_no_forecast() {
    let recording = Recording::start(|operation, _, _| match operation {
        "GetCostForecast" => Reply::Error(400, "DataUnavailableException"),
        other => good(other),
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let check: CostCheck =
        mcp.call(AwsSimpleCostCheck { service: "lambda".to_owned() }).await.structured();
    assert_eq!(check.month_estimate, None);
    assert!(check.note.expect("a note").contains("too little history"));
    assert_eq!(check.partial, None);
}

/// What is known is worth more than an error.
#[tokio::test]
async fn without_the_permission_to_forecast_the_answer_is_partial() {
    let recording = Recording::start(|operation, _, _| match operation {
        "GetCostForecast" => Reply::Error(400, "AccessDeniedException"),
        other => good(other),
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let outcome = mcp.call(AwsSimpleCostCheck { service: "lambda".to_owned() }).await;
    let check: CostCheck = outcome.structured();
    assert_eq!((check.month_to_date.to_string(), check.month_estimate), ("$1.50".to_owned(), None));
    assert!(check.partial.is_some_and(|why| why.contains("`ce:GetCostForecast`")));
    assert!(outcome.text().contains("Partial:"), "{}", outcome.text());
}

/// Whatever the tool: the period, what is counted and in which currency, whether that may change, and
/// what the answer cost.
#[tokio::test]
async fn every_answer_says_period_metric_estimate_and_what_it_cost() {
    let (_recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let mut tools = 0;
    for tool in mcp.list_tools().await {
        let arguments = match &*tool.name {
            "whoami" => continue,
            "aws_simple_cost_check" => json!({ "service": "lambda" }),
            _ => json!({}),
        };
        tools += 1;
        let outcome = mcp.try_call(&tool.name, arguments).await.expect("served");
        let answer: Value = outcome.structured();
        let said: Vec<String> = names(&answer);
        for name in ["from", "to", "metric", "estimated", "billed", "requests", "usd"] {
            assert!(said.iter().any(|said| said == name), "{}: no {name} in {answer}", tool.name);
        }
        assert!(said.iter().any(|said| said == "currency" || said == "unit"), "{answer}");
        let text = outcome.text();
        assert!(text.contains("Cost Explorer: $0.0") || text.contains("costs nothing"), "{text}");
    }
    assert_eq!(tools, 7);
}

/// The names of all fields, however deep.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| std::iter::once(name.clone()).chain(names(value)))
            .collect(),
        Value::Array(values) => values.iter().flat_map(names).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn an_unknown_service_is_not_asked_for() {
    let (recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let error = mcp.call(AwsSimpleCostCheck { service: "lamda".to_owned() }).await.tool_error();
    assert!(error.contains("lambda"), "{error}");
    assert_eq!(recording.operations(), [""; 0]);
}

#[tokio::test]
async fn a_forecast_has_bounds() {
    let (_recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let outcome = mcp.call(GetCostForecast::default()).await;
    let forecast: CostForecast = outcome.structured();
    assert_eq!(forecast.total.to_string(), "$20.25");
    assert_eq!(forecast.periods[0].upper.to_string(), "$22.50");
    assert!(outcome.text().contains("($18.00 to $22.50)"), "{}", outcome.text());
}

#[tokio::test]
async fn anomalies_are_ranked_and_limited_by_impact() {
    let (_recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let all: CostAnomalies = mcp.call(GetCostAnomalies::default()).await.structured();
    let ids: Vec<&str> = all.anomalies.iter().map(|anomaly| anomaly.id.as_str()).collect();
    assert_eq!(ids, ["large", "small"]);
    assert_eq!(all.anomalies[0].causes, ["AWS Lambda, us-east-1, Lambda-GB-Second"]);
    let large = GetCostAnomalies { min_impact_usd: Some(50.0), ..GetCostAnomalies::default() };
    let large: CostAnomalies = mcp.call(large).await.structured();
    assert_eq!((large.anomalies.len(), large.billed.requests), (1, 0));
}

#[tokio::test]
async fn budgets_in_trouble_come_first() {
    let (_recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let outcome = mcp.call(GetBudgetStatus::default()).await;
    let budgets: Budgets = outcome.structured();
    let states: Vec<(&str, BudgetState)> =
        budgets.budgets.iter().map(|budget| (budget.name.as_str(), budget.state)).collect();
    assert_eq!(
        states,
        [
            ("over", BudgetState::Exceeded),
            ("rising", BudgetState::ForecastToExceed),
            ("calm", BudgetState::WithinLimit)
        ]
    );
    assert!(outcome.text().contains(" of $100.00 (130 %), forecast $190.00"), "{}", outcome.text());
}

#[tokio::test]
async fn an_analysis_is_one_question_about_twice_the_days() {
    let day = |ago: u64| (today() - Days::new(ago)).to_string();
    let (two_ago, one_ago, now) = (day(2), day(1), day(0));
    let recording = Recording::start(move |_, _, _| {
        Reply::Ok(json!({ "ResultsByTime": [
            result(&two_ago, &one_ago, false, &[("AWS Lambda", "10")]),
            result(&one_ago, &now, true, &[("AWS Lambda", "4"), ("AWS WAF", "8")]),
        ] }))
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let question = AwsCostAnalyzer { days: Some(1), ..AwsCostAnalyzer::default() };
    let analysis: CostAnalysis = mcp.call(question).await.structured();
    assert_eq!(
        (analysis.total.to_string(), analysis.previous_total.to_string()),
        ("$12.00".to_owned(), "$10.00".to_owned())
    );
    assert_eq!(analysis.change_percent, Some(20.0));
    assert_eq!(analysis.groups[0].name, "AWS WAF");
    assert_eq!(analysis.drivers[0].name, "AWS WAF");
    assert_eq!(analysis.billed.requests, 1);
    assert_eq!(recording.asked()[0].1["TimePeriod"], json!({ "Start": day(2), "End": day(0) }));
}

#[tokio::test]
async fn tags_and_filters_are_asked_for_as_aws_wants_them() {
    let (recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let arguments = json!({
        "days": 3, "granularity": "MONTHLY", "group_by": "tag", "tag_key": "team",
        "metric": "net_amortized_cost", "service": "s3", "region": "eu-west-1",
        "account": "123456789012",
    });
    mcp.try_call("get_cost_breakdown", arguments).await.expect("served").text();
    let body = &recording.asked()[0].1;
    assert_eq!(body["GroupBy"], json!([{ "Type": "TAG", "Key": "team" }]));
    assert_eq!(body["Metrics"], json!(["NetAmortizedCost"]));
    assert_eq!(body["Granularity"], "MONTHLY");
    let keys: Vec<&Value> = body["Filter"]["And"]
        .as_array()
        .expect("and")
        .iter()
        .map(|part| &part["Dimensions"]["Key"])
        .collect();
    assert_eq!(keys, ["SERVICE", "REGION", "LINKED_ACCOUNT"]);
}

#[tokio::test]
async fn arguments_that_make_no_sense_cost_nothing() {
    let (recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    for (arguments, expected) in [
        (json!({ "days": 0 }), "`days`"),
        (json!({ "days": 10_000 }), "`days`"),
        (json!({ "from": "2026-02-30" }), "yyyy-mm-dd"),
        (json!({ "from": "2031-01-02", "to": "2031-01-01" }), "after"),
        (json!({ "group_by": "tag" }), "`tag_key`"),
        (json!({ "tag_key": "team" }), "`tag_key`"),
        (json!({ "account": "12" }), "`account`"),
    ] {
        let outcome = mcp.try_call("get_cost_breakdown", arguments.clone()).await.expect("served");
        let error = outcome.tool_error();
        assert!(error.contains(expected), "{arguments}: {error}");
    }
    let one = CompareCostPeriods {
        before_from: "2026-01-01".parse().ok(),
        ..CompareCostPeriods::default()
    };
    assert!(mcp.call(one).await.tool_error().contains("or none"));
    assert_eq!(recording.operations(), [""; 0]);
}

#[tokio::test]
async fn each_refusal_says_what_to_do_and_nothing_of_its_text() {
    for (status, code, expected) in [
        (400, "AccessDeniedException", "may not do `ce:GetCostAndUsage`"),
        (400, "ExpiredTokenException", "aws sso login"),
        (400, "UnrecognizedClientException", "region is not enabled"),
        (400, "InvalidSignatureException", "clock"),
        (400, "RequestExpired", "clock"),
        (400, "OptInRequired", "has not enabled"),
        (400, "DataUnavailableException", "no data for this yet"),
        (400, "BillExpirationException", "later one"),
        (400, "ValidationException", "another period or filter"),
        (500, "InternalServerError", "Trying again later"),
        (503, "ServiceUnavailable", "Trying again later"),
        (400, "SomethingNew", "Trying again later"),
    ] {
        let (recording, mcp) = failing(status, code).await;
        let error = mcp.call(GetCostBreakdown::default()).await.tool_error();
        assert!(error.contains(expected), "{code}: {error}");
        assert!(!error.contains("hush"), "{error}");
        // Nobody knows whether it has been billed: it is not made again.
        assert_eq!(recording.operations().len(), 1, "{code}");
    }
}

/// AWS has one code for a missing permission and for an account that has never opened Cost Explorer.
#[tokio::test]
async fn an_account_without_cost_explorer_is_told_to_open_it() {
    let (_recording, mcp) = failing(400, "AccessDeniedException").await;
    let error = mcp.call(GetCostForecast::default()).await.tool_error();
    assert!(error.contains("`ce:GetCostForecast`"), "{error}");
    assert!(error.contains("Cost Explorer has not been opened"), "{error}");
    // The budgets are another service.
    let error = mcp.call(GetBudgetStatus::default()).await.tool_error();
    assert!(!error.contains("has not been opened"), "{error}");
}

#[tokio::test]
async fn what_is_throttled_is_asked_again_and_not_for_ever() {
    let (recording, mcp) = failing(400, "LimitExceededException").await;
    let error = mcp.call(GetCostBreakdown::default()).await.tool_error();
    assert!(error.contains("limiting the account's requests"), "{error}");
    assert_eq!(recording.operations().len(), 3);

    let recording = Recording::start(|operation, _, number| match number {
        0 => Reply::Error(400, "LimitExceededException"),
        _ => good(operation),
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let breakdown: CostBreakdown = mcp.call(GetCostBreakdown::default()).await.structured();
    assert_eq!(breakdown.total.to_string(), "$1.50");
}

#[tokio::test]
async fn a_cut_connection_is_not_asked_again() {
    let recording = Recording::start(|_, _, _| Reply::HangUp).await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let error = mcp.call(GetCostForecast::default()).await.tool_error();
    assert!(error.contains("cannot be reached"), "{error}");
    assert_eq!(recording.operations().len(), 1);
}

/// The first request is refused, which costs nothing, and tells the time.
#[tokio::test]
async fn a_clock_that_is_20_minutes_wrong_is_set_by_aws() {
    for minutes in [-20, 20] {
        let proxy = Proxy::start(Moto::shared().url(), checks_the_time).await;
        let config = with_clock(&config(proxy.url(), Credentials::for_tests()), minutes);
        let mcp = Harness::in_memory(server(Aws::with_config(config))).await;
        let breakdown: CostBreakdown = mcp.call(GetCostBreakdown::default()).await.structured();
        assert_eq!(breakdown.billed.requests, 1);
        let in_time: Vec<bool> = proxy.take_asked().iter().map(is_in_time).collect();
        assert_eq!(in_time, [false, true], "{minutes}");
        // From then on the time is right, for other services, too.
        mcp.call(GetBudgetStatus::default()).await.text();
        let in_time: Vec<bool> = proxy.take_asked().iter().map(is_in_time).collect();
        assert_eq!(in_time, [true, true], "{minutes}");
    }
}

/// As where the secret key is wrong, too.
#[tokio::test]
async fn what_is_refused_at_the_right_time_is_said_to_be_wrong_and_not_asked_for_ever() {
    let proxy =
        Proxy::start(Moto::shared().url(), |_| Fault::Refuse(400, "InvalidSignatureException"))
            .await;
    let config = with_clock(&config(proxy.url(), Credentials::for_tests()), 20);
    let mcp = Harness::in_memory(server(Aws::with_config(config))).await;
    let error = mcp.call(GetCostBreakdown::default()).await.tool_error();
    assert!(error.contains("the secret key is wrong") && error.contains("clock"), "{error}");
    assert_eq!(proxy.take_asked().len(), 2);
}

#[tokio::test]
async fn a_clock_that_aws_says_is_wrong_and_is_not_is_told_of_and_asked_once() {
    let (recording, mcp) = failing(403, "RequestTimeTooSkewed").await;
    let error = mcp.call(GetCostBreakdown::default()).await.tool_error();
    assert!(error.contains("clock"), "{error}");
    assert_eq!(recording.operations().len(), 1);
}

#[tokio::test]
async fn a_breakdown_has_a_chart_where_one_is_asked_for() {
    let (_recording, server) = all_well().await;
    let mcp = Harness::in_memory(server).await;
    let question = GetCostBreakdown { chart: ChartFormat::Png, ..GetCostBreakdown::default() };
    let outcome = mcp.call(question).await;
    let content = serde_json::to_value(&outcome.result().content).expect("JSON");
    assert_eq!(
        (&content[1]["type"], &content[1]["mimeType"]),
        (&json!("image"), &json!("image/png"))
    );
    let breakdown: CostBreakdown = outcome.structured();
    assert_eq!(breakdown.total.to_string(), "$1.50");
    // The chart asks for nothing of its own.
    let again = GetCostBreakdown { chart: ChartFormat::Svg, ..GetCostBreakdown::default() };
    let outcome = mcp.call(again).await;
    assert_eq!(outcome.structured::<CostBreakdown>().billed.requests, 0);
    let content = serde_json::to_value(&outcome.result().content).expect("JSON");
    let svg = content[1]["resource"]["text"].as_str().expect("SVG");
    assert!(svg.starts_with("<svg") && svg.contains("partly estimated"), "{svg}");
}

#[tokio::test]
async fn after_failures_in_a_row_a_service_is_left_alone() {
    let (recording, mcp) = failing(500, "InternalServerError").await;
    for _ in 0..5 {
        mcp.call(GetCostBreakdown::default()).await.tool_error();
    }
    let error = mcp.call(GetCostForecast::default()).await.tool_error();
    assert!(error.contains("5 times in a row"), "{error}");
    assert_eq!(recording.operations().len(), 5);
    // Others are not to blame.
    let error = mcp.call(Whoami::default()).await.tool_error();
    assert!(error.contains("STS"), "{error}");
}

#[tokio::test]
async fn a_page_that_fails_after_others_leaves_a_part() {
    let recording = Recording::start(|operation, _, number| match (good(operation), number) {
        (Reply::Ok(mut page), 0) => {
            page["NextPageToken"] = "more".into();
            Reply::Ok(page)
        }
        _ => Reply::Error(400, "AccessDeniedException"),
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let outcome = mcp.call(GetCostBreakdown::default()).await;
    let breakdown: CostBreakdown = outcome.structured();
    assert_eq!(breakdown.total.to_string(), "$1.50");
    assert!(breakdown.partial.is_some_and(|why| why.contains("ce:GetCostAndUsage")));
    assert!(outcome.text().contains("Partial:"), "{}", outcome.text());
}

#[tokio::test]
async fn pages_without_end_stop_at_20_cents() {
    let recording = Recording::start(|operation, _, number| match good(operation) {
        Reply::Ok(mut page) => {
            page["NextPageToken"] = format!("page {number}").into();
            Reply::Ok(page)
        }
        other => other,
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let breakdown: CostBreakdown = mcp.call(GetCostBreakdown::default()).await.structured();
    assert_eq!(breakdown.billed.usd.to_string(), "$0.20");
    assert!(breakdown.partial.is_some_and(|why| why.contains("fewer days")));
}

#[tokio::test]
async fn callers_with_one_question_share_one_request() {
    let recording = Recording::start(|operation, _, _| match good(operation) {
        Reply::Ok(answer) => Reply::Late(Duration::from_millis(300), answer),
        other => other,
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    let (one, other, third) = tokio::join!(
        mcp.call(GetCostBreakdown::default()),
        mcp.call(GetCostBreakdown::default()),
        mcp.call(GetCostBreakdown::default()),
    );
    let billed: u32 = [one, other, third]
        .map(|outcome| outcome.structured::<CostBreakdown>().billed.requests)
        .iter()
        .sum();
    assert_eq!((billed, recording.operations().len()), (1, 1));
}

#[tokio::test]
async fn what_is_paid_for_is_kept_when_its_caller_has_gone() {
    let recording = Recording::start(|operation, _, _| match good(operation) {
        Reply::Ok(answer) => Reply::Late(Duration::from_secs(3), answer),
        other => other,
    })
    .await;
    let mcp = Harness::in_memory(server(at_recording(&recording))).await;
    {
        let call = mcp.call(GetCostForecast::default());
        tokio::pin!(call);
        while recording.operations().is_empty() {
            let step = tokio::time::timeout(Duration::from_millis(5), &mut call);
            assert!(step.await.is_err(), "the answer is late");
        }
    }
    let forecast: CostForecast = mcp.call(GetCostForecast::default()).await.structured();
    assert_eq!(forecast.total.to_string(), "$20.25");
    assert_eq!(recording.operations(), ["GetCostForecast"]);
}

#[tokio::test]
async fn no_credentials_say_so() {
    let recording = Recording::start(|operation, _, _| good(operation)).await;
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::from_static("us-east-1"))
        .endpoint_url(recording.url())
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            Nobody,
        ))
        .build();
    let mcp = Harness::in_memory(server(mcp_tools_aws::Aws::with_config(config))).await;
    let error = mcp.call(Whoami::default()).await.tool_error();
    assert!(error.contains("no AWS credentials") && error.contains("AWS_PROFILE"), "{error}");
    assert_eq!(recording.operations(), [""; 0]);
}

/// A chain of credentials in which nobody has any.
#[derive(Debug)]
struct Nobody;

impl aws_credential_types::provider::ProvideCredentials for Nobody {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        use aws_credential_types::provider::error::CredentialsError;
        let error = CredentialsError::not_loaded("nobody has any");
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(error))
    }
}
