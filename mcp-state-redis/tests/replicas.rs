//! Replicas behind a load balancer that gives each request to any of them.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http_body_util::BodyExt as _;
use mcp_http::HttpConfig;
use mcp_stage::{Stage, code, initialize, legacy, text};
use serde_json::json;
use support::{Redis, Replica, within};

fn add(id: u64) -> serde_json::Value {
    legacy(id, "add", json!({"a": 1, "b": 2}))
}

#[tokio::test]
async fn a_session_goes_on_at_another_replica_when_its_own_dies() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let (first, second) = (redis.replica(&stage), redis.replica(&stage));
    let session = first.open().await;
    assert_eq!(text(&first.post(&session, &add(1)).await.message()), "3");
    drop(first);
    for id in 2..5 {
        assert_eq!(text(&second.post(&session, &add(id)).await.message()), "3");
    }
    let third = redis.replica(&stage);
    assert_eq!(text(&third.post(&session, &add(5)).await.message()), "3");
}

#[tokio::test]
async fn requests_of_one_session_may_go_to_all_replicas_at_once() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let replicas: Vec<Replica> = (0..3).map(|_| redis.replica(&stage)).collect();
    let session = replicas[0].open().await;
    let calls = (0..60).map(|id| {
        let (replica, session) = (replicas[id % 3].clone(), session.clone());
        tokio::spawn(async move { replica.post(&session, &add(id as u64)).await.message() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(text(&call.await.unwrap()), "3");
    }
}

#[tokio::test]
async fn a_session_that_is_ended_at_one_replica_is_over_at_all() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let replicas: Vec<Replica> = (0..3).map(|_| redis.replica(&stage)).collect();
    let session = replicas[0].open().await;
    assert_eq!(replicas[1].post(&session, &add(1)).await.status, 200);
    // At one that had no part in it.
    assert_eq!(replicas[2].ask("DELETE", Some(&session), None).await.status, 204);
    for replica in &replicas {
        let answer = replica.post(&session, &add(2)).await;
        assert_eq!((answer.status, code(&answer.message())), (404, -32600));
    }
}

#[tokio::test]
async fn a_session_is_its_openers_own_at_every_replica() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let (first, second) = (redis.replica(&stage), redis.replica(&stage));
    let session = first.for_caller("ada").open().await;
    for other in [&second, &second.for_caller("eve"), &first.for_caller("eve")] {
        assert_eq!(other.post(&session, &add(1)).await.status, 404);
        assert_eq!(other.ask("DELETE", Some(&session), None).await.status, 404);
    }
    let whoami = legacy(2, "whoami", json!({}));
    let answer = second.for_caller("ada").post(&session, &whoami).await;
    assert_eq!(text(&answer.message()), "ada");
    assert_eq!(second.for_caller("eve").post(&session, &whoami).await.status, 404);
    for guess in ["", "x", "00000000-0000-0000-0000-000000000000", "*", "mcp:session:x"] {
        assert_eq!(second.for_caller("ada").post(guess, &whoami).await.status, 404, "{guess}");
    }
}

#[tokio::test]
async fn sessions_taken_over_count_as_sessions() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let first = redis.replica(&stage);
    let second = redis.replica_with(&stage, HttpConfig::new().max_sessions(1));
    let (one, two) = (first.open().await, first.open().await);
    assert_eq!(second.post(&one, &add(1)).await.status, 200);
    assert_eq!(second.post(&two, &add(1)).await.status, 503);
    assert_eq!(second.ask("DELETE", Some(&one), None).await.status, 204);
    within(async { while second.post(&two, &add(1)).await.status != 200 {} }).await;
}

/// The identifier of the first event of a stream.
async fn first_event(
    replica: &Replica,
    session: &str,
    call: &serde_json::Value,
) -> (String, mcp_http::Body) {
    let headers = [("mcp-session-id", session)];
    let mut body = replica.send("POST", &headers, call.to_string()).await.into_body();
    let mut seen = String::new();
    loop {
        let frame = within(body.frame()).await.expect("an event").unwrap();
        seen += std::str::from_utf8(&frame.into_data().unwrap()).unwrap();
        if let Some(id) = seen.lines().find_map(|line| line.strip_prefix("id: ")) {
            return (id.to_owned(), body);
        }
    }
}

async fn resume(replica: &Replica, session: &str, event: &str) -> String {
    let headers = [("mcp-session-id", session), ("last-event-id", event)];
    let body = replica.send("GET", &headers, String::new()).await.into_body();
    String::from_utf8(within(body.collect()).await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn an_answer_that_was_missed_is_told_by_another_replica() {
    let Some(redis) = Redis::start().await else { return };
    let stage = Arc::<Stage>::default();
    let (first, second) = (redis.replica(&stage), redis.replica(&stage));
    let session = first.open().await;
    let (event, body) = first_event(&first, &session, &legacy(1, "wait", json!({}))).await;
    within(async {
        while stage.waiting.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // The client's connection breaks, and it comes back elsewhere while the call goes on.
    drop(body);
    let (second_too, session_too, event_too) = (second.clone(), session.clone(), event.clone());
    let early = tokio::spawn(async move { resume(&second_too, &session_too, &event_too).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    stage.gate.notify_one();
    assert!(early.await.unwrap().contains("released"));
    // And once more when all is over, and the replica that did the work is no more.
    drop(first);
    assert!(resume(&second, &session, &event).await.contains("released"));
}

#[tokio::test]
async fn events_of_nothing_end_at_once() {
    let Some(redis) = Redis::start().await else { return };
    let replica = redis.replica(&Arc::default());
    let session = replica.open().await;
    for event in ["x", "x/0", "00000000-0000-0000-0000-000000000000/0"] {
        assert!(!resume(&replica, &session, event).await.contains("data: {"), "{event}");
    }
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
