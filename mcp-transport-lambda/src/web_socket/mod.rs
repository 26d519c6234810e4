//! A WebSocket API of API Gateway, which holds the connections and invokes the function for what
//! happens to each: it begins, a message comes, it ends.
//!
//! Every message may come to another process, and several to several at once. So what a message needs
//! to know of those before is in the store of connections, and nothing but the call itself is kept
//! here. What the server has to say is posted, message by message; the reply to an invocation is
//! for API Gateway alone.

mod call;
mod connect;
mod message;

use std::{pin::Pin, sync::Arc, time::Duration};

use http::{Response, StatusCode};
use lambda_runtime::{Context, Diagnostic};
use mcp_core::{ErrorKind, RpcError, connections::ConnectionAddress};
use mcp_http::Body;

use crate::{
    config::Connections,
    event::{HttpEvent, RequestContext, SocketEvent},
    function::{Inner, refusal},
};

/// How long a connection can last ("Quotas for WebSocket APIs": 2 hours), and a little more, as its
/// last call may go on for a while.
const KEEP: Duration = Duration::from_secs(2 * 60 * 60 + 15 * 60);
/// How long the store is waited for. A client waits all the while.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// [`answer`], which a configuration with connections names: programs without any are linked without
/// its code.
pub(crate) type Answer = for<'a> fn(
    &'a Inner,
    &'a Connections,
    SocketEvent,
    HttpEvent<'a>,
    &'a Context,
) -> Answering<'a>;

pub(crate) type Answering<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Diagnostic>> + Send + 'a>>;

/// Answers API Gateway. The error says that what has happened could not be worked on, and that its
/// client could not be told.
pub(crate) fn answer<'a>(
    inner: &'a Inner,
    connections: &'a Connections,
    happened: SocketEvent,
    event: HttpEvent<'a>,
    context: &'a Context,
) -> Answering<'a> {
    Box::pin(happens(inner, connections, happened, event, context))
}

/// The answer where there are no connections.
pub(crate) fn not_set_up() -> Response<Body> {
    let message = "this server is not set up for a WebSocket API: name the DynamoDB table for \
                   its connections with MCP_CONNECTION_TABLE, or call LambdaConfig::connections";
    tracing::error!("{message}");
    let error = RpcError::new(ErrorKind::Internal, message);
    refusal(StatusCode::NOT_IMPLEMENTED, None, error)
}

async fn happens(
    inner: &Inner,
    connections: &Connections,
    happened: SocketEvent,
    event: HttpEvent<'_>,
    context: &Context,
) -> Result<Response<Body>, Diagnostic> {
    let Some(address) = event.request_context.as_ref().and_then(address) else {
        return Ok(not_set_up());
    };
    match happened {
        SocketEvent::Connect => Ok(connect::answer(inner, connections, &address, event).await),
        SocketEvent::Message => {
            message::answer(inner, connections, &address, event, context).await?;
            Ok(Response::new(Body::empty()))
        }
        SocketEvent::Disconnect => {
            match within(connections.store.remove(&address.connection)).await {
                Ok(()) => tracing::debug!("a connection is closed"),
                // It expires by itself.
                Err(error) => tracing::warn!(%error, "a closed connection is still in the store"),
            }
            Ok(Response::new(Body::empty()))
        }
    }
}

/// Where the client is to be found.
fn address(context: &RequestContext<'_>) -> Option<ConnectionAddress> {
    let (domain, stage) = (context.domain_name.as_deref()?, context.stage.as_deref()?);
    let region = std::env::var("AWS_REGION").unwrap_or_default();
    Some(ConnectionAddress {
        endpoint: endpoint(domain, stage, context.api_id.as_deref(), &region).into(),
        connection: Arc::from(context.connection_id.as_deref()?),
    })
}

/// A custom domain has the path of its API mapping, which no event tells. The API's own endpoint is
/// there besides, unless it is disabled.
fn endpoint(domain: &str, stage: &str, api: Option<&str>, region: &str) -> String {
    match api {
        Some(api) if !domain.contains(".execute-api.") => {
            let suffix =
                if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
            format!("https://{api}.execute-api.{region}.{suffix}/{stage}")
        }
        _ => format!("https://{domain}/{stage}"),
    }
}

/// What the store says, or that it says nothing.
async fn within<T, E: std::fmt::Display>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, String> {
    match tokio::time::timeout(STORE_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!("the store of connections did not answer within {STORE_TIMEOUT:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn messages_go_to_the_apis_own_endpoint() {
        for (domain, region, url) in [
            (
                "a1.execute-api.eu-west-1.amazonaws.com",
                "eu-west-1",
                "a1.execute-api.eu-west-1.amazonaws.com",
            ),
            ("ws.example.com", "eu-west-1", "a1.execute-api.eu-west-1.amazonaws.com"),
            ("ws.example.cn", "cn-north-1", "a1.execute-api.cn-north-1.amazonaws.com.cn"),
        ] {
            assert_eq!(endpoint(domain, "prod", Some("a1"), region), format!("https://{url}/prod"));
        }
    }
}
