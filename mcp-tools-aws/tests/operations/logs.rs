//! tail_logs.

use chrono::{DateTime, TimeDelta, Utc};
use mcp_aws::service;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{LogTail, TailLogs};
use serde_json::{Value, json};

use crate::support::{Fault, stage::Stage};

const GROUP: &str = "/aws/lambda/orders";

/// A log group with these messages, each so many minutes ago; the oldest first.
pub async fn log(stage: &Stage, group: &str, messages: &[(i64, &str)]) {
    stage.ask(&service::LOGS, "CreateLogGroup", json!({ "logGroupName": group })).await;
    let stream = json!({ "logGroupName": group, "logStreamName": "2026/[1]a" });
    stage.ask(&service::LOGS, "CreateLogStream", stream.clone()).await;
    let now = Utc::now();
    let events: Vec<Value> = messages
        .iter()
        .map(|(minutes, message)| {
            let time = (now - TimeDelta::minutes(*minutes)).timestamp_millis();
            json!({ "timestamp": time, "message": message })
        })
        .collect();
    let mut put = stream;
    put["logEvents"] = events.into();
    stage.ask(&service::LOGS, "PutLogEvents", put).await;
}

fn tail() -> TailLogs {
    TailLogs { log_group: GROUP.to_owned(), ..TailLogs::default() }
}

async fn client(stage: &Stage) -> Harness {
    Harness::in_memory(stage.server(Moto::shared().url())).await
}

fn messages(tail: &LogTail) -> Vec<&str> {
    tail.events.iter().map(|event| event.message.as_str()).collect()
}

#[tokio::test]
async fn the_newest_events_are_shown_oldest_first() {
    let stage = Stage::new().await;
    log(&stage, GROUP, &[(90, "long ago"), (50, "one"), (20, "two"), (3, "three\u{1b}[2J\nfour")])
        .await;
    let mcp = client(&stage).await;
    let outcome = mcp.call(tail()).await;
    let all: LogTail = outcome.structured();
    assert_eq!(messages(&all), ["one", "two", "three [2J four"]);
    assert_eq!(all.events[0].stream, "2026/[1]a");
    assert_eq!(all.partial, None);
    assert!(outcome.text().contains("3 events of /aws/lambda/orders"), "{}", outcome.text());

    let two: LogTail = mcp.call(TailLogs { limit: Some(2), ..tail() }).await.structured();
    assert_eq!(messages(&two), ["two", "three [2J four"]);
    // What is older than the second newest was not read.
    let from: DateTime<Utc> = two.from.parse().unwrap();
    assert!(from > Utc::now() - TimeDelta::minutes(60), "{from}");

    let longer: LogTail = mcp.call(TailLogs { minutes: Some(120), ..tail() }).await.structured();
    assert_eq!(messages(&longer)[0], "long ago");
}

#[tokio::test]
async fn a_query_is_cloudwatchs_to_match() {
    let stage = Stage::new().await;
    log(&stage, GROUP, &[(9, "INFO started"), (8, "ERROR no such order"), (7, "INFO ended")]).await;
    let mcp = client(&stage).await;
    let query = |query: &str| TailLogs { query: Some(query.to_owned()), ..tail() };
    let errors: LogTail = mcp.call(query("ERROR")).await.structured();
    assert_eq!(messages(&errors), ["ERROR no such order"]);
    let phrase: LogTail = mcp.call(query("\"no such\"")).await.structured();
    assert_eq!(phrase.events.len(), 1);
    let outcome = mcp.call(query("FATAL")).await;
    assert_eq!(outcome.structured::<LogTail>().events, []);
    assert!(outcome.text().starts_with("No such events"), "{}", outcome.text());
}

#[tokio::test]
async fn long_messages_and_long_answers_are_cut() {
    let stage = Stage::new().await;
    let long = "\u{e9}".repeat(5000);
    let many: Vec<(i64, &str)> = (0..80).map(|index| (85 - index, long.as_str())).collect();
    log(&stage, GROUP, &many).await;
    let question = TailLogs { limit: Some(500), minutes: Some(100), ..tail() };
    let tail: LogTail = client(&stage).await.call(question).await.structured();
    assert!(tail.events.iter().all(|event| event.cut && event.message.len() <= 4096));
    assert_eq!(tail.events.len(), 64);
    assert!(tail.partial.unwrap().contains("newest 64 events"));
}

/// A log that has one more page, whatever has been read of it.
#[tokio::test]
async fn a_log_without_end_is_given_up_and_says_what_is_missing() {
    let stage = Stage::new().await;
    let (proxy, mcp) = stage
        .behind(|asked| match asked.operation.as_str() {
            "FilterLogEvents" => {
                let event = json!({
                    "timestamp": Utc::now().timestamp_millis(), "message": "again",
                    "logStreamName": "s",
                });
                let page = json!({ "events": [event], "nextToken": "more" });
                Fault::Answer(200, page.to_string())
            }
            _ => Fault::None,
        })
        .await;
    let endless: LogTail = mcp.call(tail()).await.structured();
    assert_eq!(proxy.take_asked().len(), 25);
    assert!(endless.partial.unwrap().contains("Ask for fewer minutes"));
    assert_eq!(endless.events.len(), 25);
}

#[tokio::test]
async fn an_unknown_log_lists_close_ones() {
    let stage = Stage::new().await;
    log(&stage, GROUP, &[]).await;
    let question = TailLogs { log_group: "/aws/lambda/order".to_owned(), ..TailLogs::default() };
    let error = client(&stage).await.call(question).await.tool_error();
    assert!(error.contains("no log group \"/aws/lambda/order\" in us-east-1"), "{error}");
    assert!(error.contains("The closest names: /aws/lambda/orders"), "{error}");
}

#[tokio::test]
async fn a_pattern_that_cloudwatch_refuses_is_explained() {
    let stage = Stage::new().await;
    let (_proxy, mcp) = stage
        .behind(|asked| match asked.operation.as_str() {
            "FilterLogEvents" => Fault::Refuse(400, "InvalidParameterException"),
            _ => Fault::None,
        })
        .await;
    let question = TailLogs { query: Some("a.b".to_owned()), ..tail() };
    let error = mcp.call(question).await.tool_error();
    assert!(error.contains("`query`") && error.contains("double quotes"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}
