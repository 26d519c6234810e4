use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_INSTANCES, Load, name_tag, time}, metrics::{GET_METRIC_DATA}, scope::{Problem, Scope}};

/// Percent, at the busiest minute.
const IDLE_CPU: f64 = 5.0;
/// Bytes in two weeks: 5 MB a day, as Trusted Advisor has it.
const IDLE_NETWORK: f64 = 14.0 * 5e6;

/// Whether a machine does nothing. One without data is not judged.
pub(super) fn is_idle(load: &Load) -> bool {
    load.cpu_maximum.is_some_and(|cpu| cpu <= IDLE_CPU)
        && load.network.is_none_or(|bytes| bytes <= IDLE_NETWORK)
}

pub(super) static CHECK: Check = Check {
    id: "ec2_idle_instances",
    service: "ec2",
    finds: "Running instances with next to no CPU use and network traffic for two weeks.",
    apis: &[&DESCRIBE_INSTANCES, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for (instance, load) in scope.loads().await? {
        if !is_idle(load) {
            continue;
        }
        let id = instance.instance_id.as_str();
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("instance/{id}"),
                format!("A running {} that does nothing.", instance.instance_type),
            )
            .name(name_tag(&instance.tag_set))
            .since(scope, time(instance.launch_time.as_deref()))
            .measured("AWS/EC2 CPUUtilization Maximum (percent)", load.cpu_maximum)
            .measured("AWS/EC2 NetworkIn + NetworkOut Sum (bytes)", load.network)
            .saves(scope.rates().instance(&instance.instance_type, scope.region()))
            .confidence(Confidence::Medium)
            .verify("ec2 describe-instances", &["--instance-ids", id]),
        );
    }
    Ok(())
}
