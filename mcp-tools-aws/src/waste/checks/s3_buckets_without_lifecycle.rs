use mcp_aws::service;
use serde::de::IgnoredAny;

use super::super::{check::{Api, Check, Found}, finding::{Confidence, Finding}, inventory::{Bucket, LIST_BUCKETS, time}, scope::{Problem, Scope}};

const GET_LIFECYCLE: Api = Api::get(
    &service::S3,
    "GetBucketLifecycleConfiguration",
    "s3:GetLifecycleConfiguration",
    "/?lifecycle",
);

pub(super) static CHECK: Check = Check {
    id: "s3_buckets_without_lifecycle",
    service: "s3",
    finds: "Buckets without a lifecycle rule: what is put there stays, as it is, for ever.",
    apis: &[&LIST_BUCKETS, &GET_LIFECYCLE],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let buckets: Vec<&Bucket> = scope
        .buckets()
        .await?
        .iter()
        .filter(|bucket| scope.is_old(time(bucket.creation_date.as_deref())))
        .collect();
    let rules = scope
        .each(buckets, |bucket: &Bucket| async move {
            let request = GET_LIFECYCLE.request(&[]).bucket(bucket.name.as_str());
            scope.call::<IgnoredAny>(&GET_LIFECYCLE, request).await
        })
        .await;
    for (bucket, rules) in rules {
        match rules {
            Ok(_) => continue,
            Err(problem) if problem.has_code("NoSuchLifecycleConfiguration") => {}
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        }
        let name = bucket.name.as_str();
        found.add(
            Finding::of_arn(scope, scope.bucket_arn(name), "A bucket without a lifecycle rule.")
                .name(Some(name))
                .since(scope, time(bucket.creation_date.as_deref()))
                .now("LifecycleConfiguration", "none")
                .confidence(Confidence::Low)
                .verify("s3api get-bucket-lifecycle-configuration", &["--bucket", name]),
        );
    }
    Ok(())
}
