//! Redis away and back.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::sync::Arc;

use mcp_stage::{Stage, code, initialize, legacy, session_store::SessionPlace as _, text, within};
use serde_json::json;
use support::Redis;

fn add(id: u64) -> serde_json::Value {
    legacy(id, "add", json!({"a": 1, "b": 2}))
}

#[tokio::test]
async fn without_redis_errors_are_clear_and_with_it_all_works_again() {
    let Some(mut redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let (first, second) = (redis.replica(&stage), redis.replica(&stage));
    let session = first.open().await;
    redis.stop().await;

    let opening = initialize(0, "2025-11-25");
    for answer in
        [first.ask("POST", None, Some(&opening)).await, second.post(&session, &add(1)).await]
    {
        assert_eq!(answer.status, 503, "{}", answer.text);
        let message = answer.message();
        assert_eq!(code(&message), -31503);
        let text = message["error"]["message"].as_str().unwrap();
        assert!(text.contains("store of sessions cannot be reached"), "{text}");
    }
    // What a replica has in memory goes on, and so do those who need no session.
    assert_eq!(text(&first.post(&session, &add(2)).await.message()), "3");
    assert_eq!(first.ask("POST", None, Some(&add(3))).await.status, 200);

    redis.restart().await;
    let session = within(async {
        loop {
            let answer = first.ask("POST", None, Some(&opening)).await;
            if answer.status == 200 {
                return answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
            }
        }
    })
    .await;
    first.post(&session, &mcp_stage::initialized()).await;
    within(async { while second.post(&session, &add(4)).await.status != 200 {} }).await;
}
