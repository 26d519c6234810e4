//! Lambda's own API, as the AWS SDKs call it.

use std::sync::Arc;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;

use super::{Body, full, prelude, text};
use crate::lambda::{Failure, Outcome, emulator::Function, invocation::InvokeOptions};

/// The most that an asynchronous event has ("Lambda quotas": 1 MB).
const ASYNCHRONOUS: usize = 1024 * 1024;
/// "Invoke", Request parameters: how long a client context may be, in base64.
const CLIENT_CONTEXT: usize = 3583;

pub(super) async fn answer(function: &Arc<Function>, request: Request<Bytes>) -> Response<Body> {
    let (parts, event) = request.into_parts();
    let is_invoke = parts.method == Method::POST
        && parts.uri.path().strip_prefix("/2015-03-31/functions/").is_some_and(|rest| {
            rest.split_once('/').is_some_and(|(_, action)| action == "invocations")
        });
    if !is_invoke {
        return text(StatusCode::NOT_FOUND, r#"{"Type":"User","Message":"no such operation"}"#);
    }
    let Some(options) = options(&parts.headers) else {
        let message = r#"{"Type":"User","Message":"Client context must be a valid Base64-encoded JSON object."}"#;
        return text(StatusCode::BAD_REQUEST, message);
    };
    if serde_json::from_slice::<serde::de::IgnoredAny>(&event).is_err() && !event.is_empty() {
        let message = r#"{"Type":"User","Message":"Could not parse request body into json"}"#;
        return text(StatusCode::BAD_REQUEST, message);
    }
    let kind = parts.headers.get("x-amz-invocation-type").map(http::HeaderValue::as_bytes);
    match kind {
        None | Some(b"RequestResponse") => {}
        Some(b"DryRun") => return text(StatusCode::NO_CONTENT, ""),
        Some(b"Event") if event.len() > ASYNCHRONOUS => {
            return text(StatusCode::PAYLOAD_TOO_LARGE, r#"{"Type":"User","Message":"too large"}"#);
        }
        Some(b"Event") => {
            let function = Arc::clone(function);
            tokio::spawn(asynchronous(function, event, options));
            return text(StatusCode::ACCEPTED, "");
        }
        Some(_) => return text(StatusCode::BAD_REQUEST, r#"{"Type":"User"}"#),
    }
    match function.invoke(event, options).await {
        Outcome::Answered(reply) => reply_with(reply, None),
        Outcome::Streaming { chunks, .. } => match prelude::whole(chunks).await {
            Ok(whole) => reply_with(whole, None),
            Err(failure) => failed(&failure),
        },
        Outcome::Failed(failure) => failed(&failure),
    }
}

/// Invokes, and tries twice again if that fails ("Retry behavior of asynchronous invocation"). What has
/// failed for the last time goes to its destination, if there is one.
async fn asynchronous(function: Arc<Function>, event: Bytes, options: InvokeOptions) {
    let mut last = None;
    for attempt in 1..=3 {
        match function.invoke(event.clone(), options.clone()).await {
            Outcome::Failed(failure) => {
                function.fault(format!("asynchronous invocation, attempt {attempt}: {failure:?}"));
                last = Some(failure);
            }
            _ => return,
        }
        if attempt < 3 {
            tokio::time::sleep(function.settings.retry_after * attempt).await;
        }
    }
    if let Some(failure) = last.filter(|_| function.settings.tells_itself) {
        let record = record(&event, &failure).to_string();
        if let Outcome::Failed(failure) = function.invoke(record.into(), options).await {
            function.fault(format!("the destination of a failed event: {failure:?}"));
        }
    }
}

/// "Capturing records of Lambda asynchronous invocations".
fn record(event: &Bytes, failure: &Failure) -> serde_json::Value {
    let event: serde_json::Value = serde_json::from_slice(event).unwrap_or_default();
    json!({
        "version": "1.0",
        "timestamp": "2019-11-14T18:16:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-4f47-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:function:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": { "errorType": failure.error_type, "errorMessage": failure.message },
    })
}

fn options(headers: &HeaderMap) -> Option<InvokeOptions> {
    let client_context = match headers.get("x-amz-client-context") {
        None => None,
        Some(context) if context.len() <= CLIENT_CONTEXT => {
            let context = String::from_utf8(BASE64_STANDARD.decode(context).ok()?).ok()?;
            serde_json::from_str::<serde::de::IgnoredAny>(&context).ok()?;
            Some(context)
        }
        Some(_) => return None,
    };
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let (tenant_id, trace_id) = (text("x-amz-tenant-id"), text("x-amzn-trace-id"));
    Some(InvokeOptions { client_context, tenant_id, trace_id })
}

fn reply_with(reply: Bytes, error: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(full(reply));
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    headers.insert("x-amz-executed-version", http::HeaderValue::from_static("$LATEST"));
    if let Some(error) = error {
        headers.insert("x-amz-function-error", http::HeaderValue::from_static(error));
    }
    response
}

fn failed(failure: &Failure) -> Response<Body> {
    match failure.error_type.as_str() {
        "TooManyRequestsException" => {
            text(StatusCode::TOO_MANY_REQUESTS, r#"{"Type":"User","Message":"Rate Exceeded."}"#)
        }
        "RequestTooLargeException" => {
            text(StatusCode::PAYLOAD_TOO_LARGE, r#"{"Type":"User","Message":"too large"}"#)
        }
        kind => {
            let told = json!({ "errorType": kind, "errorMessage": failure.message });
            reply_with(told.to_string().into(), Some("Unhandled"))
        }
    }
}
