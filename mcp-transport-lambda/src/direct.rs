//! Invocations without HTTP: JSON-RPC messages, and calls of AgentCore Gateway.

use bytes::Bytes;
use futures_util::future::join_all;
use http::Extensions;
use lambda_runtime::Context;
use mcp_core::{Encoded, ErrorKind, Message, ResponseLimit, RpcError, Server};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::shape::PAYLOAD;

/// How many messages one event may bring.
const MOST_MESSAGES: usize = 100;
/// Kept free for the brackets and commas around several responses.
const ENVELOPE: usize = 1024;

const LIMIT: ResponseLimit =
    ResponseLimit::new(PAYLOAD - ENVELOPE, "an AWS Lambda response (6 MB)");

/// Answers one message; `None` where it wants no answer.
pub(crate) async fn message(server: &Server, text: Bytes, facts: &Extensions) -> Option<Encoded> {
    match Message::parse(text) {
        Ok(Message::Request(mut request)) => {
            request.extensions_mut().extend(facts.clone());
            request.extensions_mut().insert(LIMIT);
            Some(server.call(request).response().await)
        }
        Ok(Message::Notification(_)) => None,
        Ok(_) => Some(Encoded::refusal(
            None,
            RpcError::new(
                ErrorKind::InvalidRequest,
                "a response answers nothing: this server has sent no request",
            ),
        )),
        Err(malformed) => Some(server.refuse(malformed)),
    }
}

/// Answers an array of messages with an array of responses, in their order.
pub(crate) async fn batch(server: &Server, text: &str, facts: &Extensions) -> Bytes {
    let refused = |message: String| {
        Encoded::refusal(None, RpcError::new(ErrorKind::InvalidRequest, message)).into_bytes()
    };
    let messages: Vec<&RawValue> = match serde_json::from_str(text) {
        Ok(messages) => messages,
        Err(error) => {
            let error = RpcError::new(ErrorKind::Parse, format!("the event is no JSON: {error}"));
            return Encoded::refusal(None, error).into_bytes();
        }
    };
    if messages.is_empty() || messages.len() > MOST_MESSAGES {
        let count = messages.len();
        return refused(format!("an event brings 1 to {MOST_MESSAGES} messages, not {count}"));
    }
    let answers = messages.iter().map(|message_text| {
        let text = Bytes::copy_from_slice(message_text.get().as_bytes());
        message(server, text, facts)
    });
    let mut responses = vec![b'['];
    for (answer, asked) in join_all(answers).await.into_iter().zip(messages) {
        let Some(mut answer) = answer.map(Encoded::into_bytes) else { continue };
        if responses.len() + answer.len() > PAYLOAD - ENVELOPE {
            answer = no_room(asked);
        }
        if responses.len() > 1 {
            responses.push(b',');
        }
        responses.extend_from_slice(&answer);
    }
    responses.push(b']');
    responses.into()
}

/// The answer to a message whose own has no place any more beside those of the others.
fn no_room(asked: &RawValue) -> Bytes {
    let id = match Message::parse(Bytes::copy_from_slice(asked.get().as_bytes())) {
        Ok(Message::Request(request)) => Some(request.id().clone()),
        _ => None,
    };
    let error = RpcError::new(
        ErrorKind::ResponseTooLarge,
        format!(
            "the answers together take more than the {PAYLOAD} bytes of an AWS Lambda response; \
             invoke the function once for each message"
        ),
    );
    Encoded::refusal(id.as_ref(), error).into_bytes()
}

/// The tool that AgentCore Gateway calls, if it is the one who invokes.
///
/// The gateway puts `target___tool` into the client context, and nothing but the arguments into the
/// event.
pub(crate) fn gateway_tool(context: &Context) -> Option<&str> {
    let custom = &context.client_context.as_ref()?.custom;
    let (_, name) =
        custom.iter().find(|(key, _)| key.eq_ignore_ascii_case("bedrockAgentCoreToolName"))?;
    Some(name.split_once("___").map_or(name, |(_, tool)| tool))
}

/// Answers a call of AgentCore Gateway with the tool's result alone.
///
/// The gateway speaks with the client in its place, so that nothing can be asked and nobody hears
/// of progress: what an unassuming legacy client gets.
pub(crate) async fn gateway(
    server: &Server,
    tool: &str,
    arguments: &RawValue,
    facts: &Extensions,
) -> Bytes {
    #[derive(Deserialize)]
    struct Answer<'a> {
        #[serde(borrow)]
        result: Option<&'a RawValue>,
        error: Option<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        message: String,
    }
    let name = json!(tool);
    let call = format!(
        r#"{{"jsonrpc":"2.0","id":0,"method":"tools/call","params":{{"name":{name},"arguments":{arguments}}}}}"#
    );
    let answer = message(server, call.into(), facts).await.map(Encoded::into_bytes);
    let answer = answer.unwrap_or_default();
    match serde_json::from_slice::<Answer<'_>>(&answer) {
        Ok(Answer { result: Some(result), .. }) => answer.slice_ref(result.get().as_bytes()),
        // The gateway has no place for a JSON-RPC error; the model can read a tool's.
        Ok(Answer { error: Some(error), .. }) => failure(&error.message),
        _ => failure("internal error"),
    }
}

fn failure(message: &str) -> Bytes {
    let result = json!({ "content": [{ "type": "text", "text": message }], "isError": true });
    result.to_string().into()
}
