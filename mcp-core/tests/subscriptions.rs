//! `subscriptions/listen`: what it grants, what it tells, and how it ends.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_core::{
    BoxError, DynTool, DynamicPrompts, DynamicResources, DynamicTools, Encoded, ErrorKind,
    Principal, Reply, ReplyPart, Request, Resource, Response, RpcError, Server, ServerBuilder,
    SubscriptionLimit, ToolContext, ToolPack, ToolResult,
    layers::{ConcurrencyLimitLayer, TimeoutLayer},
    model,
    tasks::TaskOptions,
    tool,
};
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use tower::{ServiceExt as _, layer::layer_fn, service_fn, util::BoxCloneSyncService};

use crate::support::{assert_is, call, gather, legacy, modern, modern_call, request, send};

/// Adds two integers.
#[tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// A server of which everything may change.
fn changing() -> ServerBuilder {
    Server::builder("test", "1")
        .tool::<add>()
        .resource(Resource::text("test://a", "a", "A"))
        .resource(Resource::text("test://b", "b", "B"))
        .dynamic_tools(&DynamicTools::new())
        .dynamic_prompts(&DynamicPrompts::new())
        .dynamic_resources(&DynamicResources::new())
}

fn everything() -> Value {
    json!({
        "toolsListChanged": true,
        "promptsListChanged": true,
        "resourcesListChanged": true,
        "resourceSubscriptions": ["test://a", "test://b"],
    })
}

fn listen(filter: Value) -> Request {
    request(modern("subscriptions/listen", json!({ "notifications": filter })))
}

