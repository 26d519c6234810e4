//! What these tools say when AWS or the network is not well.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_credential_types::Credentials;
use mcp_core::Server;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{
    Aws, GetAlarmStatus, GetServerMetrics, LogTail, ServerMetrics, TailLogs, operations_pack,
};
use serde_json::json;

use crate::{
    logs::log,
    metrics::{function, load_balancer, service},
    support::{
        Asked, Fault, Proxy,
        clock::{checks_the_time, is_in_time, with_clock},
        config,
        stage::Stage,
    },
};

const GROUP: &str = "/aws/lambda/orders";

fn refusing(operation: &'static str, status: u16, code: &'static str) -> impl Fn(&Asked) -> Fault {
    move |asked| match asked.operation.contains(operation) {
        true => Fault::Refuse(status, code),
        false => Fault::None,
    }
}

fn metrics(name: &str, cluster: Option<&str>) -> GetServerMetrics {
    let cluster = cluster.map(str::to_owned);
    GetServerMetrics { name: name.to_owned(), cluster, hours: None, region: None }
}

fn tail() -> TailLogs {
    TailLogs { log_group: GROUP.to_owned(), ..TailLogs::default() }
}

#[tokio::test]
async fn what_may_not_be_read_is_named_and_the_rest_answers() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    log(&stage, GROUP, &[(5, "x")]).await;
    for (operation, action) in [
        ("/configuration", "lambda:GetFunctionConfiguration"),
        ("FilterLogEvents", "logs:FilterLogEvents"),
    ] {
        let (_proxy, mcp) = stage.behind(refusing(operation, 403, "AccessDeniedException")).await;
        let outcome = mcp.call(metrics("orders", None)).await;
        let answer: ServerMetrics = outcome.structured();
        assert_eq!(answer.calls, Some(0));
        assert!(answer.partial.unwrap().contains(action), "{action}");
        assert!(outcome.text().contains("Partial:") && !outcome.text().contains("hush"));
    }
    let (_, group) = load_balancer(&stage).await;
    service(&stage, Some(&group)).await;
    let (_proxy, mcp) = stage.behind(refusing("DescribeTargetGroups", 403, "AccessDenied")).await;
    let answer: ServerMetrics = mcp.call(metrics("api", Some("shop"))).await.structured();
    assert_eq!((answer.calls, answer.tasks.unwrap().desired), (None, 2));
    assert!(answer.partial.unwrap().contains("elasticloadbalancing:DescribeTargetGroups"));
}

#[tokio::test]
async fn without_the_one_permission_that_is_needed_the_error_names_it() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    service(&stage, None).await;
    let refused = "AccessDenied";
    let (_proxy, mcp) = stage.behind(refusing("GetMetricData", 403, refused)).await;
    let error = mcp.call(metrics("orders", None)).await.tool_error();
    assert!(error.contains("`cloudwatch:GetMetricData`"), "{error}");
    let (_proxy, mcp) = stage.behind(refusing("DescribeServices", 403, refused)).await;
    let error = mcp.call(metrics("api", Some("shop"))).await.tool_error();
    assert!(error.contains("`ecs:DescribeServices`"), "{error}");
    let (_proxy, mcp) =
        stage.behind(refusing("FilterLogEvents", 400, "AccessDeniedException")).await;
    let error = mcp.call(tail()).await.tool_error();
    assert!(error.contains("`logs:FilterLogEvents`") && !error.contains("hush"), "{error}");
    let (_proxy, mcp) = stage.behind(refusing("DescribeAlarms", 403, refused)).await;
    let error = mcp.call(GetAlarmStatus::default()).await.tool_error();
    assert!(error.contains("`cloudwatch:DescribeAlarms`"), "{error}");
}

/// Names of what there is are a help, not the answer: without the permission they are left out.
#[tokio::test]
async fn an_unknown_name_is_told_without_permission_to_list_names() {
    let stage = Stage::new().await;
    let (_proxy, mcp) = stage
        .behind(|asked| match asked.operation.as_str() {
            "DescribeLogGroups" => Fault::Refuse(400, "AccessDeniedException"),
            operation if operation.ends_with("/functions/") => Fault::Refuse(403, "AccessDenied"),
            _ => Fault::None,
        })
        .await;
    let error = mcp.call(tail()).await.tool_error();
    assert_eq!(error, format!("There is no log group {GROUP:?} in us-east-1."));
    let error = mcp.call(metrics("orders", None)).await.tool_error();
    assert_eq!(error, "There is no Lambda function \"orders\" in us-east-1.");
}

/// While AWS throttles, a call says so after three requests at most; once it is over, calls answer.
///
/// In a region of its own: what the SDK's runtime has learned of throttling holds for the process.
#[tokio::test]
async fn a_minute_of_throttling_is_told_of_and_gets_over() {
    let stage = Stage::new().await;
    let throttles = Arc::new(AtomicBool::new(true));
    let goes_on = Arc::clone(&throttles);
    let (proxy, mcp) = stage
        .behind(move |asked| match asked.operation.as_str() {
            "DescribeAlarms" if goes_on.load(Ordering::Relaxed) => Fault::Refuse(400, "Throttling"),
            _ => Fault::None,
        })
        .await;
    let there = || GetAlarmStatus { region: Some("eu-north-1".to_owned()), ..Default::default() };
    let error = mcp.call(there()).await.tool_error();
    assert!(error.contains("limiting the account's requests"), "{error}");
    assert!(error.contains("in a minute"), "{error}");
    // Fewer where the time of the call was up while requests were held back.
    assert!((1..=3).contains(&proxy.take_asked().len()));
    throttles.store(false, Ordering::Relaxed);
    assert!(!mcp.call(there()).await.is_error());
    assert_eq!(proxy.take_asked().len(), 1);
}

