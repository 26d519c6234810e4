use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{
    Body, event,
    reply::{self, Form},
    text,
};
use crate::lambda::{Outcome, emulator::Function, invocation::InvokeOptions};

const DOMAIN: &str = "id.execute-api.us-east-1.amazonaws.com";
const STAGE: &str = "prod";
/// "Quotas for HTTP APIs": maximum integration timeout.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn answer(function: &Arc<Function>, request: Request<Bytes>) -> Response<Body> {
    let in_stage = request.uri().path().strip_prefix("/prod");
    if !in_stage.is_some_and(|path| path.is_empty() || path.starts_with('/')) {
        return text(StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#);
    }
    let authorizer = function.settings.authorizer.as_ref();
    let event = event::version_2(&request, STAGE, DOMAIN, authorizer).to_string();
    let invocation = function.invoke(event.into(), InvokeOptions::default());
    let timeout = function.settings.integration_timeout.unwrap_or(TIMEOUT);
    let Ok(outcome) = tokio::time::timeout(timeout, invocation).await else {
        return text(StatusCode::SERVICE_UNAVAILABLE, r#"{"message":"Service Unavailable"}"#);
    };
    let reply = match outcome {
        Outcome::Failed(failure) => Err(format!("the function failed: {failure:?}")),
        Outcome::Streaming { .. } => Err("a stream, which HTTP APIs do not hand on".into()),
        Outcome::Answered(reply) => reply::read(Form::Version2, &reply),
    };
    reply.unwrap_or_else(|fault| {
        function.fault(fault);
        text(StatusCode::INTERNAL_SERVER_ERROR, r#"{"message":"Internal Server Error"}"#)
    })
}
