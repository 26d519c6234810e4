//! DynamoDB without AWS: a table of the test's own in moto's server.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

pub mod fault_proxy;
pub mod socket;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TimeToLiveSpecification,
    },
};
use mcp_testing::{Moto, MotoAccount};

pub const TABLE: &str = "mcp";

pub mod function;

/// An account with the table.
pub struct Stage {
    pub account: MotoAccount,
    pub client: Client,
    pub config: aws_config::SdkConfig,
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_at(Moto::shared().url()).await
    }

    /// With clients that go to this URL, which leads to moto.
    pub async fn set_at(url: &str) -> Self {
        let account = Moto::shared().account().await;
        let MotoAccount { access_key_id, secret_access_key, session_token, .. } = account.clone();
        let credentials =
            Credentials::new(access_key_id, secret_access_key, Some(session_token), None, "moto");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(credentials)
            .endpoint_url(url)
            .http_client(mcp_aws::connector())
            .retry_config(
                RetryConfig::standard().with_initial_backoff(std::time::Duration::from_millis(10)),
            )
            .load()
            .await;
        let stage = Self { account, client: Client::new(&config), config };
        stage.create_table().await;
        stage
    }

    /// As a deployment does it.
    async fn create_table(&self) {
        let attribute = |name: &str| {
            let kind = ScalarAttributeType::S;
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(kind)
                .build()
                .unwrap()
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
        };
        self.client
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .unwrap();
        let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expires");
        self.client
            .update_time_to_live()
            .table_name(TABLE)
            .time_to_live_specification(ttl.build().unwrap())
            .send()
            .await
            .unwrap();
    }
}
