use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    Body, event,
    reply::{self, Form},
    text,
};
use crate::lambda::{Outcome, emulator::Function, invocation::InvokeOptions};

/// "Lambda functions as targets", Limits: the response JSON.
const REPLY: usize = 1024 * 1024;

pub(super) async fn answer(
    function: &Arc<Function>,
    request: Request<Bytes>,
    multi_value: bool,
) -> Response<Body> {
    let event = event(&request, multi_value).to_string();
    let reply = match function.invoke(event.into(), InvokeOptions::default()).await {
        Outcome::Failed(failure) => Err(format!("the function failed: {failure:?}")),
        Outcome::Streaming { .. } => Err("a stream, which load balancers do not hand on".into()),
        Outcome::Answered(reply) if reply.len() > REPLY => {
            Err(format!("the reply has {} bytes, over the {REPLY} of a load balancer", reply.len()))
        }
        Outcome::Answered(reply) => reply::read(Form::Alb { multi_value }, &reply),
    };
    reply.unwrap_or_else(|fault| {
        function.fault(fault);
        text(StatusCode::BAD_GATEWAY, "<html><h1>502 Bad Gateway</h1></html>")
    })
}

fn event(request: &Request<Bytes>, multi_value: bool) -> Value {
    let mut headers = request.headers().clone();
    for (name, value) in [
        ("x-amzn-trace-id", "Root=1-5c536348-3d683b8b04734faae651f476"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", "80"),
        ("x-forwarded-proto", "http"),
    ] {
        headers.insert(name, http::HeaderValue::from_static(value));
    }
    let parameters = event::raw_query(request.uri());
    let (body, is_base64) = event::body(request);
    let mut event = json!({
        "requestContext": {
            "elb": {
                "targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/function/49e9d65c45c6791a",
            },
        },
        "httpMethod": request.method().as_str(),
        "path": request.uri().path(),
        "body": body,
        "isBase64Encoded": is_base64,
    });
    if multi_value {
        event["multiValueHeaders"] = Value::Object(event::multi_value_headers(&headers));
        event["multiValueQueryStringParameters"] = json!(parameters);
    } else {
        event["headers"] = Value::Object(event::last_headers(&headers));
        let last = parameters.iter().map(|(name, values)| (name.clone(), json!(values.last())));
        event["queryStringParameters"] = Value::Object(last.collect());
    }
    event
}
