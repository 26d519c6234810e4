//! An internal extension that does nothing: with one, Lambda sends a process SIGTERM before it ends
//! it, and 500 ms to live ("Lambda execution environment lifecycle", shutdown phase).

use http::{HeaderValue, Method, Request};
use lambda_runtime_api_client::{BoxError, PooledClient, body::Body, build_request};

/// Lambda knows extensions by their names.
const NAME: &str = "mcp-shutdown";

/// Registers it. Must come before the first invocation is asked for.
///
/// `lambda_runtime::spawn_graceful_shutdown_handler` does the same, but panics where the platform
/// refuses, ends the process by itself, and brings an HTTP server.
pub(crate) async fn register() -> Result<(), BoxError> {
    let client = PooledClient::builder().build();
    let request = build_request()
        .method(Method::POST)
        .uri("/2020-01-01/extension/register")
        .header("Lambda-Extension-Name", NAME)
        .header("Content-Type", "application/json")
        .body(Body::from(r#"{"events":[]}"#))?;
    let response = client.call(request).await?;
    if !response.status().is_success() {
        return Err(format!("the Extensions API answered {}", response.status()).into());
    }
    let identifier = response.headers().get("lambda-extension-identifier").cloned();
    let identifier = identifier.ok_or("the Extensions API has sent no identifier")?;
    // The init phase ends once all extensions ask for their next event. This one has none, so the
    // answer never comes, and what is waited for costs nothing.
    tokio::spawn(async move {
        if let Ok(next) = next(&identifier) {
            let _ = client.call(next).await;
        }
    });
    Ok(())
}

fn next(identifier: &HeaderValue) -> Result<Request<Body>, http::Error> {
    build_request()
        .method(Method::GET)
        .uri("/2020-01-01/extension/event/next")
        .header("Lambda-Extension-Identifier", identifier)
        .body(Body::empty())
}
