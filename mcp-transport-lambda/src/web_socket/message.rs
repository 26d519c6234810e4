//! A message of a client.

use std::time::Duration;

use bytes::Bytes;
use lambda_runtime::{Context, Diagnostic};
use mcp_core::{Message, RequestId, connections::ConnectionAddress};

use super::{call::Call, within};
use crate::{
    config::Connections,
    event::HttpEvent,
    function::{Inner, deadline_of, facts},
    request,
    shape::Shape,
};

/// How long a message is kept that another process may wait for. No call takes longer.
const LEFT: Duration = Duration::from_secs(60);
/// How long an identifier may be that another process is told of, in bytes.
const MOST_ID: usize = 400;

/// Works on a message: answers a request, and passes on what concerns the call of another process.
pub(super) async fn answer(
    inner: &Inner,
    connections: &Connections,
    address: &ConnectionAddress,
    event: HttpEvent<'_>,
    context: &Context,
) -> Result<(), Diagnostic> {
    let margin = inner.config.margin;
    let ends_at = deadline_of(Shape::WebSocketApi, context, margin);
    let call = Call {
        inner,
        connections,
        address,
        facts: facts(context, ends_at, false),
        ends_at: ends_at + margin / 2,
    };
    let text = match request::body(event.body, event.is_base64_encoded) {
        Ok(text) => text,
        // API Gateway makes base64 of what it is told to, so that this is nobody's message.
        Err(error) => return Err(failure("MalformedEvent", error.to_string())),
    };
    match Message::parse(text.clone()) {
        Ok(Message::Request(request)) => call.answer(request).await,
        Ok(Message::Notification(notification)) => match notification.cancelled_request() {
            Some(id) => leave(connections, address, cancel_key(id), "").await,
            None => Ok(()),
        },
        Ok(Message::Response(response)) => {
            let question = response.id().and_then(|id| id.to_string().parse().ok());
            // It is JSON, and so text.
            let text = std::str::from_utf8(&text).unwrap_or_default();
            leave(connections, address, question.map(answer_key), text).await
        }
        Ok(_) => Ok(()),
        Err(malformed) => {
            let refusal = inner.server.refuse(malformed).into_bytes();
            call.post_last(refusal).await
        }
    }
}

/// Leaves a message for the process that works on the call.
async fn leave(
    connections: &Connections,
    address: &ConnectionAddress,
    key: Option<String>,
    message: &str,
) -> Result<(), Diagnostic> {
    let Some(key) = key else {
        tracing::debug!("a message concerns no call that there can be");
        return Ok(());
    };
    let left = connections.store.leave(&address.connection, &key, message, LEFT);
    // Its sender waits for no answer: an invocation that fails is what an operator sees.
    within(left).await.map_err(|error| failure("ConnectionStore", error))
}

/// Under which key a cancellation is left.
pub(super) fn cancel_key(id: &RequestId) -> Option<String> {
    let id = id.to_string();
    (id.len() <= MOST_ID).then(|| format!("cancel#{id}"))
}

/// Under which key an answer is left.
pub(super) fn answer_key(question: i64) -> String {
    format!("answer#{question}")
}

pub(super) fn failure(kind: &str, message: String) -> Diagnostic {
    tracing::error!(kind, "{message}");
    Diagnostic { error_type: kind.to_owned(), error_message: message }
}

/// The bytes of a notification or question that is too large to be sent.
pub(super) fn is_too_large(message: &Bytes) -> bool {
    message.len() > Shape::WebSocketApi.payload_limit()
}
