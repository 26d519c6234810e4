use std::collections::HashSet;

use super::super::{check::{Check, Found}, finding::{Confidence, Finding}, inventory::{DESCRIBE_IMAGES, DESCRIBE_INSTANCES, time}, scope::{Problem, Scope}};

pub(super) static CHECK: Check = Check {
    id: "ec2_unused_images",
    service: "ec2",
    finds: "Images (AMIs) of the account that no instance was started from; their snapshots are billed.",
    apis: &[&DESCRIBE_IMAGES, &DESCRIBE_INSTANCES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let used: HashSet<&str> =
        scope.instances().await?.iter().filter_map(|instance| instance.image_id.as_deref()).collect();
    for image in scope.images().await? {
        let created = time(image.creation_date.as_deref());
        let launched = time(image.last_launched_time.as_deref());
        let recent = launched.is_some_and(|launched| !scope.is_old(Some(launched)));
        if !scope.is_old(created) || recent || used.contains(image.image_id.as_str()) {
            continue;
        }
        let rates = scope.rates();
        let size: u32 = image
            .block_device_mapping
            .iter()
            .filter_map(|device| device.ebs.as_ref()?.volume_size)
            .sum();
        found.add(
            Finding::new(
                scope,
                "ec2",
                &format!("image/{}", image.image_id),
                "An image that no instance uses. Launch templates and other accounts may; they are not looked at.",
            )
            .name(image.name.as_deref())
            .since(scope, created)
            .now("LastLaunchedTime", image.last_launched_time.as_deref().unwrap_or("never"))
            .saves(rates.at_most(&rates.ebs.snapshot, size, scope.region()))
            .confidence(Confidence::Low)
            .verify("ec2 describe-images", &["--image-ids", &image.image_id]),
        );
    }
    Ok(())
}
