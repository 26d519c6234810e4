use rust_decimal::Decimal;

use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_VOLUMES, name_tag, time}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ebs_gp2_volumes",
    service: "ebs",
    finds: "Attached EBS volumes of type gp2; gp3 costs a fifth less, with at least the IOPS of a gp2 of up to 1,000 GB.",
    apis: &[&DESCRIBE_VOLUMES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    for volume in scope.volumes().await? {
        let created = time(volume.create_time.as_deref());
        let attached = volume.status == "in-use";
        if volume.volume_type != "gp2" || !attached || !scope.is_old(created) {
            continue;
        }
        let (rates, size) = (scope.rates(), Decimal::from(volume.size));
        // A gp2 volume has more than the 125 MB/s that gp3 includes beyond 170 GB, and more than its
        // 3,000 IOPS beyond 1,000 GB; gp3 can have more of both for more money.
        let confidence = match volume.size {
            ..=170 => Confidence::High,
            171..=1000 => Confidence::Medium,
            _ => Confidence::Low,
        };
        let saving = rates.monthly(&rates.ebs.gp2, size, scope.region())
            - rates.monthly(&rates.ebs.gp3, size, scope.region());
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("volume/{}", volume.volume_id),
                format!("A gp2 volume of {size} GB could be gp3, which is changed while it is in use."),
            )
            .name(name_tag(&volume.tag_set))
            .since(scope, created)
            .now("VolumeType", &volume.volume_type)
            .saves(saving)
            .confidence(confidence)
            .verify("ec2 describe-volumes", &["--volume-ids", &volume.volume_id]),
        );
    }
    Ok(())
}
