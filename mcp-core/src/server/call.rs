//! One call of a tool, one read of a resource, one prompt that is filled in: its deadline, its
//! panics, its line in the log.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};
use tracing::Span;

use super::{Response, ResponseFuture, ResultBody, tasks::Handover};
use crate::{
    CallResult, Deadline, Era, ErrorKind, InputRequired, Method, Principal, Request, RequestId,
    RpcError, ToolError, ToolErrorKind,
    asking::Stop,
    protocol::TraceIds,
    session::SessionClient,
    subject::{Subject, SubjectKind},
    tool::{CallEnd, CallFuture, Refusal},
};

/// Checks the arguments and begins the work.
pub(super) fn start(
    subject: &Arc<Subject>,
    timeout: Duration,
    request: Request,
    begin: impl FnOnce(Request) -> Result<CallFuture, Refusal>,
) -> ResponseFuture {
    if let Some(refusal) = refusal(subject, &request) {
        return refusal;
    }
    match prepare(subject, timeout, request, begin) {
        Ok(work) => work.into(),
        Err(response) => response.into(),
    }
}

/// Checks the arguments and makes the work, or says why there is none.
#[inline]
pub(super) fn prepare(
    subject: &Arc<Subject>,
    timeout: Duration,
    mut request: Request,
    begin: impl FnOnce(Request) -> Result<CallFuture, Refusal>,
) -> Result<Work, Response> {
    let trace = request.begin_trace();
    let mut log = CallLog::new(subject, &request);
    let timeout = Deadline::cap(&request, timeout);
    let client = match before(subject, &mut request) {
        Ok(client) => client,
        Err(error) => {
            log.end("malformed", None);
            return Err(Response::error(error));
        }
    };
    let span = trace.map(|trace| span(subject, request.method(), trace));
    let failure = Failure::of(subject.kind, &request);
    let _entered = span.as_ref().map(Span::enter);
    // Deserializing the arguments runs the author's code, too.
    match catch_unwind(AssertUnwindSafe(|| begin(request))) {
        Ok(Ok(future)) => {
            let span = span.clone();
            let deadline = None;
            Ok(Work { future, log, failure, timeout, deadline, span, client, handover: None })
        }
        Ok(Err(Refusal::Arguments(faults))) => {
            log.end("invalid_arguments", None);
            Err(Response::tool(CallResult::error(faults)))
        }
        Ok(Err(Refusal::Rpc(error))) => {
            log.end("malformed", None);
            Err(Response::error(error))
        }
        Err(panic) => Err(Response::error(log.end_in_panic(&*panic))),
    }
}

/// What a call needs to know of the times that it was made before, or of its session.
fn before(
    subject: &Subject,
    request: &mut Request,
) -> Result<Option<Arc<SessionClient>>, RpcError> {
    if request.era() == Era::Legacy {
        return Ok(request.client().cloned());
    }
    if request.input().is_some()
        && let Some(seal) = subject.seal()
        && let Some(memory) = seal.open(request)?
    {
        request.extensions_mut().insert(memory);
    }
    Ok(None)
}

/// Answers at once.
pub(super) fn answer(
    subject: &Arc<Subject>,
    mut request: Request,
    body: ResultBody,
) -> ResponseFuture {
    if let Some(refusal) = refusal(subject, &request) {
        return refusal;
    }
    request.begin_trace();
    CallLog::new(subject, &request).end("ok", None);
    Response::ok(body).into()
}

/// What a caller is told who lacks a scope.
#[inline]
pub(super) fn refusal(subject: &Arc<Subject>, request: &Request) -> Option<ResponseFuture> {
    let caller = request.extensions().get::<Principal>()?;
    let error = subject.admit(caller).err()?;
    CallLog::new(subject, request).end("forbidden", None);
    Some(Response::error(error).into())
}

/// What has passed all checks and runs.
pub(super) struct Work {
    future: CallFuture,
    log: CallLog,
    failure: Failure,
    timeout: Duration,
    /// Armed when the work first has to wait; most never pays for a timer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Only work that is part of a trace has one.
    span: Option<Span>,
    /// Whose answers the work may be waiting for.
    client: Option<Arc<SessionClient>>,
    /// Only for tools that may make a task of a call under way.
    handover: Option<Box<HandoverState>>,
}

enum HandoverState {
    Possible(Box<Handover>),
    /// The task is being made; its handle is the response.
    Begun(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("subject", &self.log.subject).finish_non_exhaustive()
    }
}

impl Work {
    /// The name of what is worked on.
    pub(super) fn name(&self) -> &str {
        &self.log.subject.name
    }

    /// Lets a tool make a task of the call.
    pub(super) fn with_handover(mut self, handover: Handover) -> Self {
        let possible = HandoverState::Possible(Box::new(handover));
        self.handover = Some(Box::new(possible));
        self
    }

