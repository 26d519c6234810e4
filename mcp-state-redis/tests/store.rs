//! The store, by itself and for replicas that share it.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::sessions::{SessionRecord, SessionStore as _};
use mcp_state_redis::RedisSessionStore;
use support::Redis;

mcp_stage::session_store_tests!(Redis::start().await);

#[tokio::test]
async fn servers_with_different_prefixes_do_not_meet() {
    let Some(redis) = Redis::start().await else { return };
    let session = SessionRecord { initialize: "{}".into(), owner: None };
    redis.store().prefix("one").save("s", &session, Duration::from_secs(60)).await.unwrap();
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
