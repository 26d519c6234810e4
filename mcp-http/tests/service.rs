//! The service by itself, without a socket.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use mcp_core::{Call, CallResult, Principal, Server, Tool, ToolContext, ToolResult, tool};
use mcp_http::{Body, HttpConfig, HttpService};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use tower::ServiceExt as _;

/// Names the caller.
#[tool]
async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or("nobody", Principal::subject).to_owned()
}

/// Tells the trace and the client's span.
#[tool]
async fn trace(cx: &ToolContext) -> String {
    cx.trace_context().map_or_else(String::new, |trace| {
        format!("{} {}", trace.trace_id(), trace.parent_span_id())
    })
}

/// Answers JSON that somebody else has laid out.
#[derive(Deserialize, JsonSchema, Tool)]
struct ForeignJson {
    /// How many entries.
    entries: usize,
}

impl Call<()> for ForeignJson {
    type Output = CallResult;

    async fn call(self, (): &(), cx: &ToolContext) -> ToolResult<CallResult> {
        cx.progress(0.5, "half").await;
        let list = "1,\n".repeat(self.entries);
        let json = format!("{{\r\n  \"a\\n\": [\n{list}1\r]\n}}");
        CallResult::structured(&RawValue::from_string(json)?)
    }
}

/// Tells of so many steps, without waiting for anything.
#[tool]
async fn steps(cx: &ToolContext, n: u64) -> String {
    for step in 1..=n {
        cx.progress_of(step, n, "a step").await;
    }
    "done".to_owned()
}

fn server() -> Server {
    Server::builder("test", "1.0")
        .tool::<whoami>()
        .tool::<trace>()
        .tool::<steps>()
        .tool::<ForeignJson>()
        .build()
}

fn service() -> HttpService {
    HttpService::new(server(), HttpConfig::new().allow_any_host())
}

fn legacy(method: &str, params: &Value) -> Request<Full<Bytes>> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    Request::post("/").body(body.to_string().into()).unwrap()
}

fn modern(method: &str, mut params: Value) -> Request<Full<Bytes>> {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let mut request = legacy(method, &params);
    let headers: &mut HeaderMap = request.headers_mut();
    headers.insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    headers.insert("mcp-method", method.parse().unwrap());
    if let Some(name) = params["name"].as_str() {
        headers.insert("mcp-name", name.parse().unwrap());
    }
    request
}

async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn message(response: Response<Body>) -> Value {
    let is_stream = response.headers()["content-type"] == "text/event-stream";
    let text = text(response).await;
    let json = if is_stream {
        text.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap()
    } else {
        &text
    };
    serde_json::from_str(json).unwrap()
}

