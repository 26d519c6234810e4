use std::collections::HashSet;

use mcp_aws::service;
use serde::Deserialize;

use super::super::{
    check::{Api, Check, Found},
    finding::{Confidence, Finding},
    scope::{Problem, Scope, epoch},
};
use crate::aws::page;

const LIST_KEYS: Api = Api::new(&service::KMS, "ListKeys", "kms:ListKeys");
const DESCRIBE_KEY: Api = Api::new(&service::KMS, "DescribeKey", "kms:DescribeKey");
const LIST_ALIASES: Api = Api::new(&service::KMS, "ListAliases", "kms:ListAliases");

page!(Keys { keys: Vec<Key> }, "PascalCase", "Marker", next_marker);
page!(Aliases { aliases: Vec<Alias> }, "PascalCase", "Marker", next_marker);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    key_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alias {
    target_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    key_metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    arn: String,
    description: Option<String>,
    creation_date: Option<f64>,
    key_manager: Option<String>,
    key_state: Option<String>,
}

pub(super) static CHECK: Check = Check {
    id: "kms_unused_keys",
    service: "kms",
    finds: "Customer managed KMS keys that are disabled, or that no alias leads to.",
    apis: &[&LIST_KEYS, &DESCRIBE_KEY, &LIST_ALIASES],
    run: |scope, found| Box::pin(run(scope, found)),
};

async fn run(scope: &Scope, found: &mut Found) -> Result<(), Problem> {
    let pages: Vec<Aliases> =
        scope.pages(&LIST_ALIASES, LIST_ALIASES.request(&[]).with("Limit", 100)).await?;
    let named: HashSet<String> = pages
        .into_iter()
        .flat_map(|page| page.aliases)
        .filter_map(|alias| alias.target_key_id)
        .collect();
    let pages: Vec<Keys> =
        scope.pages(&LIST_KEYS, LIST_KEYS.request(&[]).with("Limit", 1000)).await?;
    let ids: Vec<String> =
        pages.into_iter().flat_map(|page| page.keys).map(|key| key.key_id).collect();
    let described = scope
        .each(ids, |id: String| async move {
            let request = DESCRIBE_KEY.request(&[]).with("KeyId", id.as_str());
            scope.call::<Described>(&DESCRIBE_KEY, request).await
        })
        .await;
    for (id, described) in described {
        let key = match described {
            Ok(described) => described.key_metadata,
            Err(problem) => {
                found.problem(problem);
                continue;
            }
        };
        let created = epoch(key.creation_date);
        if key.key_manager.as_deref() != Some("CUSTOMER") || !scope.is_old(created) {
            continue;
        }
        let (reason, confidence) = match key.key_state.as_deref() {
            Some("Disabled") => {
                ("A disabled key; it is billed like an enabled one.", Confidence::Medium)
            }
            Some("Enabled") if !named.contains(&id) => (
                "A key without an alias; CloudTrail tells whether anyone uses it.",
                Confidence::Low,
            ),
            _ => continue,
        };
        let rates = scope.rates();
        found.add(
            Finding::of_arn(scope, key.arn, reason)
                .name(key.description.as_deref())
                .since(scope, created)
                .now("KeyState", key.key_state.as_deref().unwrap_or_default())
                .saves(rates.monthly(&rates.security.kms_key, 1.into(), scope.region()))
                .confidence(confidence)
                .verify("kms describe-key", &["--key-id", &id]),
        );
    }
    Ok(())
}
