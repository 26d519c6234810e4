use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use lambda_runtime::{Context, Diagnostic, FunctionResponse, LambdaEvent, StreamResponse};
use mcp_core::BoxError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{
    api::RuntimeApi,
    body::{ERROR_BODY, ERROR_TYPE, Outgoing},
};
use crate::{BodyStream, Payload};

const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
/// Has to come back with the answer, so that a late one is not taken for another invocation's.
const INVOCATION_ID: HeaderName = HeaderName::from_static("lambda-runtime-invocation-id");

/// An event to be answered.
#[derive(Debug)]
pub(super) struct Invocation {
    request_id: String,
    headers: HeaderMap,
    event: Bytes,
}

type Answer = Result<FunctionResponse<Payload, BodyStream>, Diagnostic>;

impl Invocation {
    pub(super) fn new(headers: HeaderMap, event: Bytes) -> Result<Self, BoxError> {
        let request_id = text(&headers, REQUEST_ID.as_str()).ok_or("an event has no identifier")?;
        Ok(Self { request_id, headers, event })
    }

    /// The span of all that is done for it.
    pub(super) fn span(&self) -> tracing::Span {
        let span = tracing::info_span!(
            "Lambda runtime invoke",
            requestId = self.request_id,
            xrayTraceId = tracing::field::Empty,
            tenantId = tracing::field::Empty,
        );
        if !span.is_disabled() {
            for (field, header) in [
                ("xrayTraceId", "lambda-runtime-trace-id"),
                ("tenantId", "lambda-runtime-aws-tenant-id"),
            ] {
                if let Some(value) = text(&self.headers, header) {
                    span.record(field, value);
                }
            }
        }
        span
    }

    /// The event, for whoever answers it.
    pub(super) fn event(&self) -> Result<LambdaEvent<Box<RawValue>>, Diagnostic> {
        let payload = serde_json::from_slice(&self.event)
            .map_err(|error| malformed("the event", &error.to_string()))?;
        let mut context = Context::default();
        context.request_id.clone_from(&self.request_id);
        if let Some(deadline) = text(&self.headers, "lambda-runtime-deadline-ms") {
            context.deadline = deadline
                .parse()
                .map_err(|_| malformed("lambda-runtime-deadline-ms", "no number"))?;
        }
        context.invoked_function_arn =
            text(&self.headers, "lambda-runtime-invoked-function-arn").unwrap_or_default();
        context.xray_trace_id = text(&self.headers, "lambda-runtime-trace-id");
        context.tenant_id = text(&self.headers, "lambda-runtime-aws-tenant-id");
        context.client_context = json(&self.headers, "lambda-runtime-client-context")?;
        context.identity = json(&self.headers, "lambda-runtime-cognito-identity")?;
        Ok(LambdaEvent::new(payload, context))
    }

    /// The request that answers it.
    pub(super) fn answer(
        &self,
        api: &RuntimeApi,
        answer: Answer,
        span: tracing::Span,
    ) -> Result<Request<Outgoing>, BoxError> {
        let request = match answer {
            Ok(FunctionResponse::BufferedResponse(payload)) => match serde_json::to_vec(&payload) {
                Ok(text) => self
                    .post(api)
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Outgoing::whole(text))?,
                Err(error) => self.failure(api, &malformed("the reply", &error.to_string()))?,
            },
            Ok(FunctionResponse::StreamingResponse(stream)) => self.stream(api, stream, span)?,
            Err(diagnostic) => self.failure(api, &diagnostic)?,
        };
        Ok(self.identified(request))
    }

    fn post(&self, api: &RuntimeApi) -> http::request::Builder {
        let id = &self.request_id;
        api.request(Method::POST, &format!("/2018-06-01/runtime/invocation/{id}/response"))
    }

    /// "Building a custom runtime for AWS Lambda", response streaming.
    fn stream(
        &self,
        api: &RuntimeApi,
        response: StreamResponse<BodyStream>,
        span: tracing::Span,
    ) -> Result<Request<Outgoing>, BoxError> {
        let StreamResponse { metadata_prelude: mut prelude, stream } = response;
        prelude
            .headers
            .entry(header::CONTENT_TYPE)
            .or_insert(HeaderValue::from_static("application/octet-stream"));
        let prelude = serde_json::to_vec(&prelude)?;
        Ok(self
            .post(api)
            .header(header::CONTENT_TYPE, "application/vnd.awslambda.http-integration-response")
            .header("lambda-runtime-function-response-mode", "streaming")
            .header(header::TRANSFER_ENCODING, "chunked")
            .header(header::TRAILER, ERROR_TYPE)
            .header(header::TRAILER, ERROR_BODY)
            .body(Outgoing::streamed(prelude, stream, span))?)
    }

    fn failure(
        &self,
        api: &RuntimeApi,
        failure: &Diagnostic,
    ) -> Result<Request<Outgoing>, BoxError> {
        let path = format!("/2018-06-01/runtime/invocation/{}/error", self.request_id);
        api.failure(&path, &failure.error_type, &failure.error_message)
    }

    fn identified(&self, mut request: Request<Outgoing>) -> Request<Outgoing> {
        if let Some(id) = self.headers.get(INVOCATION_ID) {
            request.headers_mut().insert(INVOCATION_ID, id.clone());
        }
        request
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn json<T: DeserializeOwned>(headers: &HeaderMap, name: &str) -> Result<Option<T>, Diagnostic> {
    match headers.get(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => serde_json::from_slice(value.as_bytes())
            .map(Some)
            .map_err(|error| malformed(name, &error.to_string())),
    }
}

fn malformed(what: &str, why: &str) -> Diagnostic {
    Diagnostic {
        error_type: "Runtime.MalformedInvocation".to_owned(),
        error_message: format!("{what} cannot be read: {why}"),
    }
}
