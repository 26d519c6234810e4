use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

const LIST_SECRETS: Api =
    Api::new(&service::SECRETS_MANAGER, "ListSecrets", "secretsmanager:ListSecrets");

page!(Secrets { secret_list: Vec<Secret> }, "PascalCase", "NextToken", next_token);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "ARN")]
    arn: String,
    name: String,
    created_date: Option<f64>,
    last_accessed_date: Option<f64>,
    deleted_date: Option<f64>,
}

pub(super) static CHECK: Check = Check {
    id: "secretsmanager_unused_secrets",
    service: "secretsmanager",
    finds: "Secrets that nobody has read for long.",
    apis: &[&LIST_SECRETS],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let request = LIST_SECRETS.request(&[]).with("MaxResults", 100);
    let pages: Vec<Secrets> = scope.pages(&LIST_SECRETS, request).await?;
    for secret in pages.into_iter().flat_map(|page| page.secret_list) {
        let (created, read) = (epoch(secret.created_date), epoch(secret.last_accessed_date));
        if secret.deleted_date.is_some() || !scope.is_old(created) || !scope.is_old(read) {
            continue;
        }
        let rates = scope.rates();
        let read_on = read.map_or_else(|| "never".to_owned(), |read| read.date_naive().to_string());
        found.add(
            Finding::of_arn(scope, secret.arn.clone(), "A secret that nobody reads.")
                .name(Some(&secret.name))
                .since(scope, read.or(created))
                .now("LastAccessedDate", read_on)
                .saves(rates.monthly(&rates.security.secret, 1.into(), scope.region()))
                .confidence(Confidence::Medium)
                .verify("secretsmanager describe-secret", &["--secret-id", &secret.arn]),
        );
    }
    Ok(())
}
