//! What every store of legacy sessions has to do, by itself and for replicas behind a load balancer
//! that gives each request to any of them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http_body_util::BodyExt as _;
use mcp_core::sessions::{SessionEvent, SessionRecord, SessionStore};
use mcp_http::HttpConfig;
use serde_json::json;

use crate::{
    Stage, code, legacy,
    replica::{Replica, within},
    text,
};

const KEEP: Duration = Duration::from_secs(60);

/// Makes a test of each fact. `$place` is an expression that makes, in a test, an
/// `Option<impl SessionPlace>`: none where there is nothing to keep sessions in.
#[macro_export]
macro_rules! session_store_tests {
    ($place:expr) => {
        $crate::session_store_tests!(@ $place,
            a_session_is_loaded_as_it_was_saved_until_it_is_deleted,
            a_session_is_kept_as_long_as_it_is_touched,
            events_are_told_in_order_from_where_the_client_was,
            an_event_of_any_size_comes_back_whole,
            the_latest_events_are_kept,
            a_session_goes_on_at_another_replica_when_its_own_dies,
            requests_of_one_session_may_go_to_all_replicas_at_once,
            a_session_that_is_ended_at_one_replica_is_over_at_all,
            a_session_is_its_openers_own_at_every_replica,
            sessions_taken_over_count_as_sessions,
            an_answer_that_was_missed_is_told_by_another_replica,
            events_of_nothing_end_at_once,
            without_affinity_a_session_has_its_answers_and_nothing_else,
        );
    };
    (@ $place:expr, $($fact:ident,)*) => {
        $(
            #[tokio::test]
            async fn $fact() {
                let Some(place) = $place else { return };
                $crate::session_store::$fact(&place).await;
            }
        )*
    };
}

/// Where sessions are kept.
pub trait SessionPlace {
    /// A store of its own, as each process has one.
    fn store(&self) -> Arc<dyn SessionStore>;

    /// A replica that uses it.
    fn replica(&self, stage: &Arc<Stage>) -> Replica {
        self.replica_with(stage, HttpConfig::new())
    }

    /// The same with a configuration.
    fn replica_with(&self, stage: &Arc<Stage>, config: HttpConfig) -> Replica {
        Replica::new(stage, self.store(), config)
    }
}

fn add(id: u64) -> serde_json::Value {
    legacy(id, "add", json!({"a": 1, "b": 2}))
}

