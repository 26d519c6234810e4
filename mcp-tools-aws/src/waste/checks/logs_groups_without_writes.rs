use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_LOG_GROUPS, LogGroup}, metrics::{GET_METRIC_DATA, Metric, Statistic}, rates::gigabytes, scope::{Problem, Scope, millis}};

pub(super) static CHECK: Check = Check {
    id: "logs_groups_without_writes",
    service: "logs",
    finds: "Log groups that hold something and that nothing was written to for two weeks.",
    apis: &[&DESCRIBE_LOG_GROUPS, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let groups: Vec<&LogGroup> = scope
        .log_groups()
        .await?
        .iter()
        .filter(|group| group.stored_bytes > 0 && scope.is_old(millis(group.creation_time)))
        .collect();
    let metrics: Vec<Metric<'_>> = groups
        .iter()
        .map(|group| Metric {
            namespace: "AWS/Logs",
            name: "IncomingLogEvents",
            statistic: Statistic::Sum,
            dimensions: vec![("LogGroupName", &group.log_group_name)],
        })
        .collect();
    for (group, events) in groups.into_iter().zip(scope.measure(&metrics).await?) {
        if events.is_some_and(|count| count > 0.0) {
            continue;
        }
        let (rates, name) = (scope.rates(), group.log_group_name.as_str());
        found.add(
            Finding::new(scope, "logs", &format!("log-group:{name}"), "A log group that nothing is written to.")
                .name(Some(name))
                .since(scope, millis(group.creation_time))
                .now("storedBytes", group.stored_bytes)
                .measured("AWS/Logs IncomingLogEvents Sum", events)
                .saves(rates.monthly(&rates.storage.logs, gigabytes(group.stored_bytes), scope.region()))
                .confidence(Confidence::Medium)
                .verify("logs describe-log-groups", &["--log-group-name-prefix", name]),
        );
    }
    Ok(())
}
