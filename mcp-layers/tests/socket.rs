//! Each layer as a client meets it: over HTTP, with callers who are known by their tokens.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    Call, Credentials, Denied, Principal, Server, TokenVerifier, Tool, ToolContext, ToolPack,
    ToolResult, Transport as _, Verification, layers::TimeoutLayer,
};
use mcp_layers::{
    AuditLayer, ConcurrencyLayer, Outgoing, RateLimitLayer, ResponseCacheLayer, ResponseLimitLayer,
};
use mcp_transport_sse::{Authentication, HttpConfig, HttpTransport};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

const HOUR: Duration = Duration::from_secs(3600);

/// What the tools do and wait for.
struct Work {
    begun: AtomicUsize,
    gate: Semaphore,
    outgoing: Outgoing,
    /// Where the service is that they call.
    service: SocketAddr,
}

/// Says who asked for what, when the test lets it.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(read_only, idempotent)]
struct Echo {
    /// What.
    text: String,
    /// Never told.
    #[schemars(extend("format" = "password"))]
    #[expect(dead_code, reason = "it is for the audit log to hide")]
    password: Option<String>,
}

impl Call<Work> for Echo {
    type Output = String;

    async fn call(self, work: &Work, cx: &ToolContext) -> ToolResult<String> {
        work.begun.fetch_add(1, Ordering::SeqCst);
        work.gate.acquire().await?.forget();
        let caller = cx.principal().map_or("nobody", Principal::subject);
        Ok(format!("{} for {caller}", self.text))
    }
}

/// Asks another service.
#[derive(Deserialize, JsonSchema, Tool)]
struct AskService {}

impl Call<Work> for AskService {
    type Output = String;

    async fn call(self, work: &Work, _: &ToolContext) -> ToolResult<String> {
        work.outgoing
            .call(|| async {
                let mut stream = TcpStream::connect(work.service).await?;
                let mut text = String::new();
                stream.read_to_string(&mut text).await?;
                if text.is_empty() { Err(std::io::Error::other("closed")) } else { Ok(text) }
            })
            .await
    }
}

/// The token is the name.
#[derive(Debug)]
struct ByName;

impl TokenVerifier for ByName {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        let known = credentials.token().map(|name| Principal::new(name, [""; 0]));
        Verification::ready(known.ok_or_else(Denied::missing))
    }
}

struct Listening {
    address: SocketAddr,
    work: Arc<Work>,
    _task: JoinSet<std::io::Result<()>>,
}

/// Serves with layers; `let_through` calls may end.
async fn serve(
    let_through: usize,
    layers: impl FnOnce(mcp_core::ServerBuilder) -> mcp_core::ServerBuilder,
) -> Listening {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    serve_calling(nowhere, Outgoing::new("price service"), let_through, layers).await
}

async fn serve_calling(
    service: SocketAddr,
    outgoing: Outgoing,
    let_through: usize,
    layers: impl FnOnce(mcp_core::ServerBuilder) -> mcp_core::ServerBuilder,
) -> Listening {
    let gate = Semaphore::new(let_through);
    let work = Arc::new(Work { begun: AtomicUsize::new(0), gate, outgoing, service });
    let pack = ToolPack::with_shared("work", Arc::clone(&work)).tool::<Echo>().tool::<AskService>();
    let server = layers(Server::builder("layered", "1").pack(pack)).build();
    let transport = HttpTransport::bind("127.0.0.1:0").await.unwrap();
    let address = transport.local_addr().unwrap();
    let authentication = Authentication::new(Arc::new(ByName));
    let transport = transport.config(HttpConfig::new().authentication(authentication));
    let mut task = JoinSet::new();
    task.spawn(transport.serve(server, CancellationToken::new()));
    Listening { address, work, _task: task }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    message: Value,
}

impl Answer {
    fn text(&self) -> &str {
        self.message["result"]["content"][0]["text"].as_str().unwrap_or_default()
    }
}

impl Listening {
    fn begun(&self) -> usize {
        self.work.begun.load(Ordering::SeqCst)
    }

    fn call(
        &self,
        caller: &str,
        tool: &str,
        arguments: Value,
    ) -> impl Future<Output = Answer> + Send + 'static {
        let body = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments },
        })
        .to_string();
        let request = format!(
            "POST /mcp HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             authorization: Bearer {caller}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let address = self.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let retry_after = head.lines().find_map(|line| line.strip_prefix("retry-after: "));
            Answer {
                status: head.split(' ').nth(1).unwrap().parse().unwrap(),
                retry_after: retry_after.map(|seconds| seconds.parse().unwrap()),
                message: serde_json::from_str(body).unwrap(),
            }
        }
    }

    async fn echo(&self, caller: &str, text: &str) -> Answer {
        self.call(caller, "echo", json!({ "text": text })).await
    }
}

async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("nothing happens");
}

