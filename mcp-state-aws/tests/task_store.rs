//! Tasks in DynamoDB, which is moto's.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use mcp_core::tasks::{TaskRecord, TaskStatus, TaskStore as _, TaskStoreError};
use mcp_state_aws::DynamoDbTaskStore;
use serde_json::json;
use support::{Moto, TABLE};

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn record(id: &str, ttl_ms: u64) -> TaskRecord {
    serde_json::from_value(json!({
        "id": id,
        "owner": "ada",
        "tool": "walk",
        "status": "working",
        "message": null,
        "created_ms": now_ms(),
        "updated_ms": now_ms(),
        "due_ms": now_ms() + 1000,
        "ttl_ms": ttl_ms,
        "poll_interval_ms": 1000,
        "inputs": { "name": { "request": "{}", "response": null } },
        "outcome": null,
        "version": 1,
    }))
    .unwrap()
}

fn next(record: &TaskRecord) -> TaskRecord {
    let mut next = record.clone();
    next.version += 1;
    next
}

fn store(moto: &Moto) -> DynamoDbTaskStore {
    DynamoDbTaskStore::new(TABLE).client(moto.client.clone())
}

#[tokio::test]
async fn a_task_is_found_by_every_process_as_it_was_left() {
    let Some(moto) = Moto::start().await else { return };
    let (one, other) = (store(&moto), store(&moto));
    assert!(one.get("none").await.unwrap().is_none());

    let first = record("a", 60_000);
    one.create(Arc::new(first.clone())).await.unwrap();
    let found = other.get("a").await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&*found).unwrap(), serde_json::to_value(&first).unwrap());

    let mut second = next(&first);
    second.status = TaskStatus::Completed;
    second.outcome = Some(r#"{"a":"ä\n"}"#.to_owned());
    other.replace(Arc::new(second)).await.unwrap();
    let found = one.get("a").await.unwrap().unwrap();
    assert_eq!((found.status, found.version), (TaskStatus::Completed, 2));
    assert_eq!(found.outcome.as_deref(), Some(r#"{"a":"ä\n"}"#));
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_told_of_the_conflict() {
    let Some(moto) = Moto::start().await else { return };
    let store = Arc::new(store(&moto));
    let first = record("a", 60_000);
    store.create(Arc::new(first.clone())).await.unwrap();
    let again = store.create(Arc::new(first.clone())).await;
    assert!(matches!(again, Err(TaskStoreError::Conflict)), "{again:?}");

    let changes = (0..8).map(|number| {
        let (store, mut change) = (Arc::clone(&store), next(&first));
        change.message = Some(number.to_string());
        tokio::spawn(async move { store.replace(Arc::new(change)).await })
    });
    let mut kept = 0;
    for change in changes.collect::<Vec<_>>() {
        match change.await.unwrap() {
            Ok(()) => kept += 1,
            Err(TaskStoreError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(kept, 1);
    assert_eq!(store.get("a").await.unwrap().unwrap().version, 2);

    let unknown = store.replace(Arc::new(next(&record("b", 60_000)))).await;
    assert!(matches!(unknown, Err(TaskStoreError::Conflict)), "{unknown:?}");
}

#[tokio::test]
async fn an_expired_task_is_gone_before_its_item_is() {
    let Some(moto) = Moto::start().await else { return };
    let store = store(&moto);
    let expired = record("a", 0);
    store.create(Arc::new(expired.clone())).await.unwrap();
    assert!(store.get("a").await.unwrap().is_none());
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let change = store.replace(Arc::new(next(&expired))).await;
    assert!(matches!(change, Err(TaskStoreError::Conflict)), "{change:?}");
}

#[tokio::test]
async fn an_outcome_larger_than_an_item_comes_back_whole() {
    let Some(moto) = Moto::start().await else { return };
    let store = store(&moto);
    let first = record("a", 60_000);
    store.create(Arc::new(first.clone())).await.unwrap();
    let mut second = next(&first);
    second.outcome = Some("ä\"🦀".repeat(150_000));
    store.replace(Arc::new(second.clone())).await.unwrap();
    let found = store.get("a").await.unwrap().unwrap();
    assert!(found.outcome == second.outcome, "{:?}", found.outcome.as_ref().map(String::len));
    // And is replaced by a small one.
    let mut third = next(&second);
    third.outcome = Some("small".to_owned());
    store.replace(Arc::new(third)).await.unwrap();
    assert_eq!(store.get("a").await.unwrap().unwrap().outcome.as_deref(), Some("small"));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_an_error_and_no_hang() {
    let Some(moto) = Moto::start().await else { return };
    let missing = DynamoDbTaskStore::new("no-such-table").client(moto.client.clone());
    let error = missing.get("a").await.unwrap_err();
    assert!(matches!(error, TaskStoreError::Failed(_)), "{error:?}");
}
