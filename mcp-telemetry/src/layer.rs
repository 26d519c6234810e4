use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use mcp_core::{BoxError, Method, Request, Response, Server};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::{
    operation::{End, Failure, Operation},
    telemetry::{Begun, Recorders},
};

/// Measures each request around which it is.
#[derive(Clone)]
pub(crate) struct TelemetryLayer {
    shared: Arc<Shared>,
}

struct Shared {
    recorders: Arc<Recorders>,
    /// Knows what there is: what a caller makes up is no label.
    server: Server,
}

#[derive(Clone)]
pub(crate) struct Measure<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl TelemetryLayer {
    pub(crate) fn new(recorders: Arc<Recorders>, server: &Server) -> Self {
        Self { shared: Arc::new(Shared { recorders, server: server.clone() }) }
    }
}

impl fmt::Debug for TelemetryLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelemetryLayer").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Measure<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measure").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for TelemetryLayer {
    type Service = Measure<S>;

    fn layer(&self, inner: S) -> Measure<S> {
        Measure { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<S> Service<Request> for Measure<S>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = Measuring<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request) -> Measuring<S::Future> {
        let shared = &self.shared;
        let operation = Operation::of(&request, |method, name| match method {
            Method::CallTool => shared.server.has_tool(name),
            _ => shared.server.has_prompt(name),
        });
        let began = Instant::now();
        let begun = shared.recorders.begin(&operation, &mut request);
        let recorders = Arc::clone(&shared.recorders);
        let record = Record { recorders, operation, began, begun: Some(begun) };
        Measuring { response: self.inner.call(request), record }
    }
}

/// Ends with the operation: in its own time, or when the client gives it up.
struct Record {
    recorders: Arc<Recorders>,
    operation: Operation,
    began: Instant,
    begun: Option<Begun>,
}

impl Record {
    fn end(&mut self, error: Option<Failure>) {
        if let Some(begun) = self.begun.take() {
            let end = End { duration: self.began.elapsed(), error };
            self.recorders.end(begun, &self.operation, end);
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.end(Some(Failure::Cancelled));
    }
}

pin_project! {
    pub(crate) struct Measuring<F> {
        #[pin]
        response: F,
        record: Record,
    }
}

impl<F, E> Future for Measuring<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx)).map_err(Into::into);
        this.record.end(Failure::of(&response));
        Poll::Ready(response)
    }
}
