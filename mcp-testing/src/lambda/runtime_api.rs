//! The Lambda Runtime API (2018-06-01) that one process speaks to.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::pin,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, mpsc, oneshot},
};

use super::{
    invocation::{Failure, Invocation, Outcome, PAYLOAD, epoch_millis},
    sandbox::Busy,
};

/// The most that a stream carries ("Lambda quotas": 200 MB).
const STREAM: usize = 200 * 1024 * 1024;
/// How many chunks a reader may lag behind.
const CHUNKS_IN_FLIGHT: usize = 64;

/// One process's side of the Runtime API.
pub(super) struct RuntimeApi {
    process: Option<Pid>,
    /// How many events the process takes at once.
    concurrency: usize,
    /// How many it has been given, or is about to be.
    in_flight: Arc<AtomicUsize>,
    waiting: Mutex<Waiting>,
    queue: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    open: Mutex<HashMap<String, Open>>,
    /// Whether the process has an extension, and is told of its end.
    hears_shutdown: AtomicBool,
    /// Why the process ends, if it has said so.
    end: Arc<OnceLock<Failure>>,
}

/// What a process waits for.
#[derive(Default)]
struct Waiting {
    /// How many events.
    events: usize,
    /// It has been told of its end, and is not stopped any more.
    is_ending: bool,
}

/// An invocation that the process is working on.
struct Open {
    reply: oneshot::Sender<Outcome>,
    _busy: Busy,
}

type Reply = Response<Full<Bytes>>;

impl RuntimeApi {
    pub(super) fn new(
        process: Option<u32>,
        concurrency: usize,
        in_flight: Arc<AtomicUsize>,
        queue: mpsc::UnboundedReceiver<Invocation>,
        end: Arc<OnceLock<Failure>>,
    ) -> Arc<Self> {
        let process = process.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Arc::new(Self {
            process,
            concurrency,
            in_flight,
            waiting: Mutex::default(),
            queue: AsyncMutex::new(queue),
            open: Mutex::default(),
            hears_shutdown: AtomicBool::new(false),
            end,
        })
    }

    /// Stops a process that has nothing to answer, as Lambda does: what it has begun beside its
    /// answers does not go on.
    fn wait(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.events += 1;
        let is_idle =
            waiting.events == self.concurrency && self.in_flight.load(Ordering::Acquire) == 0;
        // One that asks for its next event after it was told of its end has to come to that end.
        if let Some(process) = self.process.filter(|_| is_idle && !waiting.is_ending) {
            // An error is the process's end, which is noticed elsewhere.
            let _ = kill_process(process, Signal::STOP);
        }
    }

    fn wake(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.events -= 1;
        if let Some(process) = self.process {
            let _ = kill_process(process, Signal::CONT);
        }
    }

    /// Tells the process of its end, if it is to hear of it. Whether it was told.
    pub(super) fn terminate(&self) -> bool {
        let hears = self.hears_shutdown.load(Ordering::Acquire);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.is_ending |= hears;
        if let Some(process) = self.process.filter(|_| hears) {
            let _ = kill_process(process, Signal::TERM);
            let _ = kill_process(process, Signal::CONT);
        }
        hears
    }

    /// Takes a snapshot of the process, and restores it: it stops, and goes on.
    fn restore(&self) -> Reply {
        if let Some(process) = self.process {
            let _ = kill_process(process, Signal::STOP);
            let _ = kill_process(process, Signal::CONT);
        }
        Response::new(Full::default())
    }