/// CloudWatch bills metrics; what got no answer may have been billed.
#[tokio::test]
async fn metrics_are_not_asked_for_twice() {
    let stage = Stage::new().await;
    function(&stage, "orders").await;
    for (fault, says) in [
        (Fault::Answer(500, String::new()), "failed"),
        (Fault::Cut, "cannot be reached"),
        (Fault::CutBody, "cannot be reached"),
    ] {
        let fault = move |asked: &Asked| match asked.operation == "GetMetricData" {
            true => fault.clone(),
            false => Fault::None,
        };
        let (proxy, mcp) = stage.behind(fault).await;
        let error = mcp.call(metrics("orders", None)).await.tool_error();
        assert!(error.contains(says), "{error}");
        let asked = proxy.take_asked();
        let asked = asked.iter().filter(|asked| asked.operation == "GetMetricData").count();
        assert_eq!(asked, 1, "{says}");
    }
}

#[tokio::test]
async fn a_clock_that_is_20_minutes_wrong_is_set_by_aws() {
    for minutes in [-20, 20] {
        let proxy = Proxy::start(Moto::shared().url(), checks_the_time).await;
        let config = with_clock(&config(proxy.url(), Credentials::for_tests()), minutes);
        let pack = operations_pack(Aws::with_config(config));
        let mcp = Harness::in_memory(Server::builder("account", "1").pack(pack).build()).await;
        for expected in [&[false, true][..], &[true]] {
            assert!(!mcp.call(GetAlarmStatus::default()).await.is_error());
            let in_time: Vec<bool> = proxy.take_asked().iter().map(is_in_time).collect();
            assert_eq!(in_time, expected, "{minutes}");
        }
    }
}

#[tokio::test]
async fn a_service_that_fails_again_and_again_is_left_alone_in_its_region() {
    let stage = Stage::new().await;
    let (proxy, mcp) = stage
        .behind(|asked| match (asked.operation.as_str(), asked.region.as_str()) {
            // What is not repeated, so that the test need not wait.
            ("DescribeAlarms", "eu-west-2") => Fault::Answer(200, "not XML".to_owned()),
            _ => Fault::None,
        })
        .await;
    let there = || GetAlarmStatus { region: Some("eu-west-2".to_owned()), ..Default::default() };
    for _ in 0..5 {
        let error = mcp.call(there()).await.tool_error();
        assert!(error.contains("cannot be read"), "{error}");
    }
    assert_eq!(proxy.take_asked().len(), 5);
    let error = mcp.call(there()).await.tool_error();
    assert!(error.contains("5 times in a row"), "{error}");
    assert_eq!(proxy.take_asked().len(), 0);
    // Neither other regions nor other services are to blame.
    assert!(!mcp.call(GetAlarmStatus::default()).await.is_error());
    let error = mcp.call(tail()).await.tool_error();
    assert!(error.contains("There is no log group"), "{error}");
}

#[tokio::test]
async fn failures_and_broken_connections_are_told_apart() {
    let stage = Stage::new().await;
    for (fault, says) in [
        (Fault::Answer(500, "<html>oh</html>".to_owned()), "failed"),
        (Fault::Cut, "cannot be reached"),
        (Fault::CutBody, "cannot be reached"),
        (Fault::Answer(200, "not what it should be".to_owned()), "cannot be read"),
        (Fault::Refuse(400, "ExpiredToken"), "aws sso login"),
        (Fault::Refuse(400, "RequestExpired"), "correct the clock"),
        (Fault::Refuse(403, "InvalidClientTokenId"), "region is not enabled"),
    ] {
        let (_proxy, mcp) = stage.behind(move |_| fault.clone()).await;
        let error = mcp.call(GetAlarmStatus::default()).await.tool_error();
        assert!(error.contains(says) && !error.contains("hush"), "{says}: {error}");
    }
}

#[tokio::test]
async fn a_slow_network_is_waited_for() {
    let stage = Stage::new().await;
    log(&stage, GROUP, &[(5, "here")]).await;
    let (_proxy, mcp) = stage.behind(|_| Fault::Late(Duration::from_millis(200))).await;
    let tail: LogTail = mcp.call(tail()).await.structured();
    assert_eq!(tail.events.len(), 1);
}

#[tokio::test]
async fn arguments_that_make_no_sense_are_not_asked() {
    let stage = Stage::new().await;
    let (proxy, mcp) = stage.behind(|_| Fault::None).await;
    for (tool, arguments, says) in [
        ("get_server_metrics", json!({ "name": "../x" }), "`name`"),
        ("get_server_metrics", json!({ "name": "x", "hours": 0 }), "`hours`"),
        ("get-server-metrics", json!({ "name": "x", "hours": 10_000 }), "`hours`"),
        ("get_server_metrics", json!({ "name": "x", "region": "evil.example/" }), "`region`"),
        ("tail_logs", json!({ "log_group": "" }), "`log_group`"),
        ("tail-logs", json!({ "log_group": "x", "limit": 501 }), "`limit`"),
        ("tail_logs", json!({ "log_group": "x", "minutes": 0 }), "`minutes`"),
        ("get_alarm_status", json!({ "state": "RINGING" }), "`state`"),
        ("get-alarm-status", json!({ "region": "EU" }), "`region`"),
    ] {
        let error = mcp.try_call(tool, arguments.clone()).await.expect("served").tool_error();
        assert!(error.contains(says), "{arguments}: {error}");
    }
    assert_eq!(proxy.take_asked().len(), 0);
    let mcp = Harness::in_memory(stage.server(Moto::shared().url())).await;
    assert!(mcp.call(tail()).await.is_error());
}
