//! One invocation: what its event is, and who answers it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Full};
use lambda_runtime::{Context, Diagnostic, FunctionResponse, LambdaEvent};
use mcp_core::{
    Deadline, Encoded, ErrorKind, Message, Principal, RequestId, ResponseLimit, RpcError, Server,
    SubscriptionLimit, Tenant,
};
use mcp_http::HttpService;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    LambdaConfig, direct,
    event::{Event, HttpEvent},
    identity, request,
    response::{self, Whole},
    shape::Shape,
    stream::BodyStream,
    trace, web_socket, work,
};

/// What answers the invocations of one process. Cheap to clone.
///
/// [`LambdaTransport`](crate::LambdaTransport) calls it with what the Runtime API brings; it is public for
/// those who have a handler of their own around it, and a `lambda_runtime::Runtime` that calls that.
#[derive(Clone, Debug)]
pub struct Function {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) server: Server,
    pub(crate) service: HttpService,
    pub(crate) config: LambdaConfig,
}

/// A whole reply, to be written as JSON.
#[derive(Debug)]
pub struct Payload(Kind);

#[derive(Debug)]
enum Kind {
    Http(Whole),
    /// JSON text.
    Json(Bytes),
    /// There is nothing to say, which JSON calls `null`.
    Nothing,
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Http(whole) => whole.serialize(serializer),
            Kind::Json(text) => {
                let raw: &RawValue =
                    serde_json::from_slice(text).map_err(serde::ser::Error::custom)?;
                raw.serialize(serializer)
            }
            Kind::Nothing => serializer.serialize_unit(),
        }
    }
}

pub(crate) type Answer = FunctionResponse<Payload, BodyStream>;

fn whole(kind: Kind) -> Answer {
    FunctionResponse::BufferedResponse(Payload(kind))
}

impl Function {
    /// Answers for `server`.
    pub fn new(server: Server, config: LambdaConfig) -> Self {
        let service = HttpService::new(server.clone(), config.http.clone());
        Self { inner: Arc::new(Inner { server, service, config }) }
    }

    /// Answers one invocation.
    ///
    /// # Errors
    ///
    /// When the event is none that an MCP server answers. Everything else, a failure of the server
    /// too, is an answer that the client can read.
    pub async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Answer, Diagnostic> {
        let LambdaEvent { payload, context } = event;
        let Inner { server, config, .. } = &*self.inner;
        if let Some(tool) = direct::gateway_tool(&context) {
            let facts = facts(&context, deadline(&context, config.margin), false);
            return Ok(whole(Kind::Json(direct::gateway(server, tool, &payload, &facts).await)));
        }
        let event = Event::parse(payload.get()).map_err(|error| Diagnostic {
            error_type: "UnknownEvent".to_owned(),
            error_message: error.to_string(),
        })?;
        let event = match event {
            Event::Http(shape, event) => return Ok(self.http(shape, *event, &context).await),
            Event::Socket(happened, event) => {
                let answer = match &config.connections {
                    Some(connections) => {
                        let answer = connections.answer;
                        answer(&self.inner, connections, happened, *event, &context).await?
                    }
                    None => web_socket::not_set_up(),
                };
                return Ok(reply(Shape::WebSocketApi, false, answer).await);
            }
            Event::Task => {
                let ends_at = deadline(&context, config.margin);
                return work::one(server, payload.get(), ends_at)
                    .await
                    .map(|()| whole(Kind::Nothing));
            }
            Event::Queue(queue) => {
                let failures = queue.work(server, deadline(&context, config.margin)).await?;
                return Ok(whole(Kind::Json(Box::<str>::from(failures).into_string().into())));
            }
            Event::Schedule => return Ok(whole(Kind::Nothing)),
            other => other,
        };
        let facts = facts(&context, deadline(&context, config.margin), false);
        let text = payload.get();
        Ok(whole(if matches!(event, Event::Batch) {
            Kind::Json(direct::batch(server, text, &facts).await)
        } else {
            let text = Bytes::copy_from_slice(text.as_bytes());
            let answer = direct::message(server, text, &facts).await;
            answer.map_or(Kind::Nothing, |answer| Kind::Json(answer.into_bytes()))
        }))
    }

