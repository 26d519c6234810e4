//! The store by itself.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore as _};
use mcp_state_redis::RedisSessionStore;
use support::{Redis, within};

const KEEP: Duration = Duration::from_secs(60);

fn record(owner: Option<&str>) -> SessionRecord {
    SessionRecord { initialize: r#"{"a":"ü\n"}"#.into(), owner: owner.map(Into::into) }
}

fn event(index: u64, message: Option<&str>, is_last: bool) -> SessionEvent {
    SessionEvent { index, message: message.map(str::to_owned), is_last }
}

#[tokio::test]
async fn a_session_is_loaded_as_it_was_saved_until_it_is_deleted() {
    let Some(redis) = Redis::start().await else { return };
    let (store, other) = (redis.store(), redis.store());
    for owner in [None, Some("ada")] {
        assert_eq!(other.load("s").await.unwrap(), None);
        store.save("s", &record(owner), KEEP).await.unwrap();
        assert_eq!(other.load("s").await.unwrap(), Some(record(owner)));
        assert!(other.touch("s", KEEP).await.unwrap());
        other.delete("s").await.unwrap();
        assert_eq!(store.load("s").await.unwrap(), None);
        assert!(!store.touch("s", KEEP).await.unwrap());
    }
}

#[tokio::test]
async fn a_session_is_kept_as_long_as_it_is_touched() {
    let Some(redis) = Redis::start().await else { return };
    let store = redis.store();
    store.save("s", &record(None), Duration::from_millis(1)).await.unwrap();
    store.save("t", &record(None), Duration::from_millis(1)).await.unwrap();
    within(async { while store.load("s").await.unwrap().is_some() {} }).await;
    assert!(!store.touch("t", KEEP).await.unwrap(), "it was over, too");
    store.save("s", &record(None), Duration::from_millis(500)).await.unwrap();
    assert!(store.touch("s", KEEP).await.unwrap());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(store.load("s").await.unwrap(), Some(record(None)));
}

#[tokio::test]
async fn events_are_told_in_order_from_where_the_client_was() {
    let Some(redis) = Redis::start().await else { return };
    let (store, other) = (redis.store(), redis.store());
    assert_eq!(other.events_after("unknown", 0).await.unwrap(), None);
    let events = [event(0, None, false), event(1, Some("one"), false), event(2, Some("two"), true)];
    for event in &events {
        store.append("stream", event, KEEP).await.unwrap();
    }
    assert_eq!(other.events_after("stream", 0).await.unwrap().unwrap(), events[1..]);
    assert_eq!(other.events_after("stream", 1).await.unwrap().unwrap(), events[2..]);
    assert_eq!(other.events_after("stream", 2).await.unwrap().unwrap(), []);
}

#[tokio::test]
async fn servers_with_different_prefixes_do_not_meet() {
    let Some(redis) = Redis::start().await else { return };
    redis.store().prefix("one").save("s", &record(None), KEEP).await.unwrap();
    assert_eq!(redis.store().prefix("two").load("s").await.unwrap(), None);
}

#[tokio::test]
async fn urls_that_are_none_are_refused_without_being_shown() {
    for url in ["", "localhost", "http://user:secret@localhost", "redis://user:secret@:x/y"] {
        let error = RedisSessionStore::new(url).unwrap_err().to_string();
        assert!(error.contains("redis://"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let store = RedisSessionStore::new("redis://user:secret@localhost/1").unwrap();
    assert!(!format!("{store:?}").contains("secret"));
}
