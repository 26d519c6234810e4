use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_VOLUMES, name_tag, time}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ebs_unattached_volumes",
    service: "ebs",
    finds: "EBS volumes that are attached to no instance; they cost as much as attached ones.",
    apis: &[&DESCRIBE_VOLUMES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for volume in scope.volumes().await? {
        let created = time(volume.create_time.as_deref());
        if volume.status != "available" || !scope.is_old(created) {
            continue;
        }
        let (rates, size) = (scope.rates(), volume.size);
        let price = rates.volume(&volume.volume_type);
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("volume/{}", volume.volume_id),
                format!("A {} volume of {size} GB is attached to nothing.", volume.volume_type),
            )
            .name(name_tag(&volume.tag_set))
            .since(scope, created)
            .now("State", &volume.status)
            .saves(rates.monthly(price, size.into(), scope.region()))
            .confidence(Confidence::High)
            .verify("ec2 describe-volumes", &["--volume-ids", &volume.volume_id]),
        );
    }
    Ok(())
}
