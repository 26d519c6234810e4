//! What a scan says when AWS, the network or the server's own machine is not well.

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use mcp_core::Server;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{Aws, IdentifyUnusedResources, TailLogs, WasteReport, waste_pack};

use crate::{
    support::clock::{checks_the_time, is_in_time, with_clock},
    support::stage::{Stage, scan_of},
    support::{Asked, Fault, Proxy, config},
};

fn of(service: &'static str, fault: Fault) -> impl Fn(&Asked) -> Fault + Send + Sync + 'static {
    move |asked| if asked.service == service { fault.clone() } else { Fault::None }
}

/// What the chain of credentials comes to where there are none.
#[derive(Debug)]
struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
    }
}

#[tokio::test]
async fn without_credentials_the_model_is_told_what_to_do() {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(Moto::shared().url())
        .credentials_provider(SharedCredentialsProvider::new(Nothing))
        .build();
    let server = Server::builder("waste", "1").pack(waste_pack(Aws::with_config(config))).build();
    let error = Harness::in_memory(server).await.call(scan_of(&[])).await.tool_error();
    assert!(error.contains("AWS_PROFILE"), "{error}");
}

#[tokio::test]
async fn an_expired_session_ends_the_scan_before_it_begins() {
    let stage = Stage::new().await;
    let (proxy, mcp) = stage.behind(|_| Fault::Refuse(403, "ExpiredToken")).await;
    let error = mcp.call(scan_of(&[])).await.tool_error();
    assert!(error.contains("expired") && error.contains("aws sso login"), "{error}");
    assert!(!error.contains("hush"), "{error}");
    assert_eq!(proxy.take_asked().len(), 1);
}

/// AWS limits one service for longer than any request waits: it is left alone, the rest answers.
#[tokio::test]
async fn a_service_that_is_throttled_for_a_minute_is_left_alone() {
    let stage = Stage::new().await;
    stage.volume("gp3").await;
    let (proxy, mcp) = stage.behind(of("monitoring", Fault::Refuse(400, "Throttling"))).await;
    let report: WasteReport =
        mcp.call(scan_of(&["ebs_unattached_volumes", "vpc", "cloudwatch"])).await.structured();
    assert_eq!(report.found, 1, "{:?}", report.problems);
    assert!(report.partial.is_some());
    for problem in &report.problems {
        assert!(problem.message.contains("limiting the account's requests"), "{problem:?}");
        assert_eq!(problem.lacks_action, None);
    }
    let throttled = proxy.take_asked().into_iter().filter(|asked| asked.service == "monitoring");
    assert!(throttled.count() <= 9);
}

#[tokio::test]
async fn a_region_that_is_off_leaves_the_others() {
    let stage = Stage::new().await;
    stage.volume("gp3").await;
    let (_proxy, mcp) = stage
        .behind(|asked| match asked.region.as_str() {
            "me-south-1" => Fault::Refuse(401, "AuthFailure"),
            _ => Fault::None,
        })
        .await;
    let scan = IdentifyUnusedResources {
        regions: vec!["us-east-1".to_owned(), "me-south-1".to_owned()],
        ..scan_of(&["ebs_unattached_volumes"])
    };
    let report: WasteReport = mcp.call(scan).await.structured();
    assert_eq!(report.found, 1);
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].region, "me-south-1");
    assert!(report.problems[0].message.contains("region is not enabled"), "{:?}", report.problems);
    assert_eq!(report.partial.as_deref(), Some("1 of 2 checks could not be made in full."));
}

/// Several checks ask at once, before the first has been told the time.
#[tokio::test]
async fn a_clock_that_is_20_minutes_wrong_is_set_by_aws() {
    let checks =
        ["vpc", "s3_buckets_without_lifecycle", "secretsmanager", "lambda_unused_functions"];
    for minutes in [-20, 20] {
        let proxy = Proxy::start(Moto::shared().url(), checks_the_time).await;
        let config = with_clock(&config(proxy.url(), Credentials::for_tests()), minutes);
        let server =
            Server::builder("waste", "1").pack(waste_pack(Aws::with_config(config))).build();
        let outcome = Harness::in_memory(server).await.call(scan_of(&checks)).await;
        assert_eq!(outcome.structured::<WasteReport>().partial, None, "{minutes}");
        let late = proxy.take_asked().into_iter().filter(|asked| !is_in_time(asked)).count();
        assert_eq!(late, 1, "{minutes}");
    }
}

/// One rule for all tools of a process: what fails again and again in a region is left alone there,
/// whoever asks next.
#[tokio::test]
async fn scans_and_other_tools_leave_alone_what_fails() {
    let stage = Stage::new().await;
    // What is not repeated, so that the test need not wait.
    let (proxy, mcp) = stage.behind(of("logs", Fault::Answer(200, "not JSON".to_owned()))).await;
    let asked = |proxy: &Proxy| {
        proxy.take_asked().into_iter().filter(|asked| asked.service == "logs").count()
    };
    for _ in 0..5 {
        let report: WasteReport =
            mcp.call(scan_of(&["logs_groups_without_retention"])).await.structured();
        assert!(report.problems[0].message.contains("cannot be read"), "{:?}", report.problems);
    }
    assert_eq!(asked(&proxy), 5);
    let report: WasteReport =
        mcp.call(scan_of(&["logs_groups_without_retention"])).await.structured();
    assert!(report.problems[0].message.contains("5 times in a row"), "{:?}", report.problems);
    let tail = TailLogs { log_group: "/aws/lambda/orders".to_owned(), ..TailLogs::default() };
    let error = mcp.call(tail.clone()).await.tool_error();
    assert!(error.contains("5 times in a row"), "{error}");
    assert_eq!(asked(&proxy), 0);
    // Other regions are not to blame.
    let error =
        mcp.call(TailLogs { region: Some("eu-west-3".to_owned()), ..tail }).await.tool_error();
    assert!(error.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn a_service_that_fails_or_cannot_be_reached_leaves_the_rest() {
    let stage = Arc::new(Stage::new().await);
    stage.volume("gp3").await;
    for (fault, says) in [
        (Fault::Answer(500, "<html>oh</html>".to_owned()), "failed"),
        (Fault::Cut, "cannot be reached"),
        (Fault::CutBody, "cannot be reached"),
        (Fault::Answer(200, "not what it should be".to_owned()), "cannot be read"),
        (Fault::Answer(200, "<a>".repeat(100_000)), "cannot be read"),
    ] {
        let (proxy, mcp) = stage.behind(of("secretsmanager", fault)).await;
        let report: WasteReport =
            mcp.call(scan_of(&["ebs_unattached_volumes", "secretsmanager"])).await.structured();
        assert_eq!(report.found, 1);
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
        let message = &report.problems[0].message;
        assert!(message.contains(says), "{message}");
        assert!(report.partial.is_some());
        let asked = proxy.take_asked();
        let asked = asked.iter().filter(|asked| asked.service == "secretsmanager").count();
        assert!((1..=3).contains(&asked), "{says}: {asked}");
    }
}

#[tokio::test]
async fn a_slow_network_is_waited_for() {
    let stage = Stage::new().await;
    stage.volume("gp3").await;
    let (_proxy, mcp) = stage.behind(|_| Fault::Late(Duration::from_millis(300))).await;
    let report: WasteReport = mcp.call(scan_of(&["ebs_unattached_volumes"])).await.structured();
    assert_eq!((report.found, report.partial), (1, None));
}
