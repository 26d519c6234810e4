use std::{
    fmt,
    future::{Future, poll_fn},
    iter,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Call, DynTool, HeaderParam, Output, ToolContext, ToolDefinition, ToolError,
    arguments::ArgumentsSchema,
};
use crate::{
    Request, ResultBody, RpcError,
    asking::Stop,
    schema::SchemaError,
    subject::{Subject, SubjectKind},
};

pub(crate) type CallFuture = Pin<Box<dyn Future<Output = Result<CallEnd, ToolError>> + Send>>;

/// How a call ends that does not fail.
pub(crate) enum CallEnd {
    /// With an answer.
    Result(ResultBody),
    /// Without one, until its client has been asked.
    Stop(Box<Stop>),
}

/// Checks the arguments and makes the call's future.
type StartCall =
    dyn Fn(Request, Duration, &ArgumentsSchema) -> Result<CallFuture, Refusal> + Send + Sync;

/// A tool bound to its state, its types forgotten.
pub(crate) struct ErasedTool {
    pub(crate) definition: ToolDefinition,
    pub(crate) subject: Arc<Subject>,
    call: Box<StartCall>,
    arguments: ArgumentsSchema,
}

/// Why a tool is not called at all.
pub(crate) enum Refusal {
    /// The request is malformed.
    Rpc(RpcError),
    /// The arguments do not fit; the model can mend them.
    Arguments(String),
}

impl fmt::Debug for ErasedTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedTool").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl ErasedTool {
    /// Binds a tool to its state.
    ///
    /// # Errors
    ///
    /// When the schema of the arguments is not a valid one.
    pub(crate) fn new<T, S>(
        state: Arc<S>,
        pack: Arc<str>,
        namespace: Option<&str>,
    ) -> Result<Self, String>
    where
        T: Call<S>,
        S: Send + Sync + 'static,
    {
        let mut definition = T::definition();
        if let Some(namespace) = namespace {
            definition.prefix(namespace);
        }
        let output = T::Output::schema();
        let has_output = output.is_some();
        definition.model.output_schema = output.map(Arc::new);
        let tool = definition.model.name.clone();
        let arguments = ArgumentsSchema::new(&definition.model.input_schema)
            .map_err(|reason| format!("`{tool}`: {reason}"))?;
        let call = move |request: Request, timeout: Duration, schema: &ArgumentsSchema| {
            let input: T = match read_at_once(&request, schema) {
                Some(input) => input,
                None => {
                    let arguments = request.arguments().map_err(Refusal::Rpc)?;
                    if let Some(faults) = schema.faults(&tool, &arguments) {
                        return Err(Refusal::Arguments(faults));
                    }
                    // What the schema lets through and the type does not, such as a date that is
                    // none.
                    serde_json::from_value(arguments)
                        .map_err(|error| Refusal::Arguments(misfit::<T>(&tool, &request, &error)))?
                }
            };
            let state = Arc::clone(&state);
            let future: CallFuture = Box::pin(async move {
                let cx = ToolContext::new(request, timeout);
                let result = match until_stop(&cx, input.call(&state, &cx)).await {
                    Ok(output) => output?.into_call_result()?,
                    Err(stop) => return Ok(CallEnd::Stop(stop)),
                };
                let result = if has_output { result } else { result.without_structured() };
                Ok(CallEnd::Result(ResultBody::Tool(result)))
            });
            Ok(future)
        };
        let (name, scopes) = (&definition.model.name, definition.scopes.clone());
        let subject = Subject::new(SubjectKind::Tool, name, pack, scopes);
        Ok(Self { definition, subject, call: Box::new(call), arguments })
    }

    /// A tool that is described by data.
    ///
    /// # Errors
    ///
    /// When the schema of the arguments is not a valid one.
    pub(crate) fn dynamic<T: DynTool>(
        tool: T,
        pack: Arc<str>,
        namespace: Option<&str>,
    ) -> Result<Self, String> {
        let mut definition = tool.definition();
        if let Some(namespace) = namespace {
            definition.prefix(namespace);
        }
        let name = definition.model.name.clone();
        let arguments = match ArgumentsSchema::new(&definition.model.input_schema) {
            // Another dialect of patterns is no fault of who mounts the tool, and whoever works
            // on the call knows it. Leaving out only the pattern could refuse what fits: `not`.
            Err(error @ SchemaError::Pattern(_)) => {
                tracing::warn!(tool = %name, %error, "the arguments of this tool are not checked");
                ArgumentsSchema::unchecked()
            }
            result => result,
        };
        let arguments = arguments.map_err(|reason| format!("`{name}`: {reason}"))?;
        let tool = Arc::new(tool);
        let call = move |request: Request, timeout: Duration, schema: &ArgumentsSchema| {
            let arguments = request.arguments().map_err(Refusal::Rpc)?;
            if let Some(faults) = schema.faults(&name, &arguments) {
                return Err(Refusal::Arguments(faults));
            }
            let Value::Object(arguments) = arguments else {
                unreachable!("`Request::arguments` returns an object")
            };
            let tool = Arc::clone(&tool);
            let future: CallFuture = Box::pin(async move {
                let cx = ToolContext::new(request, timeout);
                match until_stop(&cx, tool.call(arguments, &cx)).await {
                    Ok(result) => result.map(|result| CallEnd::Result(ResultBody::Tool(result))),
                    Err(stop) => Ok(CallEnd::Stop(stop)),
                }
            });
            Ok(future)
        };
        let (name, scopes) = (&definition.model.name, definition.scopes.clone());
        let subject = Subject::new(SubjectKind::Tool, name, pack, scopes);
        Ok(Self { definition, subject, call: Box::new(call), arguments })
    }

    pub(crate) fn name(&self) -> &str {
        &self.definition.model.name
    }

    /// The name, and the further ones that calls may use.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        iter::once(self.name()).chain(self.definition.aliases.iter().map(|alias| &**alias))
    }

    pub(crate) fn header_params(&self) -> &[HeaderParam] {
        &self.definition.headers
    }

    /// Checks the arguments and makes the call's future, which has not begun to run.
    pub(crate) fn call(&self, request: Request, timeout: Duration) -> Result<CallFuture, Refusal> {
        (self.call)(request, timeout, &self.arguments)
    }
}

