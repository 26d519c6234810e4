use std::{
    collections::HashMap,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use mcp_core::{BoxError, Method, Principal, Request, Response, ResultBody, Tool};
use serde_json::{Map, Value};
use tower::{Layer, Service};

use crate::ResponseFuture;

/// Records who did what: one `tracing` event with the target `audit` for each call of a tool, read
/// of a resource and use of a prompt, when it ends, in whatever way.
///
/// | field | |
/// |---|---|
/// | `caller` | the principal's subject; empty where nobody is authenticated |
/// | `method`, `name` | `tools/call` and the tool's name |
/// | `outcome` | `ok`, `error` (the tool said so), `refused` (with `code`), `input_required`, `task`, `failed`, `cancelled` |
/// | `duration_ms` | milliseconds |
/// | `arguments` | only for the tools of [`Self::arguments_of`], redacted |
#[derive(Clone, Debug, Default)]
pub struct AuditLayer {
    shown: HashMap<String, Map<String, Value>>,
}

/// The service that [`AuditLayer`] makes.
#[derive(Clone)]
pub struct Audit<S> {
    inner: S,
    shown: Arc<HashMap<String, Map<String, Value>>>,
}

impl<S> fmt::Debug for Audit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audit").finish_non_exhaustive()
    }
}

impl AuditLayer {
    /// Records no arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records the arguments of a tool, too, but for those whose schema is `writeOnly` or has the
    /// format `password`, and for those that stand in no schema.
    #[must_use]
    pub fn arguments_of<T: Tool>(self) -> Self {
        self.add::<T>(T::NAME.to_owned())
    }

    /// The same for a tool of a pack in a namespace.
    #[must_use]
    pub fn arguments_of_tool_in<T: Tool>(self, namespace: &str) -> Self {
        self.add::<T>(format!("{namespace}_{}", T::NAME))
    }

    fn add<T: Tool>(mut self, name: String) -> Self {
        let definition = T::definition();
        self.shown.insert(name, (*definition.as_model().input_schema).clone());
        self
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Audit<S> {
        Audit { inner, shown: Arc::new(self.shown.clone()) }
    }
}

impl<S> Service<Request> for Audit<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        let method = request.method();
        let is_recorded =
            matches!(method, Method::CallTool | Method::ReadResource | Method::GetPrompt);
        let record = is_recorded.then(|| self.record(&request));
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await.map_err(Into::into);
            if let Some(mut record) = record {
                record.outcome = outcome(&response);
                record.code = response
                    .as_ref()
                    .ok()
                    .and_then(|response| response.as_result().err())
                    .map(|error| error.kind().code());
            }
            response
        })
    }
}

fn outcome(response: &Result<Response, BoxError>) -> &'static str {
    match response.as_ref().map(Response::as_result) {
        Ok(Ok(ResultBody::Tool(result))) if result.is_error() => "error",
        Ok(Ok(ResultBody::InputRequired(_))) => "input_required",
        Ok(Ok(ResultBody::Members(_))) => "task",
        Ok(Ok(_)) => "ok",
        Ok(Err(_)) => "refused",
        Err(_) => "failed",
    }
}

impl<S> Audit<S> {
    fn record(&self, request: &Request) -> Record {
        let name = request.name().unwrap_or_default();
        let schema = self.shown.get(name).filter(|_| *request.method() == Method::CallTool);
        let arguments = schema.map(|schema| match request.arguments() {
            Ok(arguments) => redact(&arguments, schema, schema, 0).to_string(),
            Err(_) => "malformed".to_owned(),
        });
        let caller = request.extensions().get::<Principal>();
        Record {
            caller: caller.map_or("", Principal::subject).into(),
            method: request.method().clone(),
            // What a caller makes up may be of any length.
            name: name.chars().take(256).collect(),
            arguments,
            began: Instant::now(),
            outcome: "cancelled",
            code: None,
        }
    }
}

/// Written when it is dropped: a call that its client gives up is dropped without an end.
struct Record {
    caller: Box<str>,
    method: Method,
    name: Box<str>,
    arguments: Option<String>,
    began: Instant,
    outcome: &'static str,
    code: Option<i32>,
}

impl Drop for Record {
    fn drop(&mut self) {
        tracing::info!(
            target: "audit",
            caller = &*self.caller,
            method = self.method.as_str(),
            name = &*self.name,
            outcome = self.outcome,
            code = self.code,
            duration_ms = self.began.elapsed().as_micros() as f64 / 1e3,
            arguments = self.arguments.as_deref(),
        );
    }
}

const HIDDEN: &str = "[redacted]";
/// How deep values are shown.
const MAX_DEPTH: u8 = 16;

/// A value without what its schema hides. What no schema describes is hidden, too.
fn redact(
    value: &Value,
    schema: &Map<String, Value>,
    root: &Map<String, Value>,
    depth: u8,
) -> Value {
    let schema = resolve(schema, root);
    let is_secret = schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").is_some_and(|format| format == "password");
    if is_secret || depth > MAX_DEPTH {
        return HIDDEN.into();
    }
    // Alternatives: what one of them hides is hidden.
    for word in ["anyOf", "oneOf", "allOf"] {
        for part in schema.get(word).and_then(Value::as_array).into_iter().flatten() {
            if part.as_object().is_some_and(|part| hides(part, root, depth + 1)) {
                return HIDDEN.into();
            }
        }
    }
    match value {
        Value::Object(members) => {
            let known = schema.get("properties").and_then(Value::as_object);
            let shown = members.iter().map(|(name, value)| {
                let schema = known.and_then(|known| known.get(name)).and_then(Value::as_object);
                let shown = schema.map(|schema| redact(value, schema, root, depth + 1));
                (name.clone(), shown.unwrap_or_else(|| HIDDEN.into()))
            });
            shown.collect::<Map<_, _>>().into()
        }
        Value::Array(values) => match schema.get("items").and_then(Value::as_object) {
            Some(items) => {
                values.iter().map(|value| redact(value, items, root, depth + 1)).collect()
            }
            None => HIDDEN.into(),
        },
        value => value.clone(),
    }
}

/// Whether a schema hides its value or, as one of several, may hide a part of it.
fn hides(schema: &Map<String, Value>, root: &Map<String, Value>, depth: u8) -> bool {
    let schema = resolve(schema, root);
    if depth > MAX_DEPTH
        || schema.get("writeOnly") == Some(&Value::Bool(true))
        || schema.get("format").is_some_and(|format| format == "password")
    {
        return true;
    }
    let members = schema.get("properties").and_then(Value::as_object);
    let parts = members.into_iter().flat_map(Map::values).chain(schema.get("items"));
    parts.filter_map(Value::as_object).any(|part| hides(part, root, depth + 1))
}

fn resolve<'a>(
    schema: &'a Map<String, Value>,
    root: &'a Map<String, Value>,
) -> &'a Map<String, Value> {
    let name = schema.get("$ref").and_then(Value::as_str);
    let name = name.and_then(|name| name.strip_prefix("#/$defs/"));
    name.and_then(|name| root.get("$defs")?.get(name)?.as_object()).unwrap_or(schema)
}