    /// Begins a task that goes on with the call, if the tool wants it.
    fn hand_over(&mut self) {
        match self.handover.take().map(|state| *state) {
            Some(HandoverState::Possible(handover)) if handover.is_wanted() => {
                let log = self.log.silent();
                let task = Self {
                    future: std::mem::replace(&mut self.future, Box::pin(std::future::pending())),
                    log: std::mem::replace(&mut self.log, log),
                    // Only tools become tasks.
                    failure: Failure::Tool,
                    timeout: handover.limit(),
                    deadline: None,
                    span: self.span.clone(),
                    client: None,
                    handover: None,
                };
                let begun = Box::pin(handover.begin(task));
                self.handover = Some(Box::new(HandoverState::Begun(begun)));
            }
            state => self.handover = state.map(Box::new),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let entered = self.span.as_ref().map(Span::enter);
        let poll = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        drop(entered);
        match poll {
            Ok(Poll::Ready(Ok(CallEnd::Stop(stop)))) => return Poll::Ready(self.stop(*stop)),
            Ok(Poll::Ready(Ok(CallEnd::Result(body)))) => {
                self.log.end(if body.is_error() { "error" } else { "ok" }, None);
                return Poll::Ready(Response::ok(body));
            }
            Ok(Poll::Ready(Err(error))) => {
                let rpc = error.as_rpc().cloned();
                let outcome = match (&rpc, error.kind()) {
                    (Some(_), ToolErrorKind::Internal) => "refused",
                    (_, kind) => kind.as_str(),
                };
                self.log.end(outcome, Some(&error));
                return Poll::Ready(match rpc {
                    Some(rpc) => Response::error(rpc),
                    None => self.failure.response(error),
                });
            }
            Ok(Poll::Pending) => {}
            Err(panic) => {
                let error = self.log.end_in_panic(&*panic);
                return Poll::Ready(Response::error(error));
            }
        }
        if self.handover.is_some() {
            self.hand_over();
            if let Some(HandoverState::Begun(begun)) = self.handover.as_deref_mut() {
                return begun.as_mut().poll(cx);
            }
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        loop {
            std::task::ready!(deadline.as_mut().poll(cx));
            // The time that a person takes is not the author's.
            match self.client.as_ref().and_then(|client| client.deadline(timeout)) {
                Some(later) if later > Instant::now() => deadline.as_mut().reset(later),
                _ => break,
            }
        }
        self.log.end("deadline_exceeded", None);
        Poll::Ready(Response::error(RpcError::new(
            ErrorKind::DeadlineExceeded,
            format!("`{}` was cancelled: it took longer than {timeout:?}", self.log.subject.name),
        )))
    }
}

impl Work {
    /// Ends the work before it has a result.
    fn stop(&mut self, stop: Stop) -> Response {
        let (requests, memory, binding) = match stop {
            Stop::Asks { requests, memory, binding } => (requests, memory, binding),
            Stop::Refused(error) => {
                self.log.end("malformed", None);
                return Response::error(error);
            }
        };
        let sealed = self.log.subject.seal().map(|seal| seal.seal(&binding, &memory));
        match sealed {
            Some(Ok(state)) => {
                self.log.end("input_required", None);
                Response::ok(ResultBody::InputRequired(InputRequired::new(requests, state)))
            }
            Some(Err(error)) => {
                self.log.end("internal", None);
                Response::error(error)
            }
            // A server gives all that it offers the seal.
            None => Response::internal(),
        }
    }
}

/// How a failure is told.
enum Failure {
    /// As an answer that the model reads.
    Tool,
    /// As an error, as all that follow.
    Resource {
        uri: Box<str>,
        era: Era,
    },
    Prompt,
}

impl Failure {
    fn of(kind: SubjectKind, request: &Request) -> Self {
        match kind {
            SubjectKind::Tool => Self::Tool,
            SubjectKind::Resource => {
                let uri = request.name().unwrap_or_default().into();
                Self::Resource { uri, era: request.era() }
            }
            SubjectKind::Prompt => Self::Prompt,
        }
    }

    fn response(&self, error: ToolError) -> Response {
        let message = error.message().to_owned();
        Response::error(match (self, error.kind()) {
            (Self::Tool, _) => return Response::tool(error),
            (Self::Resource { uri, era }, ToolErrorKind::NotFound) => {
                no_such_resource(uri, *era, message)
            }
            (_, ToolErrorKind::Unavailable | ToolErrorKind::Internal) => {
                RpcError::new(ErrorKind::Internal, message)
            }
            // What was asked for is at fault.
            _ => RpcError::new(ErrorKind::InvalidParams, message),
        })
    }
}

/// The error of a resource that does not exist (2026-07-28, Resources, Error Handling).
pub(super) fn no_such_resource(uri: &str, era: Era, message: String) -> RpcError {
    let kind = match era {
        Era::Modern => ErrorKind::InvalidParams,
        Era::Legacy => ErrorKind::ResourceNotFound,
    };
    let uri: String = uri.chars().take(1024).collect();
    RpcError::new(kind, message).with_data(serde_json::json!({ "uri": uri }))
}

/// The span of the work in its client's trace.
fn span(subject: &Subject, method: &Method, trace: TraceIds) -> Span {
    macro_rules! span {
        ($name:literal, $kind:ident) => {
            tracing::info_span!(
                $name,
                $kind = subject.name,
                trace_id = %trace.trace,
                span_id = %trace.span,
                parent_span_id = %trace.parent,
            )
        };
    }
    match (subject.kind, method) {
        (SubjectKind::Tool, _) => span!("tools/call", tool),
        (SubjectKind::Resource, Method::Complete) => span!("completion/complete", resource),
        (SubjectKind::Resource, _) => span!("resources/read", resource),
        (SubjectKind::Prompt, Method::Complete) => span!("completion/complete", prompt),
        (SubjectKind::Prompt, _) => span!("prompts/get", prompt),
    }
}

fn verb(method: &Method) -> &'static str {
    match method {
        Method::ReadResource => "read",
        Method::GetPrompt => "get",
        Method::Complete => "complete",
        _ => "call",
    }
}

/// An event about a subject, which is named in the field of its kind.
macro_rules! event {
    ($level:ident, $subject:expr, { $($fields:tt)* }, $message:literal) => {
        match $subject.kind {
            SubjectKind::Tool => tracing::$level!(tool = $subject.name, $($fields)*, $message),
            SubjectKind::Resource => {
                tracing::$level!(resource = $subject.name, $($fields)*, $message);
            }
            SubjectKind::Prompt => tracing::$level!(prompt = $subject.name, $($fields)*, $message),
        }
    };
}

/// Writes one line for a call when it ends, in whatever way. Never an argument's value.
struct CallLog {
    subject: Arc<Subject>,
    /// What is done with it.
    verb: &'static str,
    id: RequestId,
    trace: Option<TraceIds>,
    /// `None` where nobody listens, or once the line is written.
    started: Option<Instant>,
}

impl CallLog {
    fn new(subject: &Arc<Subject>, request: &Request) -> Self {
        let heard = tracing::enabled!(tracing::Level::INFO);
        Self {
            subject: Arc::clone(subject),
            verb: verb(request.method()),
            id: request.id().clone(),
            trace: request.trace_ids(),
            started: heard.then(Instant::now),
        }
    }