    /// The Extensions API (2020-01-01), for an internal extension without events.
    async fn extension(&self, method: &Method, path: &str, request: &Request<Incoming>) -> Reply {
        let named = |name: &str| request.headers().contains_key(name);
        match (method, path) {
            (&Method::POST, "register") if named("lambda-extension-name") => {
                self.hears_shutdown.store(true, Ordering::Release);
                let text = json!({
                    "functionName": "function",
                    "functionVersion": "$LATEST",
                    "handler": "bootstrap",
                });
                let mut response = Response::new(Full::from(text.to_string()));
                let identifier =
                    http::HeaderValue::from_static("d3adb33f-0000-4000-8000-000000000000");
                response.headers_mut().insert("lambda-extension-identifier", identifier);
                response
            }
            (&Method::GET, "event/next") if named("lambda-extension-identifier") => {
                // It has asked for no events.
                std::future::pending().await
            }
            _ => error(StatusCode::BAD_REQUEST, "Extension.Invalid", "no such request"),
        }
    }

    /// Serves the process until the future is dropped.
    pub(super) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let api = Arc::clone(&self);
            let _ = stream.set_nodelay(true);
            connections.spawn(async move {
                let service = service_fn(move |request| {
                    let api = Arc::clone(&api);
                    async move { Ok::<_, Infallible>(api.answer(request).await) }
                });
                // An error is the process's end, which is noticed elsewhere.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let path = request.uri().path().to_owned();
        if let Some(rest) = path.strip_prefix("/2020-01-01/extension/") {
            return self.extension(&request.method().clone(), rest, &request).await;
        }
        let Some(rest) = path.strip_prefix("/2018-06-01/runtime/") else {
            return error(StatusCode::NOT_FOUND, "Runtime.NotFound", "no such resource");
        };
        match (request.method(), rest.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.response(id, request).await,
            (&Method::POST, ["invocation", id, "error"]) => self.failure(id, request).await,
            (&Method::GET, ["restore", "next"]) => self.restore(),
            (&Method::POST, ["init" | "restore", "error"]) => {
                // The process ends after it, which is what fails the invocation.
                let _ = self.end.set(told(request).await);
                accepted()
            }
            _ => error(StatusCode::NOT_FOUND, "Runtime.NotFound", "no such resource"),
        }
    }

    /// Waits for the next event.
    async fn next(&self) -> Reply {
        self.wait();
        let next = self.queue.lock().await.recv().await;
        self.wake();
        let Some(invocation) = next else {
            return error(StatusCode::GONE, "Sandbox.Gone", "the sandbox has ended");
        };
        let Invocation {
            request_id,
            event,
            client_context,
            tenant_id,
            trace_id,
            deadline,
            reply,
            busy,
        } = invocation;
        let trace = trace_id.unwrap_or_else(|| {
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".to_owned()
        });
        let mut response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &request_id)
            .header("Lambda-Runtime-Deadline-Ms", epoch_millis(deadline).to_string())
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:us-east-1:123456789012:function:function",
            )
            .header("Lambda-Runtime-Trace-Id", trace)
            .header("Lambda-Runtime-Invocation-Id", &request_id);
        if let Some(context) = client_context {
            response = response.header("Lambda-Runtime-Client-Context", context);
        }
        if let Some(tenant) = tenant_id {
            response = response.header("Lambda-Runtime-Aws-Tenant-Id", tenant);
        }
        let response = response.body(Full::new(event));
        self.lock().insert(request_id, Open { reply, _busy: busy });
        response.unwrap_or_else(|_| {
            error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Emulator",
                "an invocation has no such headers",
            )
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The invocation that a process answers, which it may do once.
    fn take(&self, id: &str, request: &Request<Incoming>) -> Result<Open, Box<Reply>> {
        let echoed = request.headers().get("lambda-runtime-invocation-id");
        if echoed.is_some_and(|echoed| echoed != id) {
            let message = "the invocation is not the one that this identifier belongs to";
            return Err(Box::new(error(StatusCode::GONE, "InvalidInvocationID", message)));
        }
        self.lock().remove(id).ok_or_else(|| {
            let message = "the invocation is unknown, over or answered";
            Box::new(error(StatusCode::BAD_REQUEST, "InvalidRequestID", message))
        })
    }

    async fn response(&self, id: &str, request: Request<Incoming>) -> Reply {
        let open = match self.take(id, &request) {
            Ok(open) => open,
            Err(refusal) => return *refusal,
        };
        let mode = request.headers().get("lambda-runtime-function-response-mode");
        match mode.map(|mode| mode.as_bytes().to_ascii_lowercase()).as_deref() {
            Some(b"streaming") => stream(open, request).await,
            Some(_) => {
                let failure = Failure::new("Runtime.InvalidResponseMode", "no such response mode");
                let _ = open.reply.send(Outcome::Failed(failure));
                error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", "no such mode")
            }
            None => buffer(open, request).await,
        }
    }

    async fn failure(&self, id: &str, request: Request<Incoming>) -> Reply {
        let open = match self.take(id, &request) {
            Ok(open) => open,
            Err(refusal) => return *refusal,
        };
        let _ = open.reply.send(Outcome::Failed(told(request).await));
        accepted()
    }
}

/// The failure that a process tells of.
async fn told(request: Request<Incoming>) -> Failure {
    let text = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let told: Value = serde_json::from_slice(&text.unwrap_or_default()).unwrap_or_default();
    let member = |name: &str| told[name].as_str().unwrap_or("unknown").to_owned();
    Failure::new(&member("errorType"), member("errorMessage"))
}

async fn buffer(open: Open, request: Request<Incoming>) -> Reply {
    match Limited::new(request.into_body(), PAYLOAD).collect().await {
        Ok(body) => {
            let _ = open.reply.send(Outcome::Answered(body.to_bytes()));
            accepted()
        }
        Err(cause) if cause.is::<LengthLimitError>() => {
            let message = format!(
                "Response payload size exceeded maximum allowed payload size ({PAYLOAD} bytes)."
            );
            let failure = Failure::new("Function.ResponseSizeTooLarge", message.clone());
            let _ = open.reply.send(Outcome::Failed(failure));
            error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
        }
        Err(_) => {
            let failure = Failure::new("Runtime.Truncated", "the response did not arrive whole");
            let _ = open.reply.send(Outcome::Failed(failure));
            error(StatusCode::BAD_REQUEST, "Runtime.Truncated", "the response did not arrive whole")
        }
    }
}

/// Hands on what a process writes as it writes it. The stream goes on without a reader, as Lambda
/// does not stop a function whose client is gone.
async fn stream(open: Open, request: Request<Incoming>) -> Reply {
    let content_type = request.headers().get("content-type");
    let content_type =
        content_type.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let (sender, chunks) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let Open { reply, _busy } = open;
    let _ = reply.send(Outcome::Streaming { content_type, chunks });

    let mut body = pin!(request.into_body());
    let mut written = 0;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(_) => {
                let failure = Failure::new("Runtime.Truncated", "the stream broke off");
                let _ = sender.send(Err(failure)).await;
                break;
            }
        };
        match frame.into_data() {
            Ok(data) => {
                written += data.len();
                if written > STREAM {
                    let message = format!("the stream has more than {STREAM} bytes");
                    let failure = Failure::new("Function.ResponseSizeTooLarge", message);
                    let _ = sender.send(Err(failure)).await;
                    return error(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        "RequestEntityTooLarge",
                        "too long",
                    );
                }
                let _ = sender.send(Ok(data)).await;
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                if let Some(kind) = trailers.get("lambda-runtime-function-error-type") {
                    let kind = String::from_utf8_lossy(kind.as_bytes()).into_owned();
                    let failure = Failure::new(&kind, "the function failed in the midst of it");
                    let _ = sender.send(Err(failure)).await;
                }
            }
        }
    }
    accepted()
}

fn accepted() -> Reply {
    let mut response = Response::new(Full::new(Bytes::from_static(br#"{"status":"OK"}"#)));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn error(status: StatusCode, kind: &str, message: &str) -> Reply {
    let text = json!({ "errorType": kind, "errorMessage": message }).to_string();
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response
}