/// The arguments without a [`Value`] in between, where they are plain and right. All others are looked
/// at more closely.
fn read_at_once<T: DeserializeOwned>(request: &Request, schema: &ArgumentsSchema) -> Option<T> {
    let text = request.arguments_text()?;
    if !schema.surely_fits(text) {
        return None;
    }
    serde_json::from_str(text).ok()
}

/// Runs a call until it is done, or waits for nothing but answers of its client.
pub(crate) async fn until_stop<F: Future>(
    cx: &ToolContext,
    call: F,
) -> Result<F::Output, Box<Stop>> {
    let mut call = pin!(call);
    poll_fn(|task| match call.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => cx.stop().map_or(Poll::Pending, |stop| Poll::Ready(Err(Box::new(stop)))),
    })
    .await
}

/// What the schema let through and the type does not take, with the argument's path where it can
/// be found. Only a failed call pays for the search.
#[cold]
fn misfit<T: DeserializeOwned>(tool: &str, request: &Request, error: &serde_json::Error) -> String {
    let located = request
        .arguments()
        .ok()
        .and_then(|arguments| serde_path_to_error::deserialize::<_, T>(arguments).err());
    match located {
        Some(located) if located.path().iter().len() > 0 => {
            format!(
                "The arguments of `{tool}` do not fit:\n- `{}`: {}",
                located.path(),
                located.inner()
            )
        }
        _ => format!("The arguments of `{tool}` do not fit: {error}"),
    }
}
