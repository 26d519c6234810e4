//! What becomes of a call: errors, panics, deadlines, cancellation, notifications.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    LogLevel, Notification, OrToolError as _, ReplyPart, Server, ToolContext, ToolErrorKind,
    ToolPack, ToolResult, tool,
};
use serde_json::json;
use tokio::{sync::Notify, task::yield_now, time::Instant};

use crate::support::{
    Answer, call, call_with_progress, gather, modern, modern_call, request, send,
};

/// Answers.
#[tool]
async fn answer() -> u32 {
    42
}

/// Panics before it waits.
#[tool]
async fn panic_at_once() {
    panic!("a secret");
}

/// Panics after it has waited.
#[tool]
async fn panic_later() {
    yield_now().await;
    let reason = String::from("a secret");
    panic!("{reason}");
}

/// Panics with something that is no text.
#[tool]
async fn panic_with_a_value() {
    std::panic::panic_any(5_u8);
}

/// Fails in a way that its author did not foresee.
#[tool]
async fn fail() -> ToolResult<u32> {
    Err(std::io::Error::other("a secret"))?
}

/// Fails in a way that its author did foresee.
#[tool]
async fn fail_knowingly() -> ToolResult<u32> {
    Err(std::io::Error::other("a secret"))
        .or_tool_error(ToolErrorKind::Unavailable, "try again tomorrow")
}

/// Fails with an error of its own type.
#[tool]
async fn fail_with_its_own_error() -> Result<u32, std::io::Error> {
    Err(std::io::Error::other("a secret"))
}

/// Never ends.
#[tool]
async fn hang() {
    pending::<()>().await;
}

/// Never ends, and says so early.
#[tool(timeout = "250ms")]
async fn hang_briefly() {
    pending::<()>().await;
}

/// Ends after ten seconds.
#[tool(timeout = "1m")]
async fn sleep(cx: &ToolContext) -> f64 {
    tokio::time::sleep(Duration::from_secs(10)).await;
    (cx.deadline() - Instant::now()).as_secs_f64()
}

