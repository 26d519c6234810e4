//! get_alarm_status.

use mcp_aws::service;
use mcp_testing::{Harness, Moto};
use mcp_tools_aws::{Alarm, AlarmKind, AlarmState, AlarmStatus, GetAlarmStatus};
use serde_json::json;

use crate::support::{Fault, stage::Stage};

/// An alarm that rings, one that is well, and one without data.
async fn alarms(stage: &Stage) {
    for (name, state) in
        [("api-errors", "ALARM"), ("api-latency", "OK"), ("queue", "INSUFFICIENT_DATA")]
    {
        let alarm = json!({
            "AlarmName": name, "Namespace": "AWS/Lambda", "MetricName": "Errors", "Statistic": "Sum",
            "Period": 60, "EvaluationPeriods": 1, "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
        });
        stage.ask(&service::CLOUDWATCH, "PutMetricAlarm", alarm).await;
        let state = json!({
            "AlarmName": name, "StateValue": state, "StateReason": "seven errors\u{1b}[31m in a minute",
        });
        stage.ask(&service::CLOUDWATCH, "SetAlarmState", state).await;
    }
}

async fn client(stage: &Stage) -> Harness {
    Harness::in_memory(stage.server(Moto::shared().url())).await
}

#[tokio::test]
async fn alarms_that_ring_come_first_with_their_reason() {
    let stage = Stage::new().await;
    alarms(&stage).await;
    let outcome = client(&stage).await.call(GetAlarmStatus::default()).await;
    let status: AlarmStatus = outcome.structured();
    assert_eq!(status.in_alarm, 1);
    assert_eq!(status.in_alarm + status.insufficient_data + status.ok, 3);
    let first: &Alarm = &status.alarms[0];
    assert_eq!((first.name.as_str(), first.state), ("api-errors", AlarmState::Alarm));
    assert_eq!(first.rings_when.as_deref(), Some("AWS/Lambda Errors Sum > 5.0"));
    assert!(first.since.is_some());
    let text = outcome.text();
    assert!(text.contains("- ALARM: api-errors") && text.contains("seven errors"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

#[tokio::test]
async fn a_prefix_and_a_state_choose_and_counts_are_of_all() {
    let stage = Stage::new().await;
    alarms(&stage).await;
    let question = GetAlarmStatus {
        name_prefix: Some("api-".to_owned()),
        state: Some(AlarmState::Ok),
        ..GetAlarmStatus::default()
    };
    let status: AlarmStatus = client(&stage).await.call(question).await.structured();
    let names: Vec<&str> = status.alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    assert_eq!(names, ["api-latency"]);
    assert_eq!((status.in_alarm, status.ok), (1, 1));
    let one = GetAlarmStatus { limit: Some(1), ..GetAlarmStatus::default() };
    let status: AlarmStatus = client(&stage).await.call(one).await.structured();
    assert_eq!((status.alarms.len(), status.in_alarm), (1, 1));
}

#[tokio::test]
async fn an_unknown_alarm_lists_close_ones_and_no_alarms_are_no_error() {
    let stage = Stage::new().await;
    let none: AlarmStatus = client(&stage).await.call(GetAlarmStatus::default()).await.structured();
    assert_eq!((none.alarms.len(), none.ok), (0, 0));
    alarms(&stage).await;
    let question =
        GetAlarmStatus { name_prefix: Some("api-erors".to_owned()), ..GetAlarmStatus::default() };
    let error = client(&stage).await.call(question).await.tool_error();
    assert!(error.contains("The closest names: api-errors"), "{error}");
}

/// Moto makes no composite alarms: the proxy answers in the documented form.
#[tokio::test]
async fn a_composite_alarm_tells_its_rule() {
    let stage = Stage::new().await;
    let (_proxy, mcp) = stage
        .behind(|_| {
            Fault::Answer(
                200,
                "<DescribeAlarmsResponse xmlns=\"http://monitoring.amazonaws.com/doc/2010-08-01/\">\
                 <DescribeAlarmsResult><MetricAlarms/><CompositeAlarms><member>\
                 <AlarmName>all</AlarmName><AlarmRule>ALARM(&quot;errors&quot;) OR ALARM(latency)\
                 </AlarmRule><ActionsEnabled>false</ActionsEnabled><StateValue>ALARM</StateValue>\
                 <StateReason>errors rings</StateReason>\
                 <StateUpdatedTimestamp>2026-05-01T00:00:00.000Z</StateUpdatedTimestamp></member>\
                 </CompositeAlarms></DescribeAlarmsResult></DescribeAlarmsResponse>"
                    .to_owned(),
            )
        })
        .await;
    let outcome = mcp.call(GetAlarmStatus::default()).await;
    let status: AlarmStatus = outcome.structured();
    assert_eq!((status.in_alarm, status.alarms[0].kind), (1, AlarmKind::Composite));
    assert_eq!(status.alarms[0].rings_when.as_deref(), Some("ALARM(\"errors\") OR ALARM(latency)"));
    assert!(outcome.text().contains("[nobody is told]"), "{}", outcome.text());
}