    fn end(&mut self, outcome: &'static str, error: Option<&ToolError>) {
        let started = self.started.take();
        let (subject, verb) = (&*self.subject, self.verb);
        let source = error.and_then(ToolError::source);
        if let Some(source) = source {
            let kind = subject.kind.as_str();
            let error = source as &(dyn std::error::Error + 'static);
            event!(
                error,
                subject,
                { pack = &*subject.pack, request_id = %self.id, error },
                "a {kind} failed"
            );
        }
        if let Some(started) = started {
            let duration_ms = started.elapsed().as_micros() as f64 / 1e3;
            let trace = self.trace.as_ref();
            event!(
                info,
                subject,
                {
                    outcome,
                    duration_ms,
                    request_id = %self.id,
                    trace_id = trace.map(|trace| tracing::field::display(trace.trace)),
                    span_id = trace.map(|trace| tracing::field::display(trace.span)),
                    parent_span_id = trace.map(|trace| tracing::field::display(trace.parent))
                },
                "{verb}"
            );
        }
    }

    /// One that writes nothing, for what is left of a call when another goes on with it.
    fn silent(&self) -> Self {
        let (subject, id) = (Arc::clone(&self.subject), self.id.clone());
        Self { subject, verb: self.verb, id, trace: self.trace, started: None }
    }

    fn end_in_panic(&mut self, panic: &(dyn Any + Send)) -> RpcError {
        let subject = &*self.subject;
        let (kind, panic) = (subject.kind.as_str(), panic_message(panic));
        event!(
            error,
            subject,
            { pack = &*subject.pack, request_id = %self.id, panic },
            "a {kind} panicked"
        );
        self.end("panic", None);
        RpcError::new(ErrorKind::Internal, format!("internal error in `{}`", self.subject.name))
    }
}

/// What `panic!` was given.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text")
}

impl Drop for CallLog {
    fn drop(&mut self) {
        if self.started.is_some() {
            self.end("cancelled", None);
        }
    }
}
