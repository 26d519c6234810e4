//! One call of a tool: its deadline, its panics, its line in the log.

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

use super::{Response, ResponseFuture, tasks::Handover};
use crate::{
    CallResult, Era, ErrorKind, InputRequired, Request, RequestId, RpcError, ToolError,
    asking::{LegacyPeer, Stop},
    protocol::TraceIds,
    tool::{CallEnd, CallFuture, ErasedTool, Refusal},
};

/// Checks the arguments and begins the call.
pub(super) fn start(tool: &Arc<ErasedTool>, timeout: Duration, request: Request) -> ResponseFuture {
    match prepare(tool, timeout, request) {
        Ok(call) => call.into(),
        Err(response) => response.into(),
    }
}

/// Checks the arguments and makes the call, or says why there is none.
#[inline]
pub(super) fn prepare(
    tool: &Arc<ErasedTool>,
    timeout: Duration,
    mut request: Request,
) -> Result<ToolCall, Response> {
    let trace = request.begin_trace();
    let mut log = CallLog::new(tool, request.id(), trace);
    let peer = match before(tool, &mut request) {
        Ok(peer) => peer,
        Err(error) => {
            log.end("malformed", None);
            return Err(Response::error(error));
        }
    };
    let span = trace.map(|trace| {
        tracing::info_span!(
            "tools/call",
            tool = tool.name(),
            trace_id = %trace.trace,
            span_id = %trace.span,
            parent_span_id = %trace.parent,
        )
    });
    let _entered = span.as_ref().map(Span::enter);
    // Deserializing the arguments runs the tool author's code, too.
    match catch_unwind(AssertUnwindSafe(|| tool.call(request, timeout))) {
        Ok(Ok(future)) => {
            let span = span.clone();
            Ok(ToolCall { future, log, timeout, deadline: None, span, peer, handover: None })
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
fn before(tool: &ErasedTool, request: &mut Request) -> Result<Option<Arc<LegacyPeer>>, RpcError> {
    if request.era() == Era::Legacy {
        return Ok(request.extensions().get::<Arc<LegacyPeer>>().cloned());
    }
    if request.input().is_some()
        && let Some(seal) = &tool.seal
        && let Some(memory) = seal.open(request)?
    {
        request.extensions_mut().insert(memory);
    }
    Ok(None)
}

/// Refuses a call to a caller who may not make it.
pub(super) fn forbid(tool: &Arc<ErasedTool>, request: &Request, error: RpcError) -> ResponseFuture {
    let trace = request.trace_ids();
    CallLog::new(tool, request.id(), trace).end("forbidden", None);
    Response::error(error).into()
}

/// A call that has passed all checks.
pub(super) struct ToolCall {
    future: CallFuture,
    log: CallLog,
    timeout: Duration,
    /// Armed when the tool first has to wait; most calls never pay for a timer.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Only a call that is part of a trace has one.
    span: Option<Span>,
    /// Whose answers the call may be waiting for.
    peer: Option<Arc<LegacyPeer>>,
    /// Only for tools that may make a task of a call under way.
    handover: Option<HandoverState>,
}

enum HandoverState {
    Possible(Box<Handover>),
    /// The task is being made; its handle is the response.
    Begun(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("tool", &self.log.tool).finish_non_exhaustive()
    }
}

impl ToolCall {
    pub(super) fn tool(&self) -> &Arc<ErasedTool> {
        &self.log.tool
    }

    /// Lets the tool make a task of the call.
    pub(super) fn with_handover(mut self, handover: Handover) -> Self {
        self.handover = Some(HandoverState::Possible(Box::new(handover)));
        self
    }

    /// Begins a task that goes on with the call, if the tool wants it.
    fn hand_over(&mut self) {
        match self.handover.take() {
            Some(HandoverState::Possible(handover)) if handover.is_wanted() => {
                let log = self.log.silent();
                let task = Self {
                    future: std::mem::replace(&mut self.future, Box::pin(std::future::pending())),
                    log: std::mem::replace(&mut self.log, log),
                    timeout: handover.limit(self.tool()),
                    deadline: None,
                    span: self.span.clone(),
                    peer: None,
                    handover: None,
                };
                let begun = Box::pin(handover.begin(task));
                self.handover = Some(HandoverState::Begun(begun));
            }
            state => self.handover = state,
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        let entered = self.span.as_ref().map(Span::enter);
        let poll = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(cx)));
        drop(entered);
        match poll {
            Ok(Poll::Ready(Ok(CallEnd::Stop(stop)))) => return Poll::Ready(self.stop(*stop)),
            Ok(Poll::Ready(Ok(CallEnd::Result(result)))) => {
                self.log.end(if result.is_error() { "error" } else { "ok" }, None);
                return Poll::Ready(Response::tool(result));
            }
            Ok(Poll::Ready(Err(error))) => {
                let rpc = error.as_rpc().cloned();
                let outcome = if rpc.is_some() { "refused" } else { error.kind().as_str() };
                self.log.end(outcome, Some(&error));
                return Poll::Ready(match rpc {
                    Some(rpc) => Response::error(rpc),
                    None => Response::tool(error),
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
            if let Some(HandoverState::Begun(begun)) = &mut self.handover {
                return begun.as_mut().poll(cx);
            }
        }
        let timeout = self.timeout;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        loop {
            std::task::ready!(deadline.as_mut().poll(cx));
            // The time that a person takes is not the tool's.
            match self.peer.as_ref().and_then(|peer| peer.deadline(timeout)) {
                Some(later) if later > Instant::now() => deadline.as_mut().reset(later),
                _ => break,
            }
        }
        self.log.end("deadline_exceeded", None);
        Poll::Ready(Response::error(RpcError::new(
            ErrorKind::DeadlineExceeded,
            format!("`{}` was cancelled: it took longer than {timeout:?}", self.log.tool.name()),
        )))
    }
}

impl ToolCall {
    /// Ends the call before it has a result.
    fn stop(&mut self, stop: Stop) -> Response {
        let (requests, memory, binding) = match stop {
            Stop::Asks { requests, memory, binding } => (requests, memory, binding),
            Stop::Refused(error) => {
                self.log.end("malformed", None);
                return Response::error(error);
            }
        };
        let sealed = self.log.tool.seal.as_ref().map(|seal| seal.seal(&binding, &memory));
        match sealed {
            Some(Ok(state)) => {
                self.log.end("input_required", None);
                Response::input_required(InputRequired::new(requests, state))
            }
            Some(Err(error)) => {
                self.log.end("internal", None);
                Response::error(error)
            }
            // A server gives all its tools the seal.
            None => Response::internal(),
        }
    }
}

/// Writes one line for a call when it ends, in whatever way. Never an argument's value.
struct CallLog {
    tool: Arc<ErasedTool>,
    id: RequestId,
    trace: Option<TraceIds>,
    /// `None` where nobody listens, or once the line is written.
    started: Option<Instant>,
}

impl CallLog {
    fn new(tool: &Arc<ErasedTool>, id: &RequestId, trace: Option<TraceIds>) -> Self {
        let heard = tracing::enabled!(tracing::Level::INFO);
        Self { tool: Arc::clone(tool), id: id.clone(), trace, started: heard.then(Instant::now) }
    }

    /// One that writes nothing, for what is left of a call when another goes on with it.
    fn silent(&self) -> Self {
        let (tool, id) = (Arc::clone(&self.tool), self.id.clone());
        Self { tool, id, trace: self.trace, started: None }
    }

    fn end(&mut self, outcome: &'static str, error: Option<&ToolError>) {
        let started = self.started.take();
        let source = error.and_then(ToolError::source);
        if let Some(source) = source {
            tracing::error!(
                tool = self.tool.name(),
                pack = &*self.tool.pack,
                request_id = %self.id,
                error = source as &(dyn std::error::Error + 'static),
                "a tool failed"
            );
        }
        if let Some(started) = started {
            tracing::info!(
                tool = self.tool.name(),
                outcome,
                duration_ms = started.elapsed().as_micros() as f64 / 1e3,
                request_id = %self.id,
                trace_id = self.trace.map(|trace| tracing::field::display(trace.trace)),
                span_id = self.trace.map(|trace| tracing::field::display(trace.span)),
                parent_span_id = self.trace.map(|trace| tracing::field::display(trace.parent)),
                "call"
            );
        }
    }

    fn end_in_panic(&mut self, panic: &(dyn Any + Send)) -> RpcError {
        tracing::error!(
            tool = self.tool.name(),
            pack = &*self.tool.pack,
            request_id = %self.id,
            panic = panic_message(panic),
            "a tool panicked"
        );
        self.end("panic", None);
        RpcError::new(ErrorKind::Internal, format!("internal error in `{}`", self.tool.name()))
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
