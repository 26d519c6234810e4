use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_LOG_GROUPS}, scope::{Problem, Scope, millis}};

pub(super) static CHECK: Check = Check {
    id: "logs_groups_without_retention",
    service: "logs",
    finds: "Log groups that keep what is written to them for ever.",
    apis: &[&DESCRIBE_LOG_GROUPS],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for group in scope.log_groups().await? {
        let created = millis(group.creation_time);
        if group.retention_in_days.is_some() || !scope.is_old(created) {
            continue;
        }
        let name = group.log_group_name.as_str();
        found.add(
            Finding::new(scope, "logs", &format!("log-group:{name}"), "A log group that keeps everything for ever.")
                .name(Some(name))
                .since(scope, created)
                .now("retentionInDays", "none")
                .now("storedBytes", group.stored_bytes)
                .confidence(Confidence::Low)
                .verify("logs describe-log-groups", &["--log-group-name-prefix", name]),
        );
    }
    Ok(())
}
