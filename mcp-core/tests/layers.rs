//! Tower layers around a server and around a pack.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    future::{pending, ready},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    BoxError, CallResult, ErrorKind, Request, Response, RpcError, Server, ServerBuilder,
    ToolContext, ToolPack,
    layers::{ConcurrencyLimitLayer, LoadShedLayer, TimeoutLayer},
    tool,
};
use serde_json::json;
use tokio::{sync::Notify, task::yield_now, time::Instant};
use tower::{
    Service,
    layer::layer_fn,
    service_fn,
    util::{BoxCloneSyncService, MapRequestLayer, MapResponseLayer},
};

use crate::support::{
    call, call_with_progress, legacy, listed, modern, modern_call, request, send,
};

type Inner = BoxCloneSyncService<Request, Response, BoxError>;

/// Answers.
#[tool]
async fn answer() -> u32 {
    42
}

/// Never ends.
#[tool]
async fn hang() {
    pending::<()>().await;
}

/// Says how many of its calls run at the same time.
#[tool]
async fn crowd(#[state] running: &AtomicUsize) -> usize {
    let now = running.fetch_add(1, Ordering::Relaxed) + 1;
    for _ in 0..10 {
        yield_now().await;
    }
    running.fetch_sub(1, Ordering::Relaxed);
    now
}

/// Waits to be let through.
#[tool]
async fn gate(#[state] open: &Notify) {
    open.notified().await;
}

