use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    rates::gigabytes,
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

const DESCRIBE_REPOSITORIES: Api =
    Api::new(&service::ECR, "DescribeRepositories", "ecr:DescribeRepositories");
const DESCRIBE_IMAGES: Api = Api::new(&service::ECR, "DescribeImages", "ecr:DescribeImages");

page!(Repositories { repositories: Vec<Repository> }, "camelCase", "nextToken", next_token);
page!(Images { image_details: Vec<Image> }, "camelCase", "nextToken", next_token);

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Repository {
    repository_arn: String,
    repository_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    #[serde(default)]
    image_size_in_bytes: u64,
    image_pushed_at: Option<f64>,
    last_recorded_pull_time: Option<f64>,
}

pub(super) static CHECK: Check = Check {
    id: "ecr_old_images",
    service: "ecr",
    finds: "Container images in ECR that were neither pushed nor pulled for long, by repository.",
    apis: &[&DESCRIBE_REPOSITORIES, &DESCRIBE_IMAGES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = DESCRIBE_REPOSITORIES.request(&[]).with("maxResults", 1000);
    let pages: Vec<Repositories> = scope.pages(&DESCRIBE_REPOSITORIES, request).await?;
    let repositories: Vec<Repository> =
        pages.into_iter().flat_map(|page| page.repositories).collect();
    let listed = scope
        .each(repositories, |repository: Repository| async move {
            let request = DESCRIBE_IMAGES
                .request(&[])
                .with("repositoryName", repository.repository_name.as_str())
                .with("maxResults", 1000);
            let pages: Vec<Images> = scope.pages(&DESCRIBE_IMAGES, request).await?;
            Ok(pages.into_iter().flat_map(|page| page.image_details).collect())
        })
        .await;
    for (repository, images) in listed {
        let images: Vec<Image> = match images {
            Ok(images) => images,
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        };
        let used =
            |image: &Image| epoch(image.last_recorded_pull_time).max(epoch(image.image_pushed_at));
        let old: Vec<&Image> = images.iter().filter(|image| scope.is_old(used(image))).collect();
        if old.is_empty() {
            continue;
        }
        let (rates, name) = (scope.rates(), repository.repository_name.as_str());
        let bytes = old.iter().map(|image| image.image_size_in_bytes).sum();
        found.add(
            Finding::of_arn(
                scope,
                repository.repository_arn,
                format!("{} of {} images are neither pushed nor pulled.", old.len(), images.len()),
            )
            .name(Some(name))
            .since(scope, old.iter().filter_map(|image| used(image)).min())
            .now("imageSizeInBytes", bytes)
            .saves(rates.monthly(&rates.storage.ecr, gigabytes(bytes), scope.region()))
            .confidence(Confidence::Low)
            .verify("ecr describe-images", &["--repository-name", name]),
        );
    }
    Ok(())
}
