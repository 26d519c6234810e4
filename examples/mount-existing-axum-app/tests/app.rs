//! The application on a port of loopback: its routes as before, and its tools.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use mcp_testing::__private::block_on;
use mount_existing_axum_app::{Shop, app};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The application, as long as the test's runtime lives.
async fn start() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app(Arc::new(Shop::default()), CancellationToken::new());
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

async fn post(request: RequestBuilder, method: &str, params: Value) -> Response {
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    request
        .header("content-type", "application/json")
        .body(message.to_string())
        .send()
        .await
        .unwrap()
}

async fn result(response: Response) -> Value {
    let text = response.text().await.unwrap();
    let mut message: Value = serde_json::from_str(&text).unwrap();
    assert!(message["result"].is_object(), "{text}");
    message["result"].take()
}

#[test]
fn the_routes_that_were_there_are_there() {
    block_on(async {
        let base = start().await;
        let get = |path: &str| Client::new().get(format!("{base}{path}"));
        let order = get("/orders/1").bearer_auth("token-of-ada").send().await.unwrap();
        assert_eq!(order.text().await.unwrap(), "sent");
        assert_eq!(get("/orders/1").send().await.unwrap().status(), 401);
        let none = get("/orders/9").bearer_auth("token-of-ada").send().await.unwrap();
        assert_eq!(none.status(), 404);
    });
}

#[test]
fn tools_know_the_callers_of_the_application() {
    block_on(async {
        let url = format!("{}/mcp", start().await);
        let call = json!({ "name": "order_status", "arguments": { "order": 2 } });
        let ada = || Client::new().post(&url).bearer_auth("token-of-ada");
        let guest = || Client::new().post(&url).bearer_auth("token-of-guest");

        let status = result(post(ada(), "tools/call", call.clone()).await).await;
        assert_eq!(status["content"][0]["text"], "delivered");
        // A guest lacks the tool's scope: it is not listed, and not to be called.
        let listed = result(post(guest(), "tools/list", json!({})).await).await;
        assert_eq!(listed["tools"], json!([]));
        assert_eq!(post(guest(), "tools/call", call.clone()).await.status(), 403);
        assert_eq!(post(Client::new().post(&url), "tools/call", call).await.status(), 401);
    });
}

#[test]
fn legacy_clients_have_sessions() {
    block_on(async {
        let url = format!("{}/mcp", start().await);
        let ada = || Client::new().post(&url).bearer_auth("token-of-ada");
        let opened = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let accept = "application/json, text/event-stream";
        let opened = post(ada().header("accept", accept), "initialize", opened).await;
        assert_eq!(opened.status(), 200);
        let session = opened.headers()["mcp-session-id"].clone();
        // It is that caller's alone.
        let stranger = Client::new().post(&url).bearer_auth("token-of-guest");
        let stranger = stranger.header("mcp-session-id", session).header("accept", accept);
        assert_eq!(post(stranger, "tools/list", json!({})).await.status(), 404);
    });
}