#[tokio::test]
async fn any_path_is_served() {
    for path in ["/", "/mcp", "/some/where?else"] {
        let mut request = legacy("tools/list", &json!({}));
        *request.uri_mut() = path.parse().unwrap();
        assert_eq!(service().oneshot(request).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_json_reply_tells_its_length() {
    use http_body::Body as _;
    let response = service().oneshot(legacy("tools/list", &json!({}))).await.unwrap();
    let length = response.body().size_hint().exact().unwrap();
    assert_eq!(length, text(response).await.len() as u64);
}

#[tokio::test]
async fn the_principal_of_the_http_request_reaches_the_tool() {
    let principal = || Principal::new("alice", ["any"]);
    let whoami = json!({"name": "whoami", "arguments": {}});
    let service = service();
    let said = |message: Value| message["result"]["content"][0]["text"].clone();

    for request in [legacy("tools/call", &whoami), modern("tools/call", whoami.clone())] {
        let mut named = request.clone();
        named.extensions_mut().insert(principal());
        let anonymous = service.respond(request).await.unwrap();
        assert_eq!(said(message(anonymous).await), "nobody");
        let named = service.respond(named).await.unwrap();
        assert_eq!(said(message(named).await), "alice");
    }

    let session = open(&service, Some(principal())).await;
    let mut request = of_session(legacy("tools/call", &whoami), &session);
    request.extensions_mut().insert(principal());
    let response = service.respond(request).await.unwrap();
    assert_eq!(said(message(response).await), "alice");
}

#[tokio::test]
async fn a_session_is_there_only_for_who_opened_it() {
    let service = service();
    let alice = || Some(Principal::new("alice", ["any"]));
    let bob = || Some(Principal::new("bob", ["any"]));
    for (owner, other) in [(alice(), bob()), (alice(), None), (None, alice())] {
        let session = open(&service, owner.clone()).await;
        for (caller, status) in [(other, 404), (owner, 200)] {
            let mut request = of_session(legacy("ping", &json!({})), &session);
            request.extensions_mut().extend(caller.into_iter().fold(
                http::Extensions::new(),
                |mut extensions, caller| {
                    extensions.insert(caller);
                    extensions
                },
            ));
            let response = service.respond(request).await.unwrap();
            assert_eq!(response.status(), status);
        }
    }
}

/// Opens a legacy session; its identifier.
async fn open(service: &HttpService, owner: Option<Principal>) -> http::HeaderValue {
    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    });
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let mut opening = legacy("initialize", &params);
    let mut initialized = Request::post("/").body(Full::<Bytes>::from(initialized)).unwrap();
    if let Some(owner) = owner {
        opening.extensions_mut().insert(owner.clone());
        initialized.extensions_mut().insert(owner);
    }
    let opened = service.respond(opening).await.unwrap();
    let session = opened.headers()["mcp-session-id"].clone();
    let response = service.respond(of_session(initialized, &session)).await.unwrap();
    assert_eq!(response.status(), 202);
    session
}

fn of_session(
    mut request: Request<Full<Bytes>>,
    session: &http::HeaderValue,
) -> Request<Full<Bytes>> {
    request.headers_mut().insert("mcp-session-id", session.clone());
    request
}

#[tokio::test]
async fn a_host_may_be_missing_only_where_any_is_allowed() {
    let request = || legacy("tools/list", &json!({}));
    assert_eq!(service().oneshot(request()).await.unwrap().status(), 200);
    let guarded = HttpService::new(server(), HttpConfig::new());
    assert_eq!(guarded.oneshot(request()).await.unwrap().status(), 403);

    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    });
    let opened = service().oneshot(legacy("initialize", &params)).await.unwrap();
    assert_eq!(opened.status(), 200);
}

#[tokio::test]
async fn line_breaks_in_json_do_not_break_events() {
    for entries in [1, 10_000] {
        let params = json!({
            "name": "foreign_json",
            "arguments": {"entries": entries},
            "_meta": {"progressToken": 1},
        });
        let response = service().oneshot(modern("tools/call", params)).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let text = text(response).await;
        let events: Vec<&str> = text.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 2);
        for event in events {
            let json = event.strip_prefix("data: ").unwrap();
            assert!(!json.contains(['\r', '\n']));
            let message: Value = serde_json::from_str(json).unwrap();
            if let Some(result) = message.get("result") {
                let content = result["content"][0]["text"].as_str().unwrap();
                let list = &serde_json::from_str::<Value>(content).unwrap()["a\n"];
                assert_eq!(list.as_array().unwrap().len(), entries + 1);
            }
        }
    }
}

/// A connection writes what it has when there is nothing more at once.
#[tokio::test]
async fn what_a_call_says_first_is_written_before_it_has_said_all() {
    use http_body::Body as _;
    let params = |n| json!({"name": "steps", "arguments": {"n": n}, "_meta": {"progressToken": 1}});
    let response = service().oneshot(modern("tools/call", params(100))).await.unwrap();
    let mut body = response.into_body();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut written = vec![0];
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(frame)) => {
                let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
                *written.last_mut().unwrap() += text.matches("\n\n").count();
            }
            Poll::Ready(None) => break,
            Poll::Pending => written.push(0),
        }
    }
    assert_eq!(written, [16, 85]);

    // What is said together with the answer is written with it.
    let response = service().oneshot(modern("tools/call", params(10))).await.unwrap();
    let frame = response.into_body().frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(String::from_utf8(frame.to_vec()).unwrap().matches("\n\n").count(), 11);
}

