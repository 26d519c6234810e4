use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Body, event, prelude,
    reply::{self, Form},
    text,
};
use crate::lambda::{Outcome, emulator::Function, invocation::InvokeOptions};

const STAGE: &str = "v1";
/// "Quotas for REST APIs": integration timeout of all but streamed responses.
const TIMEOUT: Duration = Duration::from_secs(29);
/// The same of streamed ones, 15 minutes.
const STREAM_TIMEOUT: Duration = Duration::from_secs(15 * 60);

pub(super) async fn answer(
    function: &Arc<Function>,
    request: Request<Bytes>,
    streams: bool,
) -> Response<Body> {
    let path = request.uri().path().strip_prefix("/v1").filter(|path| path.starts_with('/'));
    let Some(path) = path else {
        return text(StatusCode::FORBIDDEN, r#"{"message":"Missing Authentication Token"}"#);
    };
    let event = event(&request, path, function.settings.authorizer.as_ref()).to_string();
    let invocation = function.invoke(event.into(), InvokeOptions::default());
    let default = if streams { STREAM_TIMEOUT } else { TIMEOUT };
    let timeout = function.settings.integration_timeout.unwrap_or(default);
    let Ok(outcome) = tokio::time::timeout(timeout, invocation).await else {
        return text(StatusCode::GATEWAY_TIMEOUT, r#"{"message":"Endpoint request timed out"}"#);
    };
    let reply = match outcome {
        Outcome::Failed(failure) => Err(format!("the function failed: {failure:?}")),
        Outcome::Streaming { content_type, chunks } if streams => {
            prelude::read(function, &content_type, chunks).await
        }
        Outcome::Streaming { .. } => {
            Err("a stream for an integration whose transfer mode is BUFFERED".into())
        }
        Outcome::Answered(_) if streams => {
            Err("a whole reply for an integration whose transfer mode is STREAM".into())
        }
        Outcome::Answered(reply) => reply::read(Form::Version1, &reply),
    };
    match reply {
        Ok(mut response) => {
            reply::remap(&mut response);
            response
        }
        Err(fault) => {
            function.fault(fault);
            text(StatusCode::BAD_GATEWAY, r#"{"message":"Internal server error"}"#)
        }
    }
}

fn event(request: &Request<Bytes>, path: &str, authorizer: Option<&Value>) -> Value {
    let parameters = event::query(request.uri());
    let last: Value =
        parameters.iter().map(|(name, values)| (name.clone(), json!(values.last()))).collect();
    let (body, is_base64) = event::body(request);
    let is_empty = parameters.is_empty();
    let mut event = json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method().as_str(),
        "headers": event::last_headers(request.headers()),
        "multiValueHeaders": event::multi_value_headers(request.headers()),
        "queryStringParameters": if is_empty { Value::Null } else { last },
        "multiValueQueryStringParameters": if is_empty { Value::Null } else { json!(parameters) },
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012",
            "resourceId": "123456",
            "resourcePath": "/{proxy+}",
            "httpMethod": request.method().as_str(),
            "path": format!("/{STAGE}{path}"),
            "stage": STAGE,
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "requestTime": "09/Apr/2015:12:34:56 +0000",
            "requestTimeEpoch": 1_428_582_896_000_u64,
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "apiId": "id",
            "identity": {
                "accessKey": null,
                "accountId": null,
                "caller": null,
                "cognitoIdentityId": null,
                "sourceIp": "127.0.0.1",
                "user": null,
                "userAgent": null,
                "userArn": null,
            },
        },
        "body": if request.body().is_empty() { Value::Null } else { body },
        "isBase64Encoded": is_base64 && !request.body().is_empty(),
    });
    if let Some(authorizer) = authorizer {
        event["requestContext"]["authorizer"] = authorizer.clone();
    }
    event
}
