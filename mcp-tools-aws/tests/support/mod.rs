//! AWS for tests: moto, and a server that answers as it is told and remembers what it was asked.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test binary uses a part of it")]

#[cfg(any(feature = "cost", feature = "operations", feature = "waste"))]
pub mod clock;
mod proxy;
mod recording;
#[cfg(all(feature = "operations", feature = "waste"))]
pub mod stage;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use mcp_core::Server;
use mcp_testing::{Moto, MotoAccount};
use mcp_tools_aws::Aws;
#[cfg(feature = "cost")]
use mcp_tools_aws::cost_pack;
use serde_json::{Value, json};

pub use self::{
    proxy::{Asked, Fault, Proxy},
    recording::{Recording, Reply},
};

/// The cost tools over an endpoint.
#[cfg(feature = "cost")]
pub fn server(aws: Aws) -> Server {
    Server::builder("cost", "1").pack(cost_pack(aws)).build()
}

pub fn at(endpoint: &str, credentials: Credentials) -> Aws {
    Aws::with_config(config(endpoint, credentials))
}

pub fn config(endpoint: &str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// In an account of its own at moto.
pub async fn at_moto() -> (Aws, MotoAccount) {
    let account = Moto::shared().account().await;
    let credentials = Credentials::new(
        &account.access_key_id,
        &account.secret_access_key,
        Some(account.session_token.clone()),
        None,
        "test",
    );
    (at(Moto::shared().url(), credentials), account)
}

/// At a server that answers as it is told.
pub fn at_recording(recording: &Recording) -> Aws {
    at(recording.url(), Credentials::new("AKIDTEST", "secret-of-the-test", None, None, "test"))
}

/// What moto answers to `GetCostAndUsage`, one after the other.
pub async fn seed(account: &MotoAccount, results: Vec<Value>) {
    let body = json!({ "account_id": account.id, "results": results });
    Moto::shared().set("static/ce/cost-and-usage-results", &body).await;
}

/// Makes a budget at moto, which checks no signature.
pub async fn create_budget(account: &MotoAccount, budget: &Value) {
    let key = &account.access_key_id;
    Moto::shared().call("AWSBudgetServiceGateway.CreateBudget", "budgets", key, budget).await;
}

/// A day or a month of costs, by group.
pub fn result(from: &str, to: &str, estimated: bool, groups: &[(&str, &str)]) -> Value {
    let groups: Vec<Value> = groups
        .iter()
        .map(|(name, amount)| json!({ "Keys": [name], "Metrics": metrics(amount) }))
        .collect();
    json!({
        "TimePeriod": { "Start": from, "End": to },
        "Total": {},
        "Groups": groups,
        "Estimated": estimated,
    })
}

pub fn metrics(amount: &str) -> Value {
    json!({ "UnblendedCost": { "Amount": amount, "Unit": "USD" } })
}
