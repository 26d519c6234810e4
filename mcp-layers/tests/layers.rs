//! Each layer around a server, and over a socket where HTTP has a word for what it says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    Call, CallResult, ErrorKind, Message, Principal, Reply, Request, Server, Tool, ToolContext,
    ToolErrorKind, ToolPack, ToolResult, Transport as _,
};
use mcp_layers::{
    AuditLayer, ConcurrencyLayer, Outgoing, RateLimitLayer, ResponseCacheLayer, ResponseLimitLayer,
};
use mcp_transport_sse::HttpTransport;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// How often the tools have worked, and what lets them.
#[derive(Default)]
struct Work {
    begun: AtomicUsize,
    gate: Option<Semaphore>,
}

impl Work {
    async fn once(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// Looks something up.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(read_only, idempotent)]
struct LookUp {
    /// What.
    key: String,
    /// Where.
    #[serde(default)]
    place: Place,
}

/// A place.
#[derive(Default, Deserialize, JsonSchema, Serialize)]
struct Place {
    /// Its name.
    name: String,
    /// How to get in.
    #[schemars(extend("writeOnly" = true))]
    code: String,
}

impl Call<Work> for LookUp {
    type Output = CallResult;

    async fn call(self, work: &Work, cx: &ToolContext) -> ToolResult<CallResult> {
        work.once().await;
        if self.key == "bad" {
            return Ok(CallResult::error("there is no such key"));
        }
        let caller = cx.principal().map_or("nobody", Principal::subject);
        Ok(CallResult::text(format!("{} for {caller}{}", self.key, self.place.name)))
    }
}

/// Signs in.
#[derive(Deserialize, JsonSchema, Tool)]
struct SignIn {
    /// Who.
    user: String,
    /// The password.
    #[schemars(extend("format" = "password"))]
    password: String,
    /// Earlier passwords.
    #[serde(default)]
    old: Vec<Password>,
    /// Another one.
    other: Option<Password>,
}

/// A password.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("format" = "password"))]
#[serde(transparent)]
struct Password(String);

impl Call<Work> for SignIn {
    type Output = String;

    async fn call(self, work: &Work, _: &ToolContext) -> ToolResult<String> {
        work.once().await;
        let all = self.password.len() + self.old.iter().map(|old| old.0.len()).sum::<usize>();
        Ok(format!("{} {}", self.user, all + self.other.map_or(0, |other| other.0.len())))
    }
}

fn pack(work: &Arc<Work>) -> ToolPack<Work> {
    ToolPack::with_shared("work", Arc::clone(work)).tool::<LookUp>().tool::<SignIn>()
}

fn request(tool: &str, arguments: Value, caller: Option<&str>) -> Request {
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": arguments },
    });
    let Ok(Message::Request(mut request)) = Message::parse(body.to_string()) else {
        panic!("no request");
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(Principal::new(caller, [""; 0]));
    }
    request
}

async fn answer(reply: Reply) -> Value {
    serde_json::from_slice(&reply.response().await.into_bytes()).unwrap()
}

