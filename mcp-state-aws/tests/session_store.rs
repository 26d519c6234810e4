//! Legacy sessions in DynamoDB, which is moto's.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::{sync::Arc, time::Duration};

use mcp_core::sessions::{SessionRecord, SessionStore};
use mcp_stage::session_store::SessionPlace;
use mcp_state_aws::DynamoDbSessionStore;
use support::{Stage, TABLE};

impl SessionPlace for Stage {
    fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(DynamoDbSessionStore::new(TABLE).client(self.client.clone()))
    }
}

mcp_stage::session_store_tests!(Some(Stage::set().await));

#[tokio::test]
async fn a_session_that_is_there_is_never_replaced() {
    let place = Stage::set().await;
    let store = place.store();
    let record = |owner: &str| SessionRecord { initialize: "{}".into(), owner: Some(owner.into()) };
    let keep = Duration::from_secs(60);
    store.save("s", &record("ada"), keep).await.unwrap();
    assert!(store.save("s", &record("eve"), keep).await.is_err());
    assert_eq!(store.load("s").await.unwrap(), Some(record("ada")));
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_an_error_and_no_hang() {
    let place = Stage::set().await;
    let missing = DynamoDbSessionStore::new("no-such-table").client(place.client.clone());
    assert!(missing.load("s").await.is_err());
    assert!(missing.touch("s", Duration::from_secs(1)).await.is_err());
}
