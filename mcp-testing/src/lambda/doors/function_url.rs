use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{
    Body, event, prelude,
    reply::{self, Form},
    text,
};
use crate::lambda::{Outcome, emulator::Function, invocation::InvokeOptions};

const DOMAIN: &str = "id.lambda-url.us-east-1.on.aws";

pub(super) async fn answer(
    function: &Arc<Function>,
    request: Request<Bytes>,
    streams: bool,
) -> Response<Body> {
    let authorizer = function.settings.authorizer.as_ref();
    let event = event::version_2(&request, "$default", DOMAIN, authorizer).to_string();
    let reply = match function.invoke(event.into(), InvokeOptions::default()).await {
        Outcome::Failed(failure) if failure.error_type == "TooManyRequestsException" => {
            return text(StatusCode::TOO_MANY_REQUESTS, r#"{"Message":"Rate Exceeded."}"#);
        }
        Outcome::Failed(failure) => Err(format!("the function failed: {failure:?}")),
        Outcome::Streaming { content_type, chunks } if streams => {
            prelude::read(function, &content_type, chunks).await
        }
        // AWS hands it on as the body, prelude and all.
        Outcome::Streaming { .. } => Err("a stream for a URL whose invoke mode is BUFFERED".into()),
        // AWS hands it on as the body, members and all.
        Outcome::Answered(_) if streams => {
            Err("a whole reply for a URL whose invoke mode is RESPONSE_STREAM".into())
        }
        Outcome::Answered(reply) => reply::read(Form::Version2, &reply),
    };
    reply.unwrap_or_else(|fault| {
        function.fault(fault);
        text(StatusCode::BAD_GATEWAY, r#"{"Message":"Internal Server Error"}"#)
    })
}
