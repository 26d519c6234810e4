use std::collections::HashSet;

use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_IMAGES, DESCRIBE_SNAPSHOTS, DESCRIBE_VOLUMES, name_tag, time}, scope::{Problem, Scope}};

/// What copies of snapshots have in the place of a volume.
const COPIED: &str = "vol-ffffffff";

pub(super) static CHECK: Check = Check {
    id: "ebs_snapshots_of_deleted_volumes",
    service: "ebs",
    finds: "EBS snapshots whose volume no longer exists and of which no image is made.",
    apis: &[&DESCRIBE_SNAPSHOTS, &DESCRIBE_IMAGES, &DESCRIBE_VOLUMES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let used = scope.snapshots_of_images().await?;
    let volumes: HashSet<&str> =
        scope.volumes().await?.iter().map(|volume| volume.volume_id.as_str()).collect();
    for snapshot in scope.snapshots().await? {
        let started = time(snapshot.start_time.as_deref());
        let volume = snapshot.volume_id.as_deref().unwrap_or_default();
        if !scope.is_old(started)
            || used.contains(snapshot.snapshot_id.as_str())
            || volumes.contains(volume)
            || volume == COPIED
        {
            continue;
        }
        let rates = scope.rates();
        found.add(
            Finding::new(scope, "ec2", &format!("snapshot/{}", snapshot.snapshot_id), format!("A snapshot of {volume}, which no longer exists."))
                .name(name_tag(&snapshot.tag_set))
                .since(scope, started)
                .now("VolumeSize", format!("{} GB", snapshot.volume_size))
                .saves(rates.at_most(&rates.ebs.snapshot, snapshot.volume_size, scope.region()))
                .confidence(Confidence::Medium)
                .verify("ec2 describe-snapshots", &["--snapshot-ids", &snapshot.snapshot_id]),
        );
    }
    Ok(())
}