fn record(owner: Option<&str>) -> SessionRecord {
    SessionRecord { initialize: r#"{"a":"ü\n"}"#.into(), owner: owner.map(Into::into) }
}

fn event(index: u64, message: Option<&str>, is_last: bool) -> SessionEvent {
    SessionEvent { index, message: message.map(str::to_owned), is_last }
}

/// A session is loaded as it was saved until it is deleted.
pub async fn a_session_is_loaded_as_it_was_saved_until_it_is_deleted(place: &impl SessionPlace) {
    let (store, other) = (place.store(), place.store());
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

/// A session is kept as long as it is touched.
pub async fn a_session_is_kept_as_long_as_it_is_touched(place: &impl SessionPlace) {
    let store = place.store();
    store.save("s", &record(None), Duration::from_millis(1)).await.unwrap();
    store.save("t", &record(None), Duration::from_millis(1)).await.unwrap();
    for session in ["s", "t"] {
        within(async { while store.load(session).await.unwrap().is_some() {} }).await;
    }
    assert!(!store.touch("t", KEEP).await.unwrap(), "it was over, too");
    store.save("s", &record(None), Duration::from_secs(4)).await.unwrap();
    assert!(store.touch("s", KEEP).await.unwrap());
    tokio::time::sleep(Duration::from_millis(4100)).await;
    assert_eq!(store.load("s").await.unwrap(), Some(record(None)));
}

/// Events are told in order from where the client was.
pub async fn events_are_told_in_order_from_where_the_client_was(place: &impl SessionPlace) {
    let (store, other) = (place.store(), place.store());
    assert_eq!(other.events_after("unknown", 0).await.unwrap(), None);
    let events = [event(0, None, false), event(1, Some("one"), false), event(2, Some("two"), true)];
    for event in &events {
        store.append("stream", event, KEEP).await.unwrap();
    }
    assert_eq!(other.events_after("stream", 0).await.unwrap().unwrap(), events[1..]);
    assert_eq!(other.events_after("stream", 1).await.unwrap().unwrap(), events[2..]);
    assert_eq!(other.events_after("stream", 2).await.unwrap().unwrap(), []);
}

/// A message can be larger than what a store keeps in one place.
pub async fn an_event_of_any_size_comes_back_whole(place: &impl SessionPlace) {
    let (store, other) = (place.store(), place.store());
    let large = "ä\"🦀".repeat(150_000);
    store.append("stream", &event(0, None, false), KEEP).await.unwrap();
    store.append("stream", &event(1, Some(&large), true), KEEP).await.unwrap();
    let events = other.events_after("stream", 0).await.unwrap().unwrap();
    assert_eq!(events.len(), 1);
    assert!(events[0].message.as_ref() == Some(&large) && events[0].is_last);
}

/// A request that says much does not fill the store, and its client gets what came last.
pub async fn the_latest_events_are_kept(place: &impl SessionPlace) {
    let store = place.store();
    for index in 0..300 {
        store.append("stream", &event(index, Some("x"), index == 299), KEEP).await.unwrap();
    }
    let kept = store.events_after("stream", 0).await.unwrap().unwrap();
    // Redis drops what is old in lots of a hundred.
    assert!((128..=299).contains(&kept.len()), "{}", kept.len());
    let indexes: Vec<u64> = kept.iter().map(|event| event.index).collect();
    assert!(indexes.iter().copied().eq(indexes[0]..300), "{indexes:?}");
    assert!(kept[kept.len() - 1].is_last);
    assert_eq!(store.events_after("stream", 298).await.unwrap().unwrap().len(), 1);
}

/// A session goes on at another replica when its own dies.
pub async fn a_session_goes_on_at_another_replica_when_its_own_dies(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let (first, second) = (place.replica(&stage), place.replica(&stage));
    let session = first.open().await;
    assert_eq!(text(&first.post(&session, &add(1)).await.message()), "3");
    drop(first);
    for id in 2..5 {
        assert_eq!(text(&second.post(&session, &add(id)).await.message()), "3");
    }
    let third = place.replica(&stage);
    assert_eq!(text(&third.post(&session, &add(5)).await.message()), "3");
}

/// Requests of one session may go to all replicas at once.
pub async fn requests_of_one_session_may_go_to_all_replicas_at_once(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let replicas: Vec<Replica> = (0..3).map(|_| place.replica(&stage)).collect();
    let session = replicas[0].open().await;
    let calls = (0..60).map(|id| {
        let (replica, session) = (replicas[id % 3].clone(), session.clone());
        tokio::spawn(async move { replica.post(&session, &add(id as u64)).await.message() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(text(&call.await.unwrap()), "3");
    }
}

/// A session that is ended at one replica is over at all.
pub async fn a_session_that_is_ended_at_one_replica_is_over_at_all(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let replicas: Vec<Replica> = (0..3).map(|_| place.replica(&stage)).collect();
    let session = replicas[0].open().await;
    assert_eq!(replicas[1].post(&session, &add(1)).await.status, 200);
    // At one that had no part in it.
    assert_eq!(replicas[2].ask("DELETE", Some(&session), None).await.status, 204);
    for replica in &replicas {
        let answer = replica.post(&session, &add(2)).await;
        assert_eq!((answer.status, code(&answer.message())), (404, -32600));
    }
}

/// A session is its openers own at every replica.
pub async fn a_session_is_its_openers_own_at_every_replica(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let (first, second) = (place.replica(&stage), place.replica(&stage));
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

/// Sessions taken over count as sessions.
pub async fn sessions_taken_over_count_as_sessions(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let first = place.replica(&stage);
    let second = place.replica_with(&stage, HttpConfig::new().max_sessions(1));
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

/// An answer that was missed is told by another replica.
pub async fn an_answer_that_was_missed_is_told_by_another_replica(place: &impl SessionPlace) {
    let stage = Arc::<Stage>::default();
    let (first, second) = (place.replica(&stage), place.replica(&stage));
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

/// Events of nothing end at once.
pub async fn events_of_nothing_end_at_once(place: &impl SessionPlace) {
    let replica = place.replica(&Arc::default());
    let session = replica.open().await;
    for event in ["x", "x/0", "00000000-0000-0000-0000-000000000000/0"] {
        assert!(!resume(&replica, &session, event).await.contains("data: {"), "{event}");
    }
}

/// Processes that each see one request, as on AWS Lambda.
pub async fn without_affinity_a_session_has_its_answers_and_nothing_else(
    place: &impl SessionPlace,
) {
    let stage = Arc::<Stage>::default();
    let config = || HttpConfig::new().stateless().max_sessions(1);
    let process = || place.replica_with(&stage, config());
    let opening = json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": { "elicitation": {} },
            "clientInfo": { "name": "client", "version": "1" },
        },
    });
    let answer = process().ask("POST", None, Some(&opening)).await;
    let session = answer.headers["mcp-session-id"].to_str().unwrap().to_owned();
    for id in 1..4 {
        assert_eq!(text(&process().post(&session, &add(id)).await.message()), "3");
    }
    // Its answer would come to another process.
    let asked = process().post(&session, &legacy(4, "ask", json!({}))).await;
    assert!(text(&asked.message()).contains("2026-07-28"), "{}", asked.text);
    assert_eq!(process().ask("GET", Some(&session), None).await.status, 405);

    // What was missed is told by another process.
    let (first, second) = (process(), process());
    let (event, body) = first_event(&first, &session, &legacy(5, "wait", json!({}))).await;
    drop(body);
    stage.gate.notify_one();
    assert!(resume(&second, &session, &event).await.contains("released"));

    // What is in memory is no more than a cache of what the store has.
    let one = process();
    let other = one.open().await;
    for session in [&session, &other, &session, &other] {
        assert_eq!(one.post(session, &add(6)).await.status, 200);
    }
    assert_eq!(process().ask("DELETE", Some(&session), None).await.status, 204);
    assert_eq!(one.post(&session, &add(7)).await.status, 404);
    assert_eq!(one.post(&other, &add(8)).await.status, 200);
}
