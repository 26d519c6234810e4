//! Connections in DynamoDB, and messages through the API Gateway Management API.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use mcp_core::{
    LogLevel, Principal,
    connections::{
        ConnectionAddress, ConnectionChange, ConnectionGateway as _, ConnectionRecord,
        ConnectionStore as _, LeftMessage, PostError,
    },
};
use mcp_state_aws::{ApiGatewayConnections, DynamoDbConnectionStore};
use mcp_testing::{__private::block_on, lambda::Emulator};
use support::{Stage, TABLE};

const HOUR: Duration = Duration::from_secs(3600);

async fn store() -> (Stage, DynamoDbConnectionStore) {
    let stage = Stage::set().await;
    let store = DynamoDbConnectionStore::new(TABLE).client(stage.client.clone());
    (stage, store)
}

#[test]
fn a_connection_is_kept_as_it_was_opened_and_changed() {
    block_on(async {
        let (_stage, store) = store().await;
        assert_eq!(store.load("a").await.unwrap(), None);
        let ada = Principal::new("ada", ["read", "write"]);
        store.open("a", "1", Some(&ada), HOUR).await.unwrap();
        store.open("b", "2", None, HOUR).await.unwrap();
        assert_eq!(store.load("b").await.unwrap(), Some(ConnectionRecord::default()));

        for change in [
            ConnectionChange::Initialize(r#"{"method":"initialize"}"#),
            ConnectionChange::SetLogLevel(LogLevel::Notice),
            ConnectionChange::Subscribe("file:///a"),
            ConnectionChange::Subscribe("file:///b"),
            ConnectionChange::Subscribe("file:///b"),
            ConnectionChange::Unsubscribe("file:///a"),
            ConnectionChange::Unsubscribe("file:///never"),
        ] {
            assert!(store.change("a", change).await.unwrap(), "{change:?}");
        }
        let record = store.load("a").await.unwrap().unwrap();
        assert_eq!(record.principal, Some(ada));
        assert_eq!(record.initialize.as_deref(), Some(r#"{"method":"initialize"}"#));
        assert_eq!(record.settings.log_level, Some(LogLevel::Notice));
        assert_eq!(record.settings.subscriptions, ["file:///b".into()].into());
        // The last of a set takes the set along, and it can come back.
        let last = ConnectionChange::Unsubscribe("file:///b");
        assert!(store.change("a", last).await.unwrap());
        assert!(store.load("a").await.unwrap().unwrap().settings.subscriptions.is_empty());

        store.remove("a").await.unwrap();
        store.remove("a").await.unwrap();
        assert_eq!(store.load("a").await.unwrap(), None);
        assert!(!store.change("a", ConnectionChange::Initialize("{}")).await.unwrap());
        assert_eq!(store.load("a").await.unwrap(), None, "a change makes no connection");
    });
}

#[test]
fn a_connection_is_opened_once() {
    block_on(async {
        let (_stage, store) = store().await;
        let eve = Principal::new("eve", ["all"]);
        store.open("a", "1", None, HOUR).await.unwrap();
        assert!(store.open("a", "2", Some(&eve), HOUR).await.is_err());
        assert_eq!(store.load("a").await.unwrap().unwrap().principal, None);
        // The answer to the first attempt may get lost.
        store.open("a", "1", None, HOUR).await.unwrap();
    });
}

#[test]
fn what_has_expired_is_gone() {
    block_on(async {
        let (_stage, store) = store().await;
        // Time to live is not enforced at once, by DynamoDB neither.
        store.open("a", "1", None, Duration::ZERO).await.unwrap();
        assert_eq!(store.load("a").await.unwrap(), None);
        assert!(!store.change("a", ConnectionChange::Initialize("{}")).await.unwrap());
        assert_eq!(store.collect("a", &[]).await.unwrap(), None);
        store.open("a", "2", None, HOUR).await.unwrap();
        assert!(store.load("a").await.unwrap().is_some());
    });
}

#[test]
fn changes_at_once_undo_nothing_of_each_other() {
    block_on(async {
        let (_stage, store) = store().await;
        let store = Arc::new(store);
        store.open("a", "1", None, HOUR).await.unwrap();
        let changes = (0..20).map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let uri = format!("file:///{number}");
                store.change("a", ConnectionChange::Subscribe(&uri)).await.unwrap()
            })
        });
        for change in changes.collect::<Vec<_>>() {
            assert!(change.await.unwrap());
        }
        let record = store.load("a").await.unwrap().unwrap();
        assert_eq!(record.settings.subscriptions.len(), 20);
    });
}

#[test]
fn what_is_left_is_taken_once_by_who_asks_for_it() {
    block_on(async {
        let (_stage, store) = store().await;
        let keys = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(store.collect("a", &keys(&["x"])).await.unwrap(), None);
        store.open("a", "1", None, HOUR).await.unwrap();
        assert_eq!(store.collect("a", &keys(&["x"])).await.unwrap(), Some(vec![]));
        let large = "m".repeat(128 * 1024);
        store.leave("a", "x", &large, HOUR).await.unwrap();
        store.leave("a", "other", "1", HOUR).await.unwrap();
        store.leave("b", "x", "of another connection", HOUR).await.unwrap();
        let taken = store.collect("a", &keys(&["x", "y"])).await.unwrap();
        assert_eq!(taken, Some(vec![LeftMessage { key: "x".into(), message: large }]));
        assert_eq!(store.collect("a", &keys(&["x", "y"])).await.unwrap(), Some(vec![]));
    });
}

async fn sdk(emulator: &Emulator) -> (SdkConfig, String) {
    let url = emulator.api_url().await.unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    (config, format!("{url}/prod"))
}

#[test]
fn a_closed_connection_is_gone_and_other_failures_say_what_they_are() {
    block_on(async {
        let emulator = Emulator::new("none");
        let (config, endpoint) = sdk(&emulator).await;
        let gateway = ApiGatewayConnections::new().config(config).endpoint(endpoint);
        let post = async |connection: &str| {
            let to = ConnectionAddress { endpoint: "unused".into(), connection: connection.into() };
            gateway.post(&to, "x".into()).await
        };
        assert!(matches!(post("AAAAAAAAAAAAAAA=").await, Err(PostError::Gone)));
        let Err(PostError::Failed(error)) = post("nonsense").await else { panic!("posted") };
        assert!(error.to_string().contains("Invalid connectionId"), "{error}");
    });
}