    async fn http(&self, shape: Shape, event: HttpEvent<'_>, context: &Context) -> Answer {
        let config = &self.inner.config;
        let asks_for_stream = stage_says_stream(&event);
        let streams = config.response.streams(shape, asks_for_stream);
        let principal = event
            .request_context
            .as_ref()
            .and_then(|context| identity::principal(context, &config.iam_scopes));
        let (mut parts, body) = match request::request(shape, event) {
            Ok(request) => request.into_parts(),
            Err(error) => {
                let error = RpcError::new(ErrorKind::InvalidRequest, error.to_string());
                return reply(shape, streams, refusal(StatusCode::BAD_REQUEST, None, error)).await;
            }
        };
        if let Some(health) = health(shape, &parts) {
            return reply(shape, streams, health).await;
        }
        if principal.is_none() && config.needs_principal() {
            return reply(shape, streams, anonymous()).await;
        }

        let ends_at = if streams {
            deadline(context, config.margin)
        } else {
            deadline_of(shape, context, config.margin)
        };
        parts.extensions = facts(context, ends_at, streams);
        if !streams {
            let limit = ResponseLimit::new(shape.body_limit(), shape.carrier()).in_string();
            parts.extensions.insert(limit);
        }
        if let Some(principal) = principal {
            parts.extensions.insert::<Principal>(principal);
        }

        // It is whole already: reading it does not wait.
        let text =
            body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let exchange =
            self.inner.service.respond(Request::from_parts(parts, Full::new(text.clone())));
        let answered = async {
            // The service cannot fail.
            let Ok(response) = exchange.await;
            reply(shape, streams, response).await
        };
        // A call ends by itself in time; what is around it, such as a layer, need not.
        match tokio::time::timeout_at(ends_at + config.margin / 2, answered).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!("a request was not answered before the end of its invocation");
                let id = match Message::parse(text) {
                    Ok(Message::Request(request)) => Some(request.id().clone()),
                    _ => None,
                };
                let message =
                    "the request was cancelled: the time that the function may take is over";
                let error = RpcError::new(ErrorKind::DeadlineExceeded, message);
                reply(shape, streams, refusal(StatusCode::OK, id.as_ref(), error)).await
            }
        }
    }
}

/// The answer to those whom nobody knows, where that is asked.
pub(crate) fn anonymous() -> Response<mcp_http::Body> {
    let error = RpcError::new(
        ErrorKind::Forbidden,
        "nothing in front of this server has authenticated the caller: use IAM or an authorizer, or \
         set MCP_ALLOW_ANONYMOUS=true if anyone may call its tools",
    );
    refusal(StatusCode::UNAUTHORIZED, None, error)
}

/// What a request is told about its invocation.
pub(crate) fn facts(context: &Context, ends_at: Instant, streams: bool) -> http::Extensions {
    let mut facts = http::Extensions::new();
    facts.insert(Deadline(ends_at));
    // Who gets a whole reply is told what it would hear of; no invocation is held for the rest.
    facts.insert(SubscriptionLimit(if streams { ends_at } else { Instant::now() }));
    if let Some(tenant) = &context.tenant_id {
        facts.insert(Tenant(tenant.as_str().into()));
    }
    if let Some(trace) = context.xray_trace_id.as_deref().and_then(trace::from_xray) {
        facts.insert(trace);
    }
    facts
}

/// The most that an invocation may take ("Lambda quotas": 900 seconds).
const LONGEST: Duration = Duration::from_secs(900);

/// When calls of this invocation end.
fn deadline(context: &Context, margin: Duration) -> Instant {
    let left = match context.deadline().duration_since(SystemTime::now()) {
        Ok(left) => left,
        // No invocation is as old as that: `cargo lambda watch` counts milliseconds from 1970.
        Err(over) if over.duration() > LONGEST => LONGEST,
        Err(_) => Duration::ZERO,
    };
    Instant::now() + left.saturating_sub(margin.min(left / 4))
}

/// The same where the source does not wait as long for a whole reply.
pub(crate) fn deadline_of(shape: Shape, context: &Context, margin: Duration) -> Instant {
    let ends_at = deadline(context, margin);
    let Some(after) = shape.gives_up_after() else { return ends_at };
    ends_at.min(Instant::now() + after.saturating_sub(margin))
}

async fn reply(shape: Shape, streams: bool, response: Response<mcp_http::Body>) -> Answer {
    if streams {
        FunctionResponse::StreamingResponse(response::stream(response))
    } else {
        whole(Kind::Http(Whole::gather(shape, response).await))
    }
}

pub(crate) fn refusal(
    status: StatusCode,
    id: Option<&RequestId>,
    error: RpcError,
) -> Response<mcp_http::Body> {
    json(status, Encoded::refusal(id, error).into_bytes())
}

fn json(status: StatusCode, text: Bytes) -> Response<mcp_http::Body> {
    let mut response = Response::new(mcp_http::Body::from(text));
    *response.status_mut() = status;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// The answer to those who only want to know whether the function answers.
fn health(shape: Shape, parts: &Parts) -> Option<Response<mcp_http::Body>> {
    let is_read = matches!(parts.method, Method::GET | Method::HEAD);
    let is_balancer = matches!(shape, Shape::Alb { .. }) && is_health_checker(&parts.headers);
    (is_read && (is_balancer || parts.uri.path().ends_with("/health")))
        .then(|| json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#)))
}

/// "Enable health checks": a load balancer asks on the target group's path, whichever that is.
fn is_health_checker(headers: &HeaderMap) -> bool {
    headers
        .get(header::USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"ELB-HealthChecker/"))
}

fn stage_says_stream(event: &HttpEvent<'_>) -> bool {
    #[derive(serde::Deserialize)]
    struct Variables {
        #[serde(rename = "MCP_LAMBDA_RESPONSE")]
        response: Option<String>,
    }
    event
        .stage_variables
        .and_then(|raw| serde_json::from_str::<Option<Variables>>(raw.get()).ok().flatten())
        .is_some_and(|variables| variables.response.as_deref() == Some("stream"))
}