async fn look_up(server: &Server, key: &str, caller: Option<&str>) -> Value {
    answer(server.call(request("look_up", json!({"key": key}), caller))).await
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_default()
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_caller_over_its_rate_is_refused_and_others_are_not() {
    let work = Arc::default();
    let layer = RateLimitLayer::per_caller(2, HOUR);
    let server = Server::builder("test", "1").pack(pack(&work)).layer(layer).build();
    for caller in [Some("ada"), Some("bob"), None] {
        for _ in 0..2 {
            assert!(text(&look_up(&server, "a", caller).await).starts_with("a for"));
        }
        let refused = look_up(&server, "a", caller).await;
        assert_eq!(code(&refused), i64::from(ErrorKind::RateLimited.code()));
        let wait = refused["error"]["data"]["retryAfter"].as_u64().unwrap();
        assert!((1700..=1800).contains(&wait), "{wait}");
    }
    assert_eq!(work.begun(), 6);
}

#[tokio::test]
async fn a_global_rate_is_that_of_all_callers_together() {
    let work = Arc::default();
    let layer = RateLimitLayer::global(3, HOUR);
    let server = Server::builder("test", "1").pack(pack(&work)).layer(layer).build();
    let mut served = 0;
    for caller in ["ada", "bob", "eve", "dan", "ada"] {
        served += usize::from(code(&look_up(&server, "a", Some(caller)).await) == 0);
    }
    assert_eq!(served, 3);
}

#[tokio::test]
async fn over_http_a_refusal_says_when_to_come_back() {
    let work = Arc::default();
    let limit = RateLimitLayer::global(1, HOUR);
    let server = Server::builder("test", "1").pack(pack(&work)).layer(limit).build();
    let first = post(server.clone()).await;
    assert!(first.starts_with("HTTP/1.1 200"), "{first}");
    let refused = post(server).await;
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    let wait = refused.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap();
    assert!((3500..=3600).contains(&wait.parse::<u32>().unwrap()), "{wait}");

    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let limit = ConcurrencyLayer::new(1);
    let server = Server::builder("test", "1").pack(pack(&work)).layer(limit).build();
    let held = tokio::spawn(answer(server.call(request("look_up", json!({"key": "a"}), None))));
    until(|| work.begun() == 1).await;
    let refused = post(server).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    held.abort();
}

#[tokio::test]
async fn beyond_the_queue_requests_are_shed() {
    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let layer = ConcurrencyLayer::new(2).queue(3).max_wait(HOUR);
    let server = Server::builder("test", "1").pack(pack(&work)).layer(layer).build();
    let spawn = || {
        let server = server.clone();
        tokio::spawn(async move { look_up(&server, "a", None).await })
    };
    let first: Vec<_> = (0..2).map(|_| spawn()).collect();
    until(|| work.begun() == 2).await;
    let others: Vec<_> = (0..8).map(|_| spawn()).collect();
    // Five of them are told at once that there is no room even to wait.
    until(|| others.iter().filter(|call| call.is_finished()).count() == 5).await;
    assert_eq!(work.begun(), 2);
    work.gate.as_ref().unwrap().add_permits(5);
    let (mut served, mut shed) = (0, 0);
    for call in first.into_iter().chain(others) {
        let answer = call.await.unwrap();
        served += usize::from(text(&answer) == "a for nobody");
        shed += usize::from(code(&answer) == i64::from(ErrorKind::Overloaded.code()));
    }
    assert_eq!((served, shed, work.begun()), (5, 5, 5));
}

#[tokio::test]
async fn who_waits_too_long_is_told_and_gives_its_place_up() {
    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let layer = ConcurrencyLayer::new(1).queue(1).max_wait(Duration::from_millis(20));
    let server = Server::builder("test", "1").pack(pack(&work)).layer(layer).build();
    let held = server.clone();
    let held = tokio::spawn(async move { look_up(&held, "a", None).await });
    until(|| work.begun() == 1).await;
    for _ in 0..3 {
        let refused = look_up(&server, "a", None).await;
        assert_eq!(code(&refused), i64::from(ErrorKind::Overloaded.code()));
    }
    // A call that its client gives up leaves its place, too.
    held.abort();
    let _ = held.await;
    work.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(text(&look_up(&server, "a", None).await), "a for nobody");
}

fn cached(work: &Arc<Work>) -> Server {
    let cache = ResponseCacheLayer::new(HOUR).tool::<LookUp>();
    Server::builder("test", "1").pack(pack(work)).layer(cache).build()
}

#[tokio::test]
async fn a_call_is_answered_from_the_cache_for_the_same_caller_and_arguments_only() {
    let work = Arc::default();
    let server = cached(&work);
    let call = async |arguments: Value, caller| {
        let reply = server.call(request("look_up", arguments, caller));
        text(&answer(reply).await).to_owned()
    };
    let steps = [
        (json!({"key": "a"}), Some("ada"), "a for ada", 1),
        (json!({"key": "a"}), Some("ada"), "a for ada", 1),
        (json!({"key": "a"}), Some("bob"), "a for bob", 2),
        (json!({"key": "a"}), None, "a for nobody", 3),
        (json!({"key": "a"}), Some(""), "a for ", 4),
        (json!({"key": "b"}), Some("ada"), "b for ada", 5),
        (json!({"key": "a", "place": {"name": "x", "code": "1"}}), None, "a for nobodyx", 6),
        (json!({"place": {"code": "1", "name": "x"}, "key": "a"}), None, "a for nobodyx", 6),
        (json!({"place": {"code": "2", "name": "x"}, "key": "a"}), None, "a for nobodyx", 7),
    ];
    for (arguments, caller, expected, begun) in steps {
        assert_eq!(call(arguments.clone(), caller).await, expected);
        assert_eq!(work.begun(), begun, "{arguments}");
    }
}

#[tokio::test]
async fn calls_at_once_are_one_call() {
    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let server = cached(&work);
    let calls: Vec<_> = (0..32)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { look_up(&server, "a", Some("ada")).await })
        })
        .collect();
    until(|| work.begun() == 1).await;
    work.gate.as_ref().unwrap().add_permits(1);
    for call in calls {
        assert_eq!(text(&call.await.unwrap()), "a for ada");
    }
    assert_eq!(work.begun(), 1);
}