/// Says what a layer told it.
#[tool]
async fn told(cx: &ToolContext) -> String {
    cx.progress(0.5, "").await;
    cx.extensions().get::<String>().cloned().unwrap_or_default()
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    /// A layer that notes each request under a name.
    fn layer(
        &self,
        name: &'static str,
    ) -> MapRequestLayer<impl Fn(Request) -> Request + Clone + use<>> {
        let seen = self.clone();
        MapRequestLayer::new(move |request: Request| {
            let note = format!("{name} {}", request.name().unwrap_or(request.method().as_str()));
            seen.0.lock().unwrap().push(note);
            request
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn builder() -> ServerBuilder {
    Server::builder("test", "1").tool::<answer>().tool::<hang>().tool::<told>()
}

#[tokio::test]
async fn the_layer_that_is_added_first_sees_a_request_first() {
    let seen = Seen::default();
    let pack = ToolPack::new("crowd", AtomicUsize::new(0))
        .tool::<crowd>()
        .layer(seen.layer("pack one"))
        .layer(seen.layer("pack two"));
    let server = builder()
        .layer(seen.layer("server one"))
        .pack(pack)
        .layer(seen.layer("server two"))
        .build();
    assert_eq!(call(&server, "crowd", json!({})).await.text(), "1");
    assert_eq!(
        seen.take(),
        ["server one crowd", "server two crowd", "pack one crowd", "pack two crowd"]
    );
    assert_eq!(call(&server, "answer", json!({})).await.text(), "42");
    assert_eq!(seen.take(), ["server one answer", "server two answer"]);
}

#[tokio::test]
async fn layers_of_the_server_see_every_method_and_both_eras() {
    let seen = Seen::default();
    let server = builder().layer(seen.layer("saw")).build();
    for method in ["server/discover", "tools/list", "tools/call", "no/such/method"] {
        send(&server, modern(method, json!({}))).await;
        assert_eq!(seen.take(), [format!("saw {method}")]);
    }
    for method in ["ping", "tools/list", "tools/call"] {
        send(&server, legacy(method, json!({}))).await;
        assert_eq!(seen.take(), [format!("saw {method}")]);
    }
    // What does not satisfy the protocol is refused before.
    send(&server, legacy("server/discover", json!({}))).await;
    assert_eq!(seen.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_layer_does_not_change_what_is_listed() {
    let layered = builder().layer(Seen::default().layer("saw")).build();
    assert_eq!(listed(&layered).await, listed(&builder().build()).await);
    assert_eq!(layered.tool_names().len(), 3);
}

#[tokio::test]
async fn a_layer_can_tell_the_tool_something_and_progress_passes_through() {
    let layer = MapRequestLayer::new(|mut request: Request| {
        request.extensions_mut().insert("hello".to_owned());
        request
    });
    let server = builder().layer(layer).layer(TimeoutLayer::new(Duration::from_secs(60))).build();
    let answer = call_with_progress(&server, "told", json!({})).await;
    assert_eq!((answer.text(), answer.progress()), ("hello", vec![0.5]));
}

#[tokio::test]
async fn a_layer_can_look_at_the_response_and_replace_it() {
    let layer = MapResponseLayer::new(|response: Response| match response.as_result() {
        Ok(_) => Response::tool(CallResult::text("replaced")),
        Err(error) => Response::error(RpcError::new(error.kind(), "replaced")),
    });
    let pack = ToolPack::new("crowd", AtomicUsize::new(0)).tool::<crowd>().layer(layer);
    let server = builder().pack(pack).build();
    assert_eq!(call(&server, "crowd", json!({})).await.text(), "replaced");
    assert_eq!(call(&server, "crowd", json!([])).await.error_message(), "replaced");
}

/// A layer around which nothing is called.
fn answering<F>(
    answer: F,
) -> impl tower::Layer<
    Inner,
    Service = impl Service<Request, Response = Response, Error = BoxError, Future: Send>
              + Clone
              + Send
              + Sync
              + 'static,
> + Send
+ 'static
where
    F: Fn() -> Result<Response, BoxError> + Clone + Send + Sync + 'static,
{
    layer_fn(move |_: Inner| {
        let answer = answer.clone();
        service_fn(move |_: Request| ready(answer()))
    })
}

#[tokio::test]
async fn a_layer_can_answer_itself() {
    let server =
        builder().layer(answering(|| Ok(Response::tool(CallResult::text("cached"))))).build();
    assert_eq!(call(&server, "hang", json!({})).await.text(), "cached");
}

#[tokio::test]
async fn an_error_of_a_layer_is_hidden_unless_it_is_meant_for_the_client() {
    let server = builder().layer(answering(|| Err("a secret".into()))).build();
    let answer = call(&server, "answer", json!({})).await;
    assert_eq!((answer.code(), answer.error_message()), (-32603, "internal error"));

    let refusal =
        || RpcError::new(ErrorKind::Overloaded, "come back").with_data(json!({ "in": 5 }));
    let server = builder().layer(answering(move || Err(refusal().into()))).build();
    let answer = call(&server, "answer", json!({})).await;
    assert_eq!(
        answer.error,
        json!({ "code": -31503, "message": "come back", "data": { "in": 5 } })
    );
}

#[tokio::test]
async fn a_layer_that_panics_fails_the_request_and_no_other() {
    let layer = MapRequestLayer::new(|request: Request| {
        assert_ne!(request.name(), Some("hang"), "a secret");
        request
    });
    let server = builder().layer(layer).build();
    let answer = call(&server, "hang", json!({})).await;
    assert_eq!((answer.code(), answer.error_message()), (-32603, "internal error"));
    assert_eq!(call(&server, "answer", json!({})).await.text(), "42");
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_layer_is_a_deadline() {
    let server = builder().layer(TimeoutLayer::new(Duration::from_secs(1))).build();
    let started = Instant::now();
    let answer = call(&server, "hang", json!({})).await;
    assert_eq!(started.elapsed(), Duration::from_secs(1));
    assert_eq!((answer.code(), answer.kind), (-31504, Some(ErrorKind::DeadlineExceeded)));
}

#[tokio::test]
async fn too_many_calls_are_shed() {
    let open = Arc::new(Notify::new());
    let pack = ToolPack::with_shared("gate", Arc::clone(&open))
        .tool::<gate>()
        .layer(LoadShedLayer::new())
        .layer(ConcurrencyLimitLayer::new(1));
    let server = builder().pack(pack).build();
    let mut first = server.call(request(modern_call("gate", json!({}))));
    tokio::select! {
        biased;
        part = first.next() => panic!("{part:?}"),
        () = ready(()) => {}
    }
    let second = call(&server, "gate", json!({})).await;
    assert_eq!((second.code(), second.kind), (-31503, Some(ErrorKind::Overloaded)));
    assert_eq!(second.kind.unwrap().http_status(), 503);
    // Other packs have limits of their own.
    assert_eq!(call(&server, "answer", json!({})).await.text(), "42");
    open.notify_one();
    assert_eq!(support::gather(first).await.result["content"], json!([]));
    // The place is free again, also after a call that was dropped.
    let mut third = server.call(request(modern_call("gate", json!({}))));
    tokio::select! {
        biased;
        part = third.next() => panic!("{part:?}"),
        () = ready(()) => {}
    }
    drop(third);
    open.notify_one();
    assert_eq!(call(&server, "gate", json!({})).await.result["content"], json!([]));
}

#[tokio::test]
async fn a_limit_counts_all_calls_of_a_pack() {
    for (limit, most) in [(1, 1), (2, 2), (100, 5)] {
        let pack = ToolPack::new("crowd", AtomicUsize::new(0))
            .tool::<crowd>()
            .layer(ConcurrencyLimitLayer::new(limit));
        let server = builder().pack(pack).build();
        let call = || call(&server, "crowd", json!({}));
        let answers = tokio::join!(call(), call(), call(), call(), call());
        let most_running = [&answers.0, &answers.1, &answers.2, &answers.3, &answers.4]
            .map(|answer| answer.text().parse::<usize>().unwrap())
            .into_iter()
            .max();
        assert_eq!(most_running, Some(most), "limit {limit}");
    }
}