#[tokio::test]
async fn a_body_of_many_frames_is_one_message() {
    let whole = legacy("tools/list", &json!({}));
    let text = whole.into_body().collect().await.unwrap().to_bytes();
    let frames: Vec<Result<Frame<Bytes>, Infallible>> = (0..text.len())
        .flat_map(|at| [Bytes::new(), text.slice(at..=at)])
        .map(|piece| Ok(Frame::data(piece)))
        .collect();
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let response = service().oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!(message(response).await["id"], 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_message() {
    let frames = [Ok(Frame::data(Bytes::from_static(b"{"))), Err(std::io::Error::other("reset"))];
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let response = service().oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(message(response).await["error"]["code"], -32600);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let body = StreamBody::new(futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>());
    let config = HttpConfig::new().allow_any_host().read_timeout(Duration::from_secs(5));
    let service = HttpService::new(server(), config);
    let started = tokio::time::Instant::now();
    let response = service.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 408);
    assert_eq!(started.elapsed().as_secs(), 5);
}

/// Panics before or after its inner service has spoken.
#[derive(Clone)]
struct Panics<S> {
    inner: S,
    at_once: bool,
}

impl<S: tower::Service<mcp_core::Request>> tower::Service<mcp_core::Request> for Panics<S>
where
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: mcp_core::Request) -> Self::Future {
        let call = self.inner.call(request);
        let at_once = self.at_once;
        Box::pin(async move {
            assert!(!at_once, "at once");
            let _ = call.await;
            tokio::task::yield_now().await;
            panic!("in the end")
        })
    }
}

#[tokio::test]
async fn a_panic_in_a_layer_is_an_internal_error_with_the_request_s_identifier() {
    for at_once in [true, false] {
        let server = Server::builder("test", "1.0")
            .tool::<ForeignJson>()
            .layer(tower::layer::layer_fn(move |inner| Panics { inner, at_once }))
            .build();
        let service = HttpService::new(server, HttpConfig::new().allow_any_host());
        for meta in [json!({}), json!({"progressToken": 1})] {
            let params =
                json!({"name": "foreign_json", "arguments": {"entries": 1}, "_meta": meta});
            let response = service.respond(modern("tools/call", params)).await.unwrap();
            let message = message(response).await;
            assert_eq!(message["id"], 1);
            assert_eq!(message["error"]["code"], -32603, "{message}");
        }
    }
}

#[tokio::test]
async fn the_trace_of_the_headers_reaches_the_tool_unless_meta_has_one() {
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let meta = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let service = service();
    let traced = async |mut request: Request<Full<Bytes>>, header: Option<&str>| {
        if let Some(header) = header {
            request.headers_mut().insert("traceparent", header.parse().unwrap());
        }
        let answer = message(service.clone().oneshot(request).await.unwrap()).await;
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    };
    let call = || json!({"name": "trace", "arguments": {}});
    let of_header = "0af7651916cd43dd8448eb211c80319c b7ad6b7169203331";
    assert_eq!(traced(modern("tools/call", call()), Some(header)).await, of_header);
    assert_eq!(traced(legacy("tools/call", &call()), Some(header)).await, of_header);
    assert_eq!(traced(modern("tools/call", call()), None).await, "");
    assert_eq!(traced(modern("tools/call", call()), Some("nonsense")).await, "");
    let mut both = call();
    both["_meta"]["traceparent"] = meta.into();
    assert_eq!(
        traced(modern("tools/call", both), Some(header)).await,
        "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7"
    );
}

fn stateless() -> HttpService {
    HttpService::new(server(), HttpConfig::new().allow_any_host().stateless())
}

#[tokio::test]
async fn without_sessions_a_legacy_client_is_served_request_by_request() {
    let service = stateless();
    let initialize = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": { "name": "c", "version": "1" },
    });
    let response = service.respond(legacy("initialize", &initialize)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("mcp-session-id"));
    assert_eq!(message(response).await["result"]["protocolVersion"], "2025-06-18");

    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let request = Request::post("/").body(Full::<Bytes>::from(initialized)).unwrap();
    assert_eq!(service.respond(request).await.unwrap().status(), 202);

    // Something in front may add a session of its own.
    let mut call = legacy("tools/call", &json!({ "name": "whoami" }));
    call.headers_mut().insert("mcp-session-id", "of-a-gateway".parse().unwrap());
    call.headers_mut().insert("mcp-protocol-version", "2025-06-18".parse().unwrap());
    let response = service.respond(call).await.unwrap();
    assert_eq!(message(response).await["result"]["content"][0]["text"], "nobody");

    for method in ["GET", "DELETE"] {
        let request = Request::builder()
            .method(method)
            .header("mcp-session-id", "of-a-gateway")
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = service.respond(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
}