#[tokio::test]
async fn when_the_one_that_works_is_cancelled_another_takes_over() {
    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let server = cached(&work);
    let spawn = || {
        let server = server.clone();
        tokio::spawn(async move { look_up(&server, "a", None).await })
    };
    let first = spawn();
    until(|| work.begun() == 1).await;
    let second = spawn();
    first.abort();
    until(|| work.begun() == 2).await;
    work.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(text(&second.await.unwrap()), "a for nobody");
}

#[tokio::test]
async fn failures_and_other_tools_are_not_kept() {
    let work = Arc::default();
    let server = cached(&work);
    for _ in 0..2 {
        let failed = look_up(&server, "bad", None).await;
        assert_eq!(failed["result"]["isError"], true, "{failed}");
    }
    assert_eq!(work.begun(), 2);
    let sign_in = || request("sign_in", json!({"user": "u", "password": "p"}), None);
    for _ in 0..2 {
        assert_eq!(text(&answer(server.call(sign_in())).await), "u 1");
    }
    assert_eq!(work.begun(), 4);
    for _ in 0..2 {
        let missing = answer(server.call(request("look_up", json!({}), None))).await;
        assert_eq!(missing["result"]["isError"], true, "{missing}");
    }
}

#[test]
#[should_panic(expected = "`sign_in` cannot be cached")]
fn a_tool_that_changes_something_cannot_be_cached() {
    let _ = ResponseCacheLayer::new(HOUR).tool::<SignIn>();
}

#[tokio::test]
async fn an_answer_over_the_limit_tells_the_model_to_ask_for_less() {
    let work = Arc::default();
    let limit = ResponseLimitLayer::new(64);
    let server = Server::builder("test", "1").pack(pack(&work).layer(limit)).build();
    assert_eq!(text(&look_up(&server, "short", None).await), "short for nobody");
    let long = look_up(&server, &"x".repeat(64), None).await;
    assert_eq!(long["result"]["isError"], true);
    assert!(text(&long).contains("64 at most"), "{long}");
}

