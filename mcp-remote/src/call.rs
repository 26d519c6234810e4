//! One call of another server's tool.

use std::sync::Arc;

use mcp_core::{
    CallResult, ErrorKind, LogLevel, RpcError, ToolContext, ToolError, ToolErrorKind, TraceContext,
};
use rmcp::{
    RoleClient, ServiceError,
    model::{CallToolRequest, CallToolRequestParams, ClientRequest, RequestMetaObject},
    service::{PeerRequestOptions, RequestHandle},
    transport::{DynamicTransportError, streamable_http_client::StreamableHttpError},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

#[cfg(feature = "lambda")]
use crate::lambda::InvokeError;
use crate::{
    connection::{Connection, Notes},
    inbox::{Inbox, NOTES_IN_FLIGHT, Note},
};

/// What the model is told of a server that cannot be reached.
pub(crate) const DOWN: &str = "the server that runs it does not answer. Try again later.";
/// And of one that could be, when the call began.
const BROKE: &str = "the connection to the server that runs it broke before the answer. It may or \
                     may not have been done.";

/// Why there is no answer.
pub(crate) enum Failure {
    /// The connection broke, or the server did not take the request.
    Service(ServiceError),
    /// The answer is none that this server can pass on.
    Answer(serde_json::Error, String),
}

/// Calls a tool, telling the client of progress as it is told.
///
/// Dropping the future has the other server cancel the call.
pub(crate) async fn call(
    connection: &Connection,
    tool: &str,
    arguments: Map<String, Value>,
    cx: &ToolContext,
) -> Result<CallResult, Failure> {
    let log_level = cx.meta().log_level().filter(|_| connection.notes == Notes::All);
    let wants_notes = connection.notes.have_progress()
        && (cx.meta().progress_token().is_some() || log_level.is_some());
    let (sender, mut notes) = match wants_notes {
        true => {
            let (sender, notes) = mpsc::channel(NOTES_IN_FLIGHT);
            (Some(sender), Some(notes))
        }
        false => (None, None),
    };
    let inbox = Inbox::new(&connection.calls, sender);

    let mut params = CallToolRequestParams::new(tool.to_owned());
    params.arguments = Some(arguments);
    let mut request = CallToolRequest::new(params);
    request.extensions.insert(Arc::clone(&inbox));
    let mut options = PeerRequestOptions::no_options();
    options.meta = meta(cx.trace_context(), log_level);

    let request = ClientRequest::CallToolRequest(request);
    let handle = connection
        .peer()
        .send_request_with_option(request, options)
        .await
        .map_err(Failure::Service)?;
    let mut handle = Abandon(Some(handle));
    let answered = loop {
        let Some(request) = &mut handle.0 else { unreachable!("it is taken after the loop") };
        tokio::select! {
            biased;
            Some(note) = next(&mut notes) => tell(cx, note).await,
            answered = &mut request.rx => break answered,
        }
    };
    handle.0 = None;
    answered.unwrap_or(Err(ServiceError::TransportClosed)).map_err(Failure::Service)?;
    // What came before the answer is here by now.
    while let Some(Ok(note)) = notes.as_mut().map(mpsc::Receiver::try_recv) {
        tell(cx, note).await;
    }
    let result = inbox.take_result().ok_or(Failure::Service(ServiceError::UnexpectedResponse))?;
    CallResult::from_json(&result).map_err(|error| Failure::Answer(error, result))
}

async fn next(notes: &mut Option<mpsc::Receiver<Note>>) -> Option<Note> {
    notes.as_mut()?.recv().await
}

async fn tell(cx: &ToolContext, note: Note) {
    match note {
        Note::Progress { progress, total, message } => {
            cx.report(progress, total, message.unwrap_or_default()).await;
        }
        Note::Log { level, data } => cx.log(level, data).await,
    }
}

/// What the other server is told beside the arguments.
fn meta(trace: Option<&TraceContext>, log_level: Option<LogLevel>) -> Option<RequestMetaObject> {
    if trace.is_none() && log_level.is_none() {
        return None;
    }
    let mut meta = RequestMetaObject::new();
    let mut set = |key: &str, value: Value| meta.0.0.insert(key.to_owned(), value);
    if let Some(level) = log_level
        && let Ok(level) = serde_json::to_value(level)
    {
        set("io.modelcontextprotocol/logLevel", level);
    }
    if let Some(trace) = trace {
        set("traceparent", trace.traceparent().into());
        if let Some(state) = trace.tracestate() {
            set("tracestate", state.into());
        }
        if let Some(baggage) = trace.baggage() {
            set("baggage", baggage.into());
        }
    }
    Some(meta)
}

/// A request whose answer somebody waits for; tells the server when nobody does any more.
struct Abandon(Option<RequestHandle<RoleClient>>);

impl Drop for Abandon {
    fn drop(&mut self) {
        // Outside of a runtime everything ends, the connection included.
        if let (Some(request), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move {
                // An error means that the connection is gone, and the call with it.
                let _ = request.cancel(Some("the call was abandoned".to_owned())).await;
            });
        }
    }
}

