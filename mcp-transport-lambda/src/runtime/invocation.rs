use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use lambda_runtime::{Context, Diagnostic, FunctionResponse, LambdaEvent, StreamResponse};
use mcp_core::BoxError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json, value::RawValue};

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

#[derive(Deserialize)]
struct ClientContextObject {
    #[serde(default)]
    client: Value,
    #[serde(default)]
    custom: Map<String, Value>,
    #[serde(default, alias = "env")]
    environment: Map<String, Value>,
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
        context.client_context =
            read(&self.headers, "lambda-runtime-client-context")?.and_then(client_context);
        context.identity = read(&self.headers, "lambda-runtime-cognito-identity")?;
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

fn read<T: DeserializeOwned>(headers: &HeaderMap, name: &str) -> Result<Option<T>, Diagnostic> {
    match headers.get(name).filter(|value| !value.is_empty()) {
        None => Ok(None),
        Some(value) => serde_json::from_slice(value.as_bytes())
            .map(Some)
            .map_err(|error| malformed(name, &error.to_string())),
    }
}

/// What a caller says of itself, as far as it has the form of AWS's mobile SDKs: any caller may put any
/// object there. The type is one that `lambda_runtime` does not name.
fn client_context<T: DeserializeOwned>(said: ClientContextObject) -> Option<T> {
    let texts = |members: Map<String, Value>| -> Value {
        let text = |(name, value)| match value {
            Value::String(_) => (name, value),
            other => (name, Value::String(other.to_string())),
        };
        members.into_iter().map(text).collect()
    };
    let mut told = json!({ "custom": texts(said.custom), "environment": texts(said.environment) });
    let without = T::deserialize(&told).ok();
    told["client"] = said.client;
    T::deserialize(&told).ok().or(without)
}

fn malformed(what: &str, why: &str) -> Diagnostic {
    Diagnostic {
        error_type: "Runtime.MalformedInvocation".to_owned(),
        error_message: format!("{what} cannot be read: {why}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn context(headers: &[(&'static str, &'static str)]) -> Result<Context, Diagnostic> {
        let mut all = HeaderMap::new();
        for (name, value) in [("lambda-runtime-aws-request-id", "id")].iter().chain(headers) {
            all.insert(*name, HeaderValue::from_static(value));
        }
        let invocation = Invocation::new(all, Bytes::from_static(b"{}")).unwrap();
        invocation.event().map(|event| event.context)
    }

    #[test]
    fn what_the_runtime_api_says_is_the_context() {
        let context = context(&[
            ("lambda-runtime-deadline-ms", "1542409706888"),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f"),
            ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
            ("lambda-runtime-aws-tenant-id", "blue"),
            (
                "lambda-runtime-cognito-identity",
                r#"{"cognitoIdentityId":"a","cognitoIdentityPoolId":"b"}"#,
            ),
        ])
        .unwrap();
        assert_eq!((&*context.request_id, context.deadline), ("id", 1_542_409_706_888));
        assert_eq!(context.invoked_function_arn, "arn:aws:lambda:us-east-1:1:function:f");
        assert_eq!(
            context.xray_trace_id.as_deref(),
            Some("Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
        );
        assert_eq!(context.tenant_id.as_deref(), Some("blue"));
        assert_eq!(context.identity.unwrap().identity_id, "a");
    }

    #[test]
    fn a_client_context_may_hold_anything_and_must_be_an_object() {
        let name = "lambda-runtime-client-context";
        let said = r#"{"client":{"installation_id":1},"custom":{"tool":"a___b","more":{"n":1}},"env":{"x":"y"}}"#;
        let said = context(&[(name, said)]).unwrap().client_context.unwrap();
        assert_eq!((&*said.custom["tool"], &*said.custom["more"]), ("a___b", r#"{"n":1}"#));
        assert_eq!(said.environment["x"], "y");
        assert_eq!(context(&[(name, "")]).unwrap().client_context, None);
        for wrong in ["1", "{"] {
            let error = context(&[(name, wrong)]).unwrap_err();
            assert_eq!(error.error_type, "Runtime.MalformedInvocation");
            assert!(error.error_message.contains(name), "{}", error.error_message);
        }
    }

    #[test]
    fn an_event_without_an_identifier_cannot_be_answered() {
        assert!(Invocation::new(HeaderMap::new(), Bytes::new()).is_err());
        assert!(context(&[("lambda-runtime-deadline-ms", "soon")]).is_err());
        assert_eq!(context(&[]).unwrap().deadline, 0);
    }
}