#[tokio::test]
async fn the_audit_log_says_who_did_what_and_hides_what_it_is_told_to_hide() {
    let (lines, _guard) = record();
    let work = Arc::default();
    let audit = AuditLayer::new().arguments_of::<SignIn>().arguments_of::<LookUp>();
    let server = Server::builder("test", "1").pack(pack(&work)).layer(audit).build();

    let arguments = json!({
        "user": "u", "password": "secret-1", "old": ["secret-2"], "other": "secret-3",
        "unknown": "secret-4",
    });
    answer(server.call(request("sign_in", arguments, Some("ada")))).await;
    let place = json!({"key": "bad", "place": {"name": "shown", "code": "secret-5"}});
    answer(server.call(request("look_up", place, None))).await;
    answer(server.call(request("nothing", json!({"x": "secret-6"}), Some("eve")))).await;

    let lines = lines.lock().unwrap().clone();
    assert!(!lines.concat().contains("secret"), "{lines:#?}");
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for (line, parts) in lines.iter().zip([
        &["caller=ada", "method=tools/call", "name=sign_in", r#""user":"u""#, "[redacted]"][..],
        &["caller= ", "name=look_up", "outcome=error", r#""name":"shown""#, "duration_ms="],
        &["caller=eve", "name=nothing", "outcome=refused", "code=-32602"],
    ]) {
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
}

#[tokio::test]
async fn the_audit_log_has_no_values_unless_asked_and_knows_of_cancelled_calls() {
    let (lines, _guard) = record();
    let work = Arc::new(Work { gate: Some(Semaphore::new(0)), ..Work::default() });
    let server = Server::builder("test", "1").pack(pack(&work)).layer(AuditLayer::new()).build();
    {
        let call = look_up(&server, "secret", Some("ada"));
        let waited = tokio::time::timeout(Duration::from_millis(20), call).await;
        assert!(waited.is_err(), "{waited:?}");
    }
    let lines = lines.lock().unwrap().clone();
    assert!(lines.len() == 1 && lines[0].contains("outcome=cancelled"), "{lines:#?}");
    assert!(!lines[0].contains("secret") && !lines[0].contains("arguments"), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_outgoing_call_is_made_again_until_it_succeeds() {
    let outgoing = Outgoing::new("price service").attempts(3).timeout(Duration::from_secs(1));
    let tried = AtomicUsize::new(0);
    let price = outgoing
        .call(|| async {
            match tried.fetch_add(1, Ordering::SeqCst) {
                0 => Err(std::io::Error::other("refused")),
                1 => std::future::pending().await,
                _ => Ok(42),
            }
        })
        .await;
    assert_eq!((price.unwrap(), tried.load(Ordering::SeqCst)), (42, 3));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_keeps_failing_is_left_alone() {
    let rest = Duration::from_secs(3600);
    let outgoing = Outgoing::new("price service").attempts(2).open_after(4, rest);
    let tried = AtomicUsize::new(0);
    let call = || {
        outgoing.call(|| async {
            tried.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>("10.0.0.7 refused")
        })
    };
    for _ in 0..2 {
        let error = call().await.unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Unavailable);
        assert!(error.message().contains("price service"), "{error}");
        assert!(!error.message().contains("10.0.0.7"), "{error}");
        assert!(error.source().unwrap().to_string().contains("10.0.0.7"));
    }
    assert_eq!(tried.load(Ordering::SeqCst), 4);
    for clone in [outgoing.clone(), outgoing.clone()] {
        let refused = clone.call(|| async { Ok::<_, &str>(()) }).await.unwrap_err();
        assert!(refused.message().contains("left alone"), "{refused}");
    }
}

/// Collects the lines of the audit log of this thread.
fn record() -> (Arc<Mutex<Vec<String>>>, tracing::subscriber::DefaultGuard) {
    use tracing_subscriber::{Layer, layer::SubscriberExt as _};

    struct Lines(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl tracing::field::Visit for Line {
        fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
            self.0 += &format!("{}={value:?} ", field.name());
        }

        fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
            self.0 += &format!("{}={value} ", field.name());
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Lines {
        fn on_event(
            &self,
            event: &tracing::Event<'_>,
            _: tracing_subscriber::layer::Context<'_, S>,
        ) {
            if event.metadata().target() == "audit" {
                let mut line = Line(String::new());
                event.record(&mut line);
                self.0.lock().unwrap().push(line.0);
            }
        }
    }

    let lines = Arc::default();
    let subscriber = tracing_subscriber::registry().with(Lines(Arc::clone(&lines)));
    (lines, tracing::subscriber::set_default(subscriber))
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("nothing happens");
}

/// One call over a socket; the response as it stands on the wire.
async fn post(server: Server) -> String {
    let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
    let address = transport.local_addr().unwrap();
    let task = tokio::spawn(transport.serve(server, CancellationToken::new()));
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "look_up", "arguments": {"key": "a"} },
    })
    .to_string();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    task.abort();
    text
}