/// What is told next, of a schema that its method names.
async fn told(reply: &mut Reply) -> Value {
    match reply.next().await {
        Some(ReplyPart::Notification(notification)) => {
            let message: Value = serde_json::from_slice(&notification.to_bytes()).unwrap();
            assert_eq!(message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
            let name = match message["method"].as_str().unwrap() {
                "notifications/subscriptions/acknowledged" => {
                    "SubscriptionsAcknowledgedNotification"
                }
                "notifications/tools/list_changed" => "ToolListChangedNotification",
                "notifications/prompts/list_changed" => "PromptListChangedNotification",
                "notifications/resources/list_changed" => "ResourceListChangedNotification",
                "notifications/resources/updated" => "ResourceUpdatedNotification",
                "notifications/tasks" => return message,
                other => panic!("{other}"),
            };
            assert_is(name, &message);
            message
        }
        other => panic!("no notification: {other:?}"),
    }
}

/// What of a filter is acknowledged.
async fn acknowledged(reply: &mut Reply) -> Value {
    let message = told(reply).await;
    assert_eq!(message["method"], "notifications/subscriptions/acknowledged");
    message["params"]["notifications"].clone()
}

async fn method(reply: &mut Reply) -> String {
    told(reply).await["method"].as_str().unwrap().to_owned()
}

/// The result with which a subscription ends.
async fn end(reply: &mut Reply) -> Value {
    let Some(ReplyPart::Response(response)) = reply.next().await else {
        panic!("the subscription goes on");
    };
    let message = json_of(response);
    assert_is("SubscriptionsListenResultResponse", &message);
    assert_eq!(message["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 1);
    assert_eq!(message["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "test");
    assert!(reply.next().await.is_none());
    message
}

fn json_of(response: Encoded) -> Value {
    serde_json::from_slice(&response.into_bytes()).unwrap()
}

/// Whether nothing is to be told for now.
async fn is_quiet(reply: &mut Reply) -> bool {
    std::future::poll_fn(|cx| {
        let next = std::pin::pin!(reply.next());
        std::task::Poll::Ready(next.poll(cx).is_pending())
    })
    .await
}

#[tokio::test]
async fn the_acknowledgement_comes_first_and_names_what_is_granted() {
    let server = changing().build();
    let mut reply = server.call(listen(everything()));
    assert!(reply.is_subscription() && reply.may_notify());
    server.notify_tools_changed();
    assert_eq!(acknowledged(&mut reply).await, everything());
    assert!(is_quiet(&mut reply).await);
    server.notify_tools_changed();
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
}

#[tokio::test]
async fn what_cannot_change_or_is_not_there_is_not_granted() {
    let fixed = Server::builder("test", "1")
        .tool::<add>()
        .resource(Resource::text("test://a", "a", "A"))
        .build();
    let mut reply = fixed.call(listen(everything()));
    assert_eq!(acknowledged(&mut reply).await, json!({ "resourceSubscriptions": ["test://a"] }));
    fixed.notify_tools_changed();
    fixed.notify_resource_updated("test://b");
    assert!(is_quiet(&mut reply).await);

    let declared = Server::builder("test", "1").tool::<add>().lists_change().build();
    let mut reply = declared.call(listen(everything()));
    assert_eq!(acknowledged(&mut reply).await, json!({ "toolsListChanged": true }));
    declared.notify_prompts_changed();
    declared.notify_tools_changed();
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
}

#[tokio::test]
async fn capabilities_say_what_can_be_listened_to() {
    let discover = async |server: &Server| {
        send(server, modern("server/discover", json!({}))).await.result["capabilities"].clone()
    };
    let fixed = Server::builder("test", "1").resource(Resource::text("test://a", "a", "A")).build();
    let capabilities = discover(&fixed).await;
    assert_eq!(capabilities["tools"], json!({}));
    assert_eq!(capabilities["resources"], json!({ "subscribe": true }));
    assert!(capabilities.get("prompts").is_none());

    let capabilities = discover(&changing().build()).await;
    assert_eq!(capabilities["tools"], json!({ "listChanged": true }));
    assert_eq!(capabilities["prompts"], json!({ "listChanged": true }));
    assert_eq!(capabilities["resources"], json!({ "subscribe": true, "listChanged": true }));
}

#[tokio::test]
async fn nothing_is_told_that_was_not_asked_for() {
    let server = changing().build();
    let mut reply = server.call(listen(json!({ "promptsListChanged": true })));
    assert_eq!(acknowledged(&mut reply).await, json!({ "promptsListChanged": true }));
    server.notify_tools_changed();
    server.notify_resources_changed();
    server.notify_resource_updated("test://a");
    assert!(is_quiet(&mut reply).await);
    server.notify_prompts_changed();
    assert_eq!(method(&mut reply).await, "notifications/prompts/list_changed");
}

#[tokio::test]
async fn one_who_does_not_read_is_told_once_of_each_change() {
    let server = changing().build();
    let mut reply = server.call(listen(everything()));
    acknowledged(&mut reply).await;
    for _ in 0..10_000 {
        server.notify_resource_updated("test://b");
        server.notify_tools_changed();
        server.notify_resource_updated("test://a");
    }
    let updated = told(&mut reply).await;
    assert_eq!(updated["method"], "notifications/resources/updated");
    assert_eq!(updated["params"]["uri"], "test://b");
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
    assert_eq!(told(&mut reply).await["params"]["uri"], "test://a");
    assert!(is_quiet(&mut reply).await);
    // A change after the telling is another one.
    server.notify_resource_updated("test://b");
    assert_eq!(told(&mut reply).await["params"]["uri"], "test://b");
}

#[tokio::test]
async fn a_change_wakes_who_waits_for_it() {
    let server = changing().build();
    let mut reply = server.call(listen(everything()));
    acknowledged(&mut reply).await;
    let waiting = tokio::spawn(async move { method(&mut reply).await });
    tokio::task::yield_now().await;
    server.notify_resources_changed();
    assert_eq!(waiting.await.unwrap(), "notifications/resources/list_changed");
}

#[tokio::test]
async fn a_subscription_is_closed_with_its_result_once_all_is_told() {
    let server = changing().build();
    let mut reply = server.call(listen(everything()));
    acknowledged(&mut reply).await;
    server.notify_tools_changed();
    reply.close();
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
    end(&mut reply).await;
}

#[tokio::test]
async fn one_that_is_closed_before_it_begins_is_acknowledged_all_the_same() {
    let server = changing().build();
    let mut reply = server.call(listen(everything()));
    reply.close();
    acknowledged(&mut reply).await;
    end(&mut reply).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_ends_at_the_limit_of_its_binding() {
    let server = changing().build();
    for limit in [Duration::ZERO, Duration::from_secs(30)] {
        let mut request = listen(everything());
        let instant = Instant::now() + limit;
        request.extensions_mut().insert(SubscriptionLimit(instant));
        let mut reply = server.call(request);
        acknowledged(&mut reply).await;
        end(&mut reply).await;
        assert!(Instant::now() >= instant);
    }
}

#[tokio::test]
async fn a_call_is_not_closed() {
    let server = changing().build();
    let mut reply = server.call(request(modern_call("add", json!({ "a": 1, "b": 2 }))));
    reply.close();
    assert_eq!(gather(reply).await.text(), "3");
}

#[tokio::test(start_paused = true)]
async fn layers_see_the_grant_and_not_the_stream() {
    let server = changing()
        .layer(TimeoutLayer::new(Duration::from_secs(1)))
        .layer(ConcurrencyLimitLayer::new(1))
        .build();
    let mut reply = server.call(listen(everything()));
    acknowledged(&mut reply).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(call(&server, "add", json!({ "a": 1, "b": 2 })).await.text(), "3");
    server.notify_tools_changed();
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
}

#[tokio::test]
async fn layers_see_what_a_legacy_session_subscribes_to() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = layer_fn({
        let seen = Arc::clone(&seen);
        move |inner: BoxCloneSyncService<Request, Response, BoxError>| {
            let seen = Arc::clone(&seen);
            service_fn(move |request: Request| {
                let name = request.name().unwrap_or_default().to_owned();
                seen.lock().unwrap().push(format!("{} {name}", request.method().as_str()));
                let inner = inner.clone();
                async move {
                    match &*name {
                        "test://b" => {
                            Ok(Response::error(RpcError::new(ErrorKind::Forbidden, "not this one")))
                        }
                        _ => inner.oneshot(request).await,
                    }
                }
            })
        }
    });
    let server = changing().layer(watch).build();
    let session = server.open_session(&request(legacy(
        "initialize",
        json!({ "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" } }),
    )));
    let session = session.unwrap();
    for (method, uri, kind) in [
        ("resources/subscribe", "test://a", None),
        ("resources/subscribe", "test://b", Some(ErrorKind::Forbidden)),
        ("resources/unsubscribe", "test://a", None),
    ] {
        let reply = session.call(request(legacy(method, json!({ "uri": uri }))));
        assert_eq!(gather(reply).await.kind, kind, "{method} {uri}");
        assert_eq!(seen.lock().unwrap().pop(), Some(format!("{method} {uri}")));
    }
}

#[tokio::test]
async fn there_are_only_so_many_streams_at_once() {
    let server = changing().max_subscriptions(2).build();
    let mut first = server.call(listen(everything()));
    let mut second = server.call(listen(everything()));
    acknowledged(&mut first).await;
    acknowledged(&mut second).await;
    let refused = gather(server.call(listen(everything()))).await;
    assert_eq!(refused.kind, Some(ErrorKind::Overloaded));
    drop(first);
    acknowledged(&mut server.call(listen(everything()))).await;
}

#[tokio::test]
async fn a_subscription_is_about_a_thousand_things_at_most() {
    let server = Server::builder("test", "1")
        .pack((0..1_001).fold(ToolPack::new("many", ()), |pack, number| {
            pack.resource(Resource::text(format!("test://{number}"), "n", "N"))
        }))
        .build();
    let uris: Vec<String> = (0..1_001).map(|number| format!("test://{number}")).collect();
    let refused = gather(server.call(listen(json!({ "resourceSubscriptions": uris })))).await;
    assert_eq!(refused.kind, Some(ErrorKind::InvalidParams));
    assert!(refused.error_message().contains("1000"), "{}", refused.error_message());
    let uris = &uris[1..];
    let mut reply = server.call(listen(json!({ "resourceSubscriptions": uris })));
    let granted = acknowledged(&mut reply).await;
    assert_eq!(granted["resourceSubscriptions"].as_array().unwrap().len(), 1_000);
}

#[tokio::test]
async fn malformed_filters_are_refused() {
    let server = changing().build();
    for params in [
        json!({}),
        json!({ "notifications": [] }),
        json!({ "notifications": { "toolsListChanged": "yes" } }),
        json!({ "notifications": { "resourceSubscriptions": "test://a" } }),
    ] {
        let refused = send(&server, modern("subscriptions/listen", params)).await;
        assert_eq!(refused.kind, Some(ErrorKind::MalformedParams), "{refused:?}");
    }
}

#[tokio::test]
async fn legacy_clients_have_no_listen_and_no_subscribe_without_a_session() {
    let server = changing().build();
    for method in ["subscriptions/listen", "resources/subscribe", "resources/unsubscribe"] {
        let params = json!({ "uri": "test://a", "notifications": {} });
        let refused = send(&server, legacy(method, params)).await;
        assert_eq!(refused.kind, Some(ErrorKind::MethodNotFound), "{method}");
    }
    let refused = send(&server, modern("resources/subscribe", json!({ "uri": "test://a" }))).await;
    assert_eq!(refused.kind, Some(ErrorKind::MethodNotFound));
}

/// Waits for a word of the test.
#[tool(task)]
async fn slow(#[state] word: &tokio::sync::Semaphore, cx: &ToolContext) -> &'static str {
    cx.progress(0.5, "half way").await;
    let _word = word.acquire().await;
    "done"
}

fn task_params(mut params: Value) -> Value {
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": {
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }});
    params
}

fn with_tasks() -> (Server, std::sync::Arc<tokio::sync::Semaphore>) {
    let word = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let pack = ToolPack::with_shared("slow", std::sync::Arc::clone(&word)).tool::<slow>();
    (Server::builder("test", "1").pack(pack).tasks(TaskOptions::new()).build(), word)
}

fn as_caller(mut request: Request, subject: &str) -> Request {
    request.extensions_mut().insert(Principal::new(subject, ["all"]));
    request
}

#[tokio::test]
async fn a_task_is_told_of_until_it_has_ended() {
    let (server, word) = with_tasks();
    let handle = send(&server, modern("tools/call", task_params(json!({ "name": "slow" })))).await;
    let id = handle.result["taskId"].as_str().unwrap().to_owned();
    let filter = json!({ "taskIds": [id, "unknown"] });
    let params = task_params(json!({ "notifications": filter }));
    let mut reply = server.call(request(modern("subscriptions/listen", params)));
    assert_eq!(acknowledged(&mut reply).await, json!({ "taskIds": [id] }));
    word.add_permits(1);
    loop {
        let message = told(&mut reply).await;
        assert_eq!(message["method"], "notifications/tasks");
        assert_eq!(message["params"]["taskId"], id);
        if message["params"]["status"] == "completed" {
            assert_eq!(message["params"]["result"]["content"][0]["text"], "done");
            break;
        }
        assert_eq!(message["params"]["status"], "working");
    }
    assert!(is_quiet(&mut reply).await);

    // One who comes late is told of the outcome, too.
    let params = task_params(json!({ "notifications": { "taskIds": [id] } }));
    let mut late = server.call(request(modern("subscriptions/listen", params)));
    acknowledged(&mut late).await;
    assert_eq!(told(&mut late).await["params"]["status"], "completed");
}

#[tokio::test]
async fn tasks_are_their_callers_own_and_for_clients_that_know_them() {
    let (server, _word) = with_tasks();
    let call = request(modern("tools/call", task_params(json!({ "name": "slow" }))));
    let handle = gather(server.call(as_caller(call, "ada"))).await;
    let id = handle.result["taskId"].as_str().unwrap().to_owned();
    let filter = json!({ "notifications": { "taskIds": [id] } });

    let listen = |params| request(modern("subscriptions/listen", params));
    let mut stranger = server.call(as_caller(listen(task_params(filter.clone())), "eve"));
    assert_eq!(acknowledged(&mut stranger).await, json!({}));
    let mut owner = server.call(as_caller(listen(task_params(filter.clone())), "ada"));
    assert_eq!(acknowledged(&mut owner).await, json!({ "taskIds": [id] }));

    let unaware = gather(server.call(as_caller(listen(filter), "ada"))).await;
    assert_eq!(unaware.kind, Some(ErrorKind::MissingClientCapability));
    assert_eq!(
        unaware.error["data"]["requiredCapabilities"],
        json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } })
    );
}