fn server() -> Server {
    Server::builder("test", "1")
        .timeout(Duration::from_secs(5))
        .tool::<answer>()
        .tool::<panic_at_once>()
        .tool::<panic_later>()
        .tool::<panic_with_a_value>()
        .tool::<fail>()
        .tool::<fail_knowingly>()
        .tool::<fail_with_its_own_error>()
        .tool::<hang>()
        .tool::<hang_briefly>()
        .tool::<sleep>()
        .build()
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_that_call_alone() {
    let server = server();
    for tool in ["panic_at_once", "panic_later", "panic_with_a_value"] {
        let (panicked, other) =
            tokio::join!(call(&server, tool, json!({})), call(&server, "answer", json!({})));
        assert_eq!(panicked.code(), -32603);
        assert_eq!(panicked.error_message(), format!("internal error in `{tool}`"));
        assert_eq!(panicked.message["id"], 1);
        assert!(!panicked.message.to_string().contains("secret"));
        assert_eq!(other.text(), "42");
    }
    assert_eq!(call(&server, "answer", json!({})).await.text(), "42");
}

#[tokio::test]
async fn the_text_of_an_error_is_for_the_operator() {
    let server = server();
    for tool in ["fail", "fail_with_its_own_error"] {
        let answer = call(&server, tool, json!({})).await;
        assert!(answer.tool_error().contains("failed unexpectedly"));
        assert!(!answer.message.to_string().contains("secret"));
    }
    let answer = call(&server, "fail_knowingly", json!({})).await;
    assert_eq!(answer.tool_error(), "try again tomorrow");
    assert!(!answer.message.to_string().contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_the_deadline_of_the_server() {
    let started = Instant::now();
    let answer = call(&server(), "hang", json!({})).await;
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    assert_eq!(answer.code(), -31504);
    assert!(answer.error_message().contains("`hang`"));
}

#[tokio::test(start_paused = true)]
async fn a_tool_can_have_a_deadline_of_its_own() {
    let started = Instant::now();
    assert_eq!(call(&server(), "hang_briefly", json!({})).await.code(), -31504);
    assert_eq!(started.elapsed(), Duration::from_millis(250));
    assert_eq!(call(&server(), "sleep", json!({})).await.text(), "50.0");
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_a_minute_unless_someone_says_otherwise() {
    let server = Server::builder("test", "1").tool::<hang>().build();
    let started = Instant::now();
    assert_eq!(call(&server, "hang", json!({})).await.code(), -31504);
    assert_eq!(started.elapsed(), Duration::from_secs(60));
}

#[tokio::test]
async fn a_deadline_beyond_all_clocks_is_none() {
    let server = Server::builder("test", "1").timeout(Duration::MAX).tool::<wait>().build();
    assert_eq!(call(&server, "wait", json!({})).await.text(), "true");
}

/// Waits for a moment, and tells whether there is time left.
#[tool]
async fn wait(cx: &ToolContext) -> bool {
    yield_now().await;
    cx.deadline() > Instant::now()
}

/// Counts what becomes of its calls.
#[derive(Debug, Default)]
struct Counts {
    begun: AtomicUsize,
    dropped: AtomicUsize,
    token_fired: Arc<Notify>,
}

struct CountDrop<'a>(&'a AtomicUsize);

impl Drop for CountDrop<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Never ends.
#[tool]
async fn linger(#[state] counts: &Counts) {
    counts.begun.fetch_add(1, Ordering::Relaxed);
    let _guard = CountDrop(&counts.dropped);
    pending::<()>().await;
}

/// Hands its work to another task.
#[tool]
async fn delegate(hang: bool, #[state] counts: &Counts, cx: &ToolContext) {
    let (token, fired) = (cx.cancellation_token(), Arc::clone(&counts.token_fired));
    tokio::spawn(async move {
        token.cancelled().await;
        fired.notify_one();
    });
    if hang {
        pending::<()>().await;
    }
}

fn counted() -> (Arc<Counts>, Server) {
    let counts = Arc::new(Counts::default());
    let pack =
        ToolPack::with_shared("counts", Arc::clone(&counts)).tool::<linger>().tool::<delegate>();
    (counts, Server::builder("test", "1").pack(pack).build())
}

#[tokio::test]
async fn a_reply_does_nothing_until_it_is_polled() {
    let (counts, server) = counted();
    drop(server.call(request(modern_call("linger", json!({})))));
    assert_eq!(counts.begun.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn dropping_the_reply_drops_the_call() {
    let (counts, server) = counted();
    let mut reply = server.call(request(modern_call("linger", json!({}))));
    tokio::select! {
        biased;
        part = reply.next() => panic!("{part:?}"),
        () = ready(()) => {}
    }
    assert_eq!(counts.begun.load(Ordering::Relaxed), 1);
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 0);
    drop(reply);
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_drops_the_call() {
    let (counts, server) = counted();
    assert_eq!(call(&server, "linger", json!({})).await.code(), -31504);
    assert_eq!(counts.dropped.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn the_cancellation_token_fires_when_the_call_is_cancelled() {
    let (counts, server) = counted();
    let mut reply = server.call(request(modern_call("delegate", json!({ "hang": true }))));
    tokio::select! {
        biased;
        part = reply.next() => panic!("{part:?}"),
        () = ready(()) => {}
    }
    drop(reply);
    counts.token_fired.notified().await;
}

#[tokio::test]
async fn the_cancellation_token_fires_when_the_call_ends() {
    let (counts, server) = counted();
    call(&server, "delegate", json!({ "hang": false })).await;
    counts.token_fired.notified().await;
}

#[tokio::test]
async fn calls_run_at_the_same_time() {
    let (counts, server) = counted();
    let mut first = server.call(request(modern_call("linger", json!({}))));
    let mut second = server.clone().call(request(modern_call("linger", json!({}))));
    tokio::select! {
        biased;
        part = first.next() => panic!("{part:?}"),
        part = second.next() => panic!("{part:?}"),
        () = ready(()) => {}
    }
    assert_eq!(counts.begun.load(Ordering::Relaxed), 2);
}

/// Counts up to a number.
#[tool]
async fn count(n: u64, #[state] sent: &AtomicUsize, cx: &ToolContext) -> u64 {
    for step in 1..=n {
        cx.progress_of(step, n, "").await;
        sent.store(usize::try_from(step).unwrap(), Ordering::Relaxed);
    }
    n
}

/// Reports what is no progress.
#[tool]
async fn waver(cx: &ToolContext) {
    for progress in [0.1, 0.3, 0.2, 0.3, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.4] {
        cx.progress(progress, "").await;
    }
}

/// Logs at all levels.
#[tool]
async fn log(cx: &ToolContext) {
    for level in [
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Notice,
        LogLevel::Warning,
        LogLevel::Error,
        LogLevel::Critical,
        LogLevel::Alert,
        LogLevel::Emergency,
    ] {
        cx.log(level, "hello").await;
    }
}

fn counting() -> (Arc<AtomicUsize>, Server) {
    let sent = Arc::new(AtomicUsize::new(0));
    let pack = ToolPack::with_shared("counting", Arc::clone(&sent)).tool::<count>();
    let server = Server::builder("test", "1").pack(pack).tool::<waver>().tool::<log>().build();
    (sent, server)
}

fn steps(n: u64) -> Vec<f64> {
    (1..=n).map(|step| step as f64).collect()
}

#[tokio::test]
async fn progress_comes_in_order_and_before_the_response() {
    let (_, server) = counting();
    let answer = call_with_progress(&server, "count", json!({ "n": 3 })).await;
    assert_eq!(answer.progress(), steps(3));
    assert_eq!(answer.text(), "3");
    let Notification::Progress { token, total, message, .. } = &answer.notifications[0] else {
        panic!("no progress: {answer:?}")
    };
    assert_eq!((token.to_string().as_str(), *total, message), (r#""here""#, Some(3.0), &None));
}

#[tokio::test]
async fn nothing_is_told_to_a_client_that_did_not_ask() {
    let (sent, server) = counting();
    let request = request(modern_call("count", json!({ "n": 1000 })));
    let reply = server.call(request);
    assert!(!reply.may_notify());
    assert_eq!(gather(reply).await.notifications.len(), 0);
    assert_eq!(sent.load(Ordering::Relaxed), 1000);
    assert_eq!(call(&server, "log", json!({})).await.notifications.len(), 0);
}

#[tokio::test]
async fn progress_that_does_not_grow_is_not_told() {
    let (_, server) = counting();
    let answer = call_with_progress(&server, "waver", json!({})).await;
    assert_eq!(answer.progress(), [0.1, 0.3, 0.4]);
}

#[tokio::test]
async fn a_slow_client_slows_the_tool_down_and_misses_nothing() {
    let (sent, server) = counting();
    let params = json!({
        "name": "count", "arguments": { "n": 1000 }, "_meta": { "progressToken": 1 },
    });
    let mut reply = server.call(request(modern("tools/call", params)));
    let mut received = 0;
    while let Some(ReplyPart::Notification(_)) = reply.next().await {
        received += 1;
        yield_now().await;
        assert!(sent.load(Ordering::Relaxed) <= received + 20, "the tool is far ahead");
    }
    assert_eq!(received, 1000);
}

/// Guards against asking a channel that may answer "not now": the runtime lets a task do so many
/// things at a time, and a call may end when that many are done.
#[tokio::test]
async fn no_progress_is_lost_however_much_a_call_has_done_when_it_ends() {
    let (_, server) = counting();
    for n in 0..300 {
        let answer = call_with_progress(&server, "count", json!({ "n": n })).await;
        assert_eq!(answer.progress(), steps(n));
    }
}

#[tokio::test]
async fn whoever_waits_for_the_response_only_gets_it() {
    let (_, server) = counting();
    let params = json!({
        "name": "count", "arguments": { "n": 100 }, "_meta": { "progressToken": 1 },
    });
    let response = server.call(request(modern("tools/call", params))).response().await;
    assert!(std::str::from_utf8(&response.into_bytes()).unwrap().contains(r#""text":"100""#));
}

#[tokio::test]
async fn a_client_hears_from_the_level_on_that_it_names() {
    let (_, server) = counting();
    for (level, count) in
        [("debug", 8), ("info", 7), ("notice", 6), ("warning", 5), ("error", 4), ("emergency", 1)]
    {
        let params =
            json!({ "name": "log", "_meta": { "io.modelcontextprotocol/logLevel": level } });
        let answer: Answer = send(&server, modern("tools/call", params)).await;
        assert_eq!(answer.notifications.len(), count, "{level}");
    }
}

#[tokio::test]
async fn a_context_without_a_client_tells_nobody() {
    let cx = ToolContext::detached();
    cx.progress(0.5, "half").await;
    cx.log(LogLevel::Error, "hello").await;
    assert!(cx.principal().is_none());
    assert!(cx.meta().protocol_version().is_none());
}
