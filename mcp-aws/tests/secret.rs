//! API keys that AWS keeps: read, and read again once they are rotated.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{sync::Arc, time::Duration};

use mcp_auth::ApiKeys;
use mcp_aws::{AwsSecret, Client, Request, service};
use mcp_core::{Credentials, SecretSource as _, TokenVerifier as _};
use serde_json::Value;

use crate::support::at_moto;

/// The digests of `one` and `two`.
const ONE: &str = "ci sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed a:b";
const TWO: &str = "ci sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3 a:b";

fn is_known(keys: &ApiKeys, key: &'static str) -> bool {
    let headers = std::iter::once(("x-api-key".parse().unwrap(), key.parse().unwrap())).collect();
    let verification = keys.verify(&Credentials::from_headers(&headers).unwrap());
    verification.into_ready().unwrap().is_ok_and(|caller| caller.has_scope("a:b"))
}

/// Keys that the place holds are taken, until they are rotated.
async fn rotates(client: &Client, place: &str, rotate: Request) {
    let source = place.parse::<AwsSecret>().unwrap().config(client.config());
    let keys = Arc::new(ApiKeys::from_source(source).await.unwrap());
    tokio::spawn(ApiKeys::keep_fresh(&keys, Duration::from_millis(10)));
    assert!(is_known(&keys, "one") && !is_known(&keys, "two"));
    let _: Value = client.call(rotate).await.unwrap();
    let rotated = async {
        while !is_known(&keys, "two") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), rotated)
        .await
        .expect("the keys stay as they were");
    assert!(!is_known(&keys, "one"));
}

#[tokio::test]
async fn keys_in_secrets_manager_are_rotated_without_a_restart() {
    let client = at_moto().await;
    let create = Request::new(&service::SECRETS_MANAGER, "CreateSecret")
        .with("Name", "mcp/keys")
        .with("SecretString", ONE);
    let created: Value = client.call(create).await.unwrap();
    let rotate = Request::new(&service::SECRETS_MANAGER, "PutSecretValue")
        .with("SecretId", "mcp/keys")
        .with("SecretString", TWO);
    rotates(&client, "secretsmanager:mcp/keys", rotate).await;
    // By its ARN, too.
    let arn = format!("secretsmanager:{}", created["ARN"].as_str().unwrap());
    let source = arn.parse::<AwsSecret>().unwrap().config(client.config());
    assert_eq!(source.read().await.unwrap(), TWO);
}

#[tokio::test]
async fn keys_in_parameter_store_are_rotated_without_a_restart() {
    let client = at_moto().await;
    let put = |value: &str| {
        Request::new(&service::SSM, "PutParameter")
            .with("Name", "/mcp/api-keys")
            .with("Type", "SecureString")
            .with("Overwrite", true)
            .with("Value", value)
    };
    let _: Value = client.call(put(ONE)).await.unwrap();
    rotates(&client, "ssm:/mcp/api-keys", put(TWO)).await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_with_what_was_asked() {
    let client = at_moto().await;
    for (place, action) in [
        ("secretsmanager:none", "secretsmanager:GetSecretValue"),
        ("ssm:/none", "ssm:GetParameter"),
    ] {
        let source = place.parse::<AwsSecret>().unwrap().config(client.config());
        let error = ApiKeys::from_source(source).await.unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(action), "{error}");
    }
    let binary = Request::new(&service::SECRETS_MANAGER, "CreateSecret")
        .with("Name", "bytes")
        .with("SecretBinary", "AAEC");
    let _: Value = client.call(binary).await.unwrap();
    let source = "secretsmanager:bytes".parse::<AwsSecret>().unwrap().config(client.config());
    assert!(source.read().await.unwrap_err().to_string().contains("bytes"));
}
