use std::collections::HashMap;

use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_INSTANCES, DESCRIBE_VOLUMES, Volume, name_tag, time}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ec2_stopped_instances",
    service: "ec2",
    finds: "Instances that have been stopped for long; their volumes are billed on.",
    apis: &[&DESCRIBE_INSTANCES, &DESCRIBE_VOLUMES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let volumes: HashMap<&str, &Volume> =
        scope.volumes().await?.iter().map(|volume| (volume.volume_id.as_str(), volume)).collect();
    for instance in scope.instances().await? {
        let stopped = instance.stopped_at().or_else(|| time(instance.launch_time.as_deref()));
        if !instance.is("stopped") || !scope.is_old(stopped) {
            continue;
        }
        let rates = scope.rates();
        let attached = instance
            .block_device_mapping
            .iter()
            .filter_map(|device| volumes.get(device.ebs.as_ref()?.volume_id.as_deref()?));
        let saving = attached
            .map(|volume| {
                rates.monthly(rates.volume(&volume.volume_type), volume.size.into(), scope.region())
            })
            .reduce(|one, other| one + other);
        let id = instance.instance_id.as_str();
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("instance/{id}"),
                format!("A stopped {} whose volumes are billed on.", instance.instance_type),
            )
            .name(name_tag(&instance.tag_set))
            .since(scope, stopped)
            .now("State", "stopped")
            .saves(saving)
            .confidence(Confidence::Medium)
            .verify("ec2 describe-instances", &["--instance-ids", id]),
        );
    }
    Ok(())
}
