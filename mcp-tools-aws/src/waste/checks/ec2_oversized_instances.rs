use super::{super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_INSTANCES, name_tag, time}, metrics::{GET_METRIC_DATA}, rates::Saving, scope::{Problem, Scope}}, ec2_idle_instances::is_idle};

/// Percent: half the machine would be 80 percent busy at its busiest.
const BUSY_CPU: f64 = 40.0;

/// Whether a type has no half of itself: bare metal, and what starts where its family starts.
fn is_smallest(kind: &str) -> bool {
    let (family, size) = kind.split_once('.').unwrap_or_default();
    match size {
        "nano" | "" => true,
        "medium" => !family.starts_with('t'),
        "large" => matches!(family, "m5" | "m5a" | "m6i" | "m6a" | "c5" | "c6i" | "r5" | "r6i"),
        size => size.contains("metal"),
    }
}

pub(super) static CHECK: Check = Check {
    id: "ec2_oversized_instances",
    service: "ec2",
    finds: "Running instances whose CPU was never more than 40 percent busy in two weeks: half the size would do, if its memory does.",
    apis: &[&DESCRIBE_INSTANCES, &GET_METRIC_DATA],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for (instance, load) in scope.loads().await? {
        let busy = load.cpu_maximum.is_none_or(|cpu| cpu > BUSY_CPU);
        if busy || is_idle(load) || is_smallest(&instance.instance_type) {
            continue;
        }
        let id = instance.instance_id.as_str();
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("instance/{id}"),
                format!(
                    "A {} that could be half the size by its CPU; its memory is not measured.",
                    instance.instance_type
                ),
            )
            .name(name_tag(&instance.tag_set))
            .since(scope, time(instance.launch_time.as_deref()))
            .measured("AWS/EC2 CPUUtilization Maximum (percent)", load.cpu_maximum)
            .measured("AWS/EC2 CPUUtilization Average (percent)", load.cpu_average)
            .saves(scope.rates().instance(&instance.instance_type, scope.region()).map(Saving::half))
            .confidence(Confidence::Low)
            .verify("ec2 describe-instances", &["--instance-ids", id]),
        );
    }
    Ok(())
}