/// A tool by any name.
struct Named(&'static str);

impl DynTool for Named {
    fn definition(&self) -> mcp_core::ToolDefinition {
        let Value::Object(schema) = json!({ "type": "object" }) else { unreachable!() };
        model::Tool::new(self.0, "Says its name.", schema).into()
    }

    async fn call(
        &self,
        _: Map<String, Value>,
        _: &ToolContext,
    ) -> ToolResult<mcp_core::CallResult> {
        Ok(mcp_core::CallResult::text(self.0))
    }
}

#[tokio::test]
async fn a_subscriber_that_is_told_finds_the_new_list() {
    let tools = DynamicTools::new();
    let server = Server::builder("test", "1").dynamic_tools(&tools).build();
    let mut reply = server.call(listen(json!({ "toolsListChanged": true })));
    acknowledged(&mut reply).await;
    for name in ["one", "two", "three"] {
        tools.add_dyn(Named(name)).unwrap();
        assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
        assert_eq!(server.tool_names().last().unwrap(), name);
        assert_eq!(call(&server, name, json!({})).await.text(), name);
    }
    assert!(tools.remove("two"));
    assert!(!tools.remove("two"));
    assert_eq!(method(&mut reply).await, "notifications/tools/list_changed");
    assert!(is_quiet(&mut reply).await);
    assert_eq!(server.tool_names(), ["one", "three"]);
    assert_eq!(call(&server, "two", json!({})).await.kind, Some(ErrorKind::InvalidParams));
}
