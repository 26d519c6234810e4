//! An internal extension that does nothing: with one, Lambda sends a process SIGTERM before it ends
//! it, and 500 ms to live ("Lambda execution environment lifecycle", shutdown phase).

use std::sync::Arc;

use http::{HeaderValue, Method, Request, header};
use mcp_core::BoxError;

use crate::runtime::{Outgoing, RuntimeApi};

/// Lambda knows extensions by their names.
const NAME: &str = "mcp-shutdown";
const IDENTIFIER: &str = "lambda-extension-identifier";

/// Registers it. Must come before the first invocation is asked for.
///
/// `lambda_runtime::spawn_graceful_shutdown_handler` does the same, but panics where the platform
/// refuses, ends the process by itself, and brings an HTTP server.
pub(crate) async fn register(api: &Arc<RuntimeApi>) -> Result<(), BoxError> {
    let mut connection = api.connection();
    let request = api
        .request(Method::POST, "/2020-01-01/extension/register")
        .header("lambda-extension-name", NAME)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Outgoing::whole(r#"{"events":[]}"#))?;
    let (headers, _) = connection.call(request).await?;
    let identifier = headers.get(IDENTIFIER).ok_or("the Extensions API has sent no identifier")?;
    let next = next(api, identifier)?;
    // The init phase ends once all extensions ask for their next event. This one has none, so the
    // answer never comes, and what is waited for costs nothing.
    tokio::spawn(async move { connection.call(next).await.map(drop) });
    Ok(())
}

fn next(api: &RuntimeApi, identifier: &HeaderValue) -> Result<Request<Outgoing>, http::Error> {
    api.request(Method::GET, "/2020-01-01/extension/event/next")
        .header(IDENTIFIER, identifier)
        .body(Outgoing::empty())
}