#[tokio::test]
async fn rates_are_those_of_each_caller_and_of_all() {
    let own = serve(100, |server| server.layer(RateLimitLayer::per_caller(2, HOUR))).await;
    for caller in ["ada", "bob"] {
        for _ in 0..2 {
            assert_eq!(own.echo(caller, "a").await.status, 200);
        }
        let refused = own.echo(caller, "a").await;
        assert_eq!(refused.status, 429);
        assert!((1700..=1800).contains(&refused.retry_after.unwrap()), "{refused:?}");
    }
    let all = serve(100, |server| server.layer(RateLimitLayer::global(2, HOUR))).await;
    let statuses =
        [all.echo("ada", "a").await, all.echo("bob", "a").await, all.echo("eve", "a").await];
    assert_eq!(statuses.map(|answer| answer.status), [200, 200, 429]);
}

#[tokio::test]
async fn beyond_the_limit_calls_wait_and_beyond_the_queue_they_are_shed() {
    let layer = ConcurrencyLayer::new(1).queue(2).max_wait(HOUR);
    let server = serve(0, |server| server.layer(layer)).await;
    let mut calls = JoinSet::new();
    calls.spawn(server.call("ada", "echo", json!({"text": "first"})));
    until(|| server.begun() == 1).await;
    for _ in 0..6 {
        calls.spawn(server.call("bob", "echo", json!({"text": "more"})));
    }
    for _ in 0..4 {
        let shed = calls.join_next().await.unwrap().unwrap();
        assert_eq!((shed.status, shed.retry_after), (503, Some(1)), "{shed:?}");
    }
    assert_eq!(server.begun(), 1);
    server.work.gate.add_permits(3);
    while let Some(served) = calls.join_next().await {
        assert_eq!(served.unwrap().status, 200);
    }
    assert_eq!(server.begun(), 3);
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_answered() {
    let server =
        serve(0, |server| server.layer(TimeoutLayer::new(Duration::from_millis(20)))).await;
    let late = server.echo("ada", "a").await;
    assert_eq!(server.begun(), 1);
    assert!(
        late.message["error"]["message"].as_str().unwrap().contains("took too long"),
        "{late:?}"
    );
}

#[tokio::test]
async fn the_same_call_of_the_same_caller_is_made_once() {
    let cache = ResponseCacheLayer::new(HOUR).tool::<Echo>();
    let server = serve(0, |server| server.layer(cache)).await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(server.call("ada", "echo", json!({"text": "same"})));
    }
    until(|| server.begun() == 1).await;
    server.work.gate.add_permits(3);
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().text(), "same for ada");
    }
    assert_eq!(server.begun(), 1);
    assert_eq!(server.echo("bob", "same").await.text(), "same for bob");
    assert_eq!(server.echo("ada", "other").await.text(), "other for ada");
    assert_eq!(server.begun(), 3);

    // For a time.
    let cache = ResponseCacheLayer::new(Duration::from_millis(1)).tool::<Echo>();
    let server = serve(100, |server| server.layer(cache)).await;
    server.echo("ada", "same").await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    server.echo("ada", "same").await;
    assert_eq!(server.begun(), 2);
}

#[tokio::test]
async fn an_answer_over_the_limit_tells_the_model_to_ask_for_less() {
    let server = serve(2, |server| server.layer(ResponseLimitLayer::new(200))).await;
    assert_eq!(server.echo("ada", "short").await.text(), "short for ada");
    let long = server.echo("ada", &"x".repeat(1000)).await;
    assert_eq!(long.message["result"]["isError"], true);
    assert!(long.text().contains("200 at most"), "{long:?}");
}

/// A service that closes the first connections without a word. How many there were.
async fn flaky(failures: usize) -> (SocketAddr, Arc<AtomicUsize>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::<AtomicUsize>::default());
    let (count, mut task) = (Arc::clone(&asked), JoinSet::new());
    task.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if count.fetch_add(1, Ordering::SeqCst) >= failures {
                let _ = stream.write_all(b"42").await;
            }
        }
    });
    (address, asked, task)
}

#[tokio::test]
async fn an_outgoing_call_is_made_again_and_a_service_that_keeps_failing_is_left_alone() {
    let outgoing = || Outgoing::new("price service").pause(Duration::from_millis(1));
    let (service, asked, _task) = flaky(2).await;
    let server = serve_calling(service, outgoing().attempts(3), 0, |server| server).await;
    assert_eq!(server.call("ada", "ask_service", json!({})).await.text(), "42");
    assert_eq!(asked.load(Ordering::SeqCst), 3);

    let (service, asked, _task) = flaky(usize::MAX).await;
    let breaking = outgoing().attempts(2).open_after(4, HOUR);
    let server = serve_calling(service, breaking, 0, |server| server).await;
    for said in ["try again later", "try again later", "left alone", "left alone"] {
        let failed = server.call("ada", "ask_service", json!({})).await;
        assert_eq!(failed.message["result"]["isError"], true);
        assert!(failed.text().contains(said), "{failed:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn the_audit_log_names_caller_tool_and_outcome_and_hides_secrets() {
    use std::io::Write;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    // The server's tasks run on this thread, too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let audit = AuditLayer::new().arguments_of::<Echo>();
    let server = serve(1, |server| server.layer(audit)).await;
    let arguments = json!({"text": "shown", "password": "hunter2"});
    assert_eq!(server.call("ada", "echo", arguments).await.status, 200);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line = log.lines().find(|line| line.contains(" audit:")).unwrap();
    for part in ["ada", "tools/call", "echo", "ok", "duration_ms", "shown", "[redacted]"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("hunter2"), "{log}");
}
