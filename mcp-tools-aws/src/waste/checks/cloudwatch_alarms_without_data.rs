use mcp_aws::{List, service};
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    inventory::time,
    scope::{Problem, Scope},
};
use crate::aws::page;

const DESCRIBE_ALARMS: Api =
    Api::new(&service::CLOUDWATCH, "DescribeAlarms", "cloudwatch:DescribeAlarms");

page!(Alarms { metric_alarms: List<Alarm> }, "PascalCase", "NextToken", next_token);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_arn: String,
    alarm_name: String,
    state_value: String,
    state_updated_timestamp: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "cloudwatch_alarms_without_data",
    service: "cloudwatch",
    finds: "Alarms that have had no data for long: what they watched is gone.",
    apis: &[&DESCRIBE_ALARMS],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_ALARMS
        .request(&[])
        .with("StateValue", "INSUFFICIENT_DATA")
        .with("MaxRecords", 100);
    let pages: Vec<Alarms> = scope.pages(&DESCRIBE_ALARMS, request).await?;
    for alarm in pages.into_iter().flat_map(|page| page.metric_alarms) {
        let since = time(alarm.state_updated_timestamp.as_deref());
        if alarm.state_value != "INSUFFICIENT_DATA" || !scope.is_old(since) {
            continue;
        }
        let rates = scope.rates();
        found.add(
            Finding::of_arn(scope, alarm.alarm_arn, "An alarm that has nothing to watch.")
                .name(Some(&alarm.alarm_name))
                .since(scope, since)
                .now("StateValue", &alarm.state_value)
                .saves(rates.monthly(&rates.compute.alarm, 1.into(), scope.region()))
                .confidence(Confidence::Medium)
                .verify("cloudwatch describe-alarms", &["--alarm-names", &alarm.alarm_name]),
        );
    }
    Ok(())
}