impl Failure {
    /// Whether the next call should not try the same connection.
    pub(crate) fn is_break(&self) -> bool {
        match self {
            Self::Service(ServiceError::TransportClosed) => true,
            Self::Service(ServiceError::TransportSend(error)) => {
                #[cfg(feature = "lambda")]
                if error.error.is::<InvokeError>() {
                    // Each request is an invocation of its own.
                    return false;
                }
                match http_error(error) {
                    Some(StreamableHttpError::Client(error)) => {
                        error.is_connect() || error.is_request()
                    }
                    // Another status than success is an answer of some kind.
                    Some(_) => false,
                    // A pipe to a program.
                    None => true,
                }
            }
            _ => false,
        }
    }

    pub(crate) fn into_tool_error(self, tool: &str) -> ToolError {
        let unavailable = |why: &str| {
            let message = format!("`{tool}` is not available at the moment: {why}");
            ToolError::new(ToolErrorKind::Unavailable, message)
        };
        match self {
            // What the two servers have to say about each other's protocol is no concern of the
            // client's, which might draw conclusions for its own.
            Self::Service(ServiceError::McpError(error)) if is_between_servers(error.code.0) => {
                ToolError::new(
                    ToolErrorKind::Unavailable,
                    format!("`{tool}` cannot be called through this server."),
                )
                .with_source(error)
            }
            Self::Service(ServiceError::McpError(error)) => {
                let refusal = RpcError::new(ErrorKind::Foreign(error.code.0), error.message);
                ToolError::rpc(match error.data {
                    Some(data) => refusal.with_data(data),
                    None => refusal,
                })
            }
            Self::Service(ServiceError::UnexpectedResponse) => ToolError::new(
                ToolErrorKind::Internal,
                format!("The server that runs `{tool}` answered what is no answer."),
            ),
            #[cfg(feature = "lambda")]
            Self::Service(ServiceError::TransportSend(error))
                if error.error.is::<InvokeError>() =>
            {
                let why = match error.error.downcast_ref() {
                    Some(InvokeError::Throttled(_)) => {
                        "the server that runs it has too much to do. Try again later."
                    }
                    Some(InvokeError::Unreachable(_)) | None => DOWN,
                    Some(InvokeError::Broke(_) | InvokeError::Abandoned) => BROKE,
                    Some(InvokeError::Refused(_)) => {
                        "the server that runs it does not take the call."
                    }
                    Some(InvokeError::Failed(_)) => {
                        "the server that runs it has failed, or took too long. It may or may not \
                         have been done."
                    }
                    Some(InvokeError::NoResponse) => {
                        "the server that runs it answered what is no answer."
                    }
                };
                unavailable(why).with_source(error)
            }
            Self::Service(ServiceError::TransportSend(error)) => {
                let why = match http_error(&error) {
                    Some(StreamableHttpError::Client(error)) if !error.is_connect() => BROKE,
                    Some(StreamableHttpError::Client(_)) => DOWN,
                    Some(_) => "the server that runs it does not take the call.",
                    None => BROKE,
                };
                unavailable(why).with_source(error)
            }
            Self::Service(error) => unavailable(BROKE).with_source(error),
            Self::Answer(error, answer) => {
                #[derive(Deserialize)]
                #[serde(rename_all = "camelCase")]
                struct Kind {
                    result_type: Option<String>,
                }
                let kind = serde_json::from_str::<Kind>(&answer).ok().and_then(|it| it.result_type);
                let message = match kind.as_deref() {
                    Some("input_required") => {
                        format!("`{tool}` asks its user a question, which cannot be passed on.")
                    }
                    Some("task") => format!("`{tool}` answers later, which cannot be passed on."),
                    _ => format!("The server that runs `{tool}` answered what is no answer."),
                };
                ToolError::new(ToolErrorKind::Internal, message).with_source(error)
            }
        }
    }
}

fn http_error(error: &DynamicTransportError) -> Option<&StreamableHttpError<reqwest::Error>> {
    error.error.downcast_ref()
}

/// Headers that do not match, a capability that the gateway lacks, a version that it does not
/// speak.
fn is_between_servers(code: i32) -> bool {
    matches!(code, -32022..=-32020)
}
