use mcp_aws::service;
use serde::Deserialize;

use super::super::{check::{Api, Check, Found}, finding::{Confidence, Finding}, inventory::{Bucket, LIST_BUCKETS, time}, scope::{Problem, Scope}};

const LIST_UPLOADS: Api = Api::get(
    &service::S3,
    "ListMultipartUploads",
    "s3:ListBucketMultipartUploads",
    "/?uploads",
);

/// The first 1,000, which is enough to tell.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
    #[serde(default)]
    is_truncated: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    initiated: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "s3_incomplete_uploads",
    service: "s3",
    finds: "Buckets with multipart uploads that were begun long ago and never completed; their parts are billed and not listed.",
    apis: &[&LIST_BUCKETS, &LIST_UPLOADS],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let buckets: Vec<&Bucket> = scope.buckets().await?.iter().collect();
    let listed = scope
        .each(buckets, |bucket: &Bucket| async move {
            let request = LIST_UPLOADS.request(&[]).bucket(bucket.name.as_str());
            scope.call::<Uploads>(&LIST_UPLOADS, request).await
        })
        .await;
    for (bucket, uploads) in listed {
        let uploads = match uploads {
            Ok(uploads) => uploads,
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        };
        let begun = uploads.uploads.iter().map(|upload| time(upload.initiated.as_deref()));
        let old: Vec<_> = begun.filter(|begun| scope.is_old(*begun)).collect();
        if old.is_empty() {
            continue;
        }
        let more = if uploads.is_truncated { " or more" } else { "" };
        let name = bucket.name.as_str();
        found.add(
            Finding::of_arn(
                scope,
                scope.bucket_arn(name),
                format!("{}{more} uploads were never completed.", old.len()),
            )
            .name(Some(name))
            .since(scope, old.iter().flatten().min().copied())
            .now("Uploads", old.len())
            .confidence(Confidence::High)
            .verify("s3api list-multipart-uploads", &["--bucket", name]),
        );
    }
    Ok(())
}
