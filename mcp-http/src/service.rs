use std::{
    any::Any,
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream as _;
use http::{HeaderMap, Method, Request, Response, header, request::Parts};
use http_body::Body as HttpBody;
use mcp_core::{
    Encoded, ErrorKind, Message, Principal, Reply, ReplyPart, RequestId, RpcError, Server,
    TraceContext, Verification,
};
use pin_project_lite::pin_project;

use crate::{
    Body, HttpConfig, SseService,
    accept::Accept,
    authentication::{self, Door},
    collect::{CollectError, Collector},
    events::Events,
    headers::{self, Declared, SESSION_ID},
    legacy::Legacy,
    reply,
};

/// The HTTP binding of a [`Server`]: a `tower` service for any HTTP server or framework.
///
/// It answers every path that it is given. Modern requests run inside the returned future and
/// body, without a task or a channel of their own: dropping either cancels the call. Legacy
/// sessions run in tasks on the current tokio runtime.
///
/// Every error is a JSON-RPC body, with the request's identifier wherever that could be read.
///
/// ```
/// # use mcp_core::Server;
/// # use mcp_http::{HttpConfig, HttpService};
/// # use tower::ServiceExt as _;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let server = Server::builder("hello", "1.0").build();
/// let service = HttpService::new(server, HttpConfig::new());
///
/// let request = http::Request::post("/mcp")
///     .header("host", "localhost")
///     .body(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_owned())
///     .unwrap();
/// let response = service.oneshot(request).await.unwrap();
/// assert_eq!(response.status(), 200);
/// # });
/// ```
#[derive(Clone)]
pub struct HttpService {
    inner: Arc<Inner>,
    form: Form,
}

/// What callers are expected to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Mcp,
    JsonRpc,
}

struct Inner {
    server: Server,
    config: HttpConfig,
    door: Option<Door>,
    /// `None` where no sessions are kept.
    legacy: Option<Legacy>,
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpService")
            .field("server", &self.inner.server)
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A response on its way. Dropping it cancels the call.
    pub struct ResponseFuture<B> {
        inner: Arc<Inner>,
        form: Form,
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<B> {
        Ready { response: Option<Response<Body>> },
        Verifying { verification: Verification, request: Option<(Parts, B)> },
        Reading { #[pin] body: B, parts: Option<Parts>, collector: Collector },
        Calling { reply: Option<Reply>, accept: Accept },
        Shared { response: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
    }
}

/// What is asked of a legacy session.
enum Exchange {
    Open(mcp_core::Request),
    Post(Message),
    /// `GET` or `DELETE`.
    Serve,
}

/// What a message leads to.
#[expect(
    clippy::large_enum_variant,
    reason = "moved once, and a box would be one more allocation a call"
)]
enum Next {
    Response(Response<Body>),
    Call(Reply, Accept),
    /// Of a session that other replicas have a part in.
    Shared(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl<B> From<Next> for State<B> {
    fn from(next: Next) -> Self {
        match next {
            Next::Response(response) => Self::Ready { response: Some(response) },
            Next::Call(reply, accept) => Self::Calling { reply: Some(reply), accept },
            Next::Shared(response) => Self::Shared { response },
        }
    }
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl HttpService {
    /// Serves `server` over HTTP.
    pub fn new(server: Server, config: HttpConfig) -> Self {
        let keeps_sessions = !config.stateless || config.session_store.is_some();
        let legacy = keeps_sessions.then(|| Legacy::new(&config));
        let door = config.authentication.as_ref().map(|asked| Door::new(asked, &server));
        Self { inner: Arc::new(Inner { server, config, door, legacy }), form: Form::Mcp }
    }

    /// Answers one HTTP request: [`tower::Service::call`] through a shared reference.
    pub fn respond<B: HttpBody>(&self, request: Request<B>) -> ResponseFuture<B> {
        let (parts, body) = request.into_parts();
        let state = self
            .inner
            .begin(parts, body, self.form)
            .unwrap_or_else(|response| State::Ready { response: Some(*response) });
        ResponseFuture { inner: Arc::clone(&self.inner), form: self.form, state }
    }

    /// The same service for callers that know JSON-RPC and nothing of MCP, such as scripts.
    ///
    /// It takes POST alone, and no handshake. `Accept` and the headers of MCP are not looked at; the
    /// answer is always JSON, and what a tool would tell before its result is left out.
    #[must_use]
    pub fn json_rpc(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), form: Form::JsonRpc }
    }

    /// The deprecated transport HTTP+SSE, with the server and the configuration of this one.
    /// `messages` is the path at which it is sent messages, such as `/messages`; everything else
    /// that it is asked for is its stream.
    pub fn sse(&self, messages: &str) -> SseService {
        SseService::new(self.clone(), messages)
    }

    pub(crate) fn server(&self) -> &Server {
        &self.inner.server
    }

    pub(crate) fn config(&self) -> &HttpConfig {
        &self.inner.config
    }

    /// Reads the body of a request that is not this service's own.
    pub(crate) async fn read<B: HttpBody>(
        &self,
        headers: &HeaderMap,
        body: B,
    ) -> Result<Bytes, RpcError> {
        let mut collector = self.inner.collector(headers)?;
        let mut body = pin!(body);
        let read = poll_fn(|cx| collector.poll(body.as_mut(), cx)).await;
        read.map_err(|error| self.inner.unread(error))
    }

    /// Whether the service answers this path whatever path the protocol is mounted on: it is that
    /// of the protected resource metadata (RFC 9728).
    pub fn is_well_known(&self, path: &str) -> bool {
        self.inner.door.as_ref().is_some_and(|door| door.is_well_known(path))
    }

    /// Lets a request in that is served by something else beside the protocol's endpoint, such as
    /// a WebSocket: checks `Host` and `Origin`, and does as [`Self::authenticate`].
    ///
    /// # Errors
    ///
    /// The response to a request that is not let in.
    pub async fn admit<B>(&self, request: Request<B>) -> Result<Request<B>, Box<Response<Body>>> {
        let (parts, body) = request.into_parts();
        self.inner.check_access(&parts)?;
        self.authenticate(Request::from_parts(parts, body)).await
    }

    /// Asks who is calling, if the service asks that, and puts the [`Principal`] into the request's
    /// extensions.
    ///
    /// # Errors
    ///
    /// The response to a caller that is not let in.
    pub async fn authenticate<B>(
        &self,
        request: Request<B>,
    ) -> Result<Request<B>, Box<Response<Body>>> {
        let (mut parts, body) = request.into_parts();
        if let Some((door, verification)) = self.inner.verify(&parts) {
            parts.extensions.insert(door.admit(verification.await)?);
        }
        Ok(Request::from_parts(parts, body))
    }
}

impl<B: HttpBody> tower::Service<Request<B>> for HttpService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<B> {
        self.respond(request)
    }
}

impl<B: HttpBody> Future for ResponseFuture<B> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Tools cannot panic through a reply, but layers can, and a panic would take the whole
        // connection along without a word.
        match catch_unwind(AssertUnwindSafe(|| self.as_mut().advance(cx))) {
            Ok(response) => response.map(Ok),
            Err(panic) => {
                let mut this = self.project();
                let id = match this.state.as_mut().project() {
                    StateProjection::Calling { reply: Some(reply), .. } => Some(reply.id().clone()),
                    _ => None,
                };
                this.state.set(State::Ready { response: None });
                Poll::Ready(Ok(reply::json(panicked(id.as_ref(), &*panic))))
            }
        }
    }
}

impl<B: HttpBody> ResponseFuture<B> {
    fn advance(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Ready { response } => {
                    // `None` where the future is polled after its end.
                    return response.take().map_or(Poll::Pending, Poll::Ready);
                }
                StateProjection::Verifying { verification, request } => {
                    let judgement = ready!(Pin::new(verification).poll(cx));
                    let (Some((mut parts, body)), Some(door)) = (request.take(), &this.inner.door)
                    else {
                        return Poll::Pending;
                    };
                    parts.extensions.insert(match door.admit(judgement) {
                        Ok(principal) => principal,
                        Err(response) => return Poll::Ready(*response),
                    });
                    match this.inner.judge(parts, body, *this.form) {
                        Ok(state) => this.state.set(state),
                        Err(response) => return Poll::Ready(*response),
                    }
                    continue;
                }
                StateProjection::Reading { body, parts, collector } => {
                    let read = ready!(collector.poll(body, cx));
                    match (read, parts.take()) {
                        (Ok(text), Some(parts)) => this.inner.dispatch(parts, text, *this.form),
                        (Err(error), _) => {
                            return Poll::Ready(reply::refusal(None, this.inner.unread(error)));
                        }
                        (Ok(_), None) => return Poll::Pending,
                    }
                }
                StateProjection::Calling { reply, accept } => {
                    let Some(calling) = reply.as_mut() else {
                        return Poll::Pending;
                    };
                    let first = match ready!(Pin::new(calling).poll_next(cx)) {
                        Some(ReplyPart::Notification(_)) if !accept.events => continue,
                        Some(ReplyPart::Response(response))
                            if accept.json || response.http_status() != 200 =>
                        {
                            return Poll::Ready(this.inner.answer(response));
                        }
                        Some(first) => first,
                        None => return Poll::Pending,
                    };
                    let Some(reply) = reply.take() else {
                        return Poll::Pending;
                    };
                    let events = Events::new(reply, first, &this.inner.config);
                    return Poll::Ready(reply::events(Body::events(events)));
                }
                StateProjection::Shared { response } => return response.as_mut().poll(cx),
            };
            if let Next::Response(response) = next {
                return Poll::Ready(response);
            }
            this.state.set(next.into());
        }
    }
}

impl Inner {
    /// Lets a request in, or not.
    fn begin<B>(
        self: &Arc<Self>,
        mut parts: Parts,
        body: B,
        form: Form,
    ) -> Result<State<B>, Box<Response<Body>>> {
        if let Some(metadata) = self.door.as_ref().and_then(|door| door.metadata(&parts)) {
            return Err(metadata.into());
        }
        self.check_access(&parts)?;
        if let Some((door, verification)) = self.verify(&parts) {
            match verification.into_ready() {
                Ok(judgement) => drop(parts.extensions.insert(door.admit(judgement)?)),
                Err(verification) => {
                    return Ok(State::Verifying { verification, request: Some((parts, body)) });
                }
            }
        }
        self.judge(parts, body, form)
    }

    fn check_access(&self, parts: &Parts) -> Result<(), Box<Response<Body>>> {
        let checked = self.config.admits(&parts.uri, &parts.headers);
        checked.map_err(|error| reply::refusal(None, error).into())
    }

    /// Asks who is calling, where that is to be asked.
    fn verify(&self, parts: &Parts) -> Option<(&Door, Verification)> {
        let door = self.door.as_ref()?;
        Some((
            door,
            match parts.extensions.get::<Principal>() {
                // An outer layer has asked.
                Some(known) => Verification::ready(Ok(known.clone())),
                None => door.verify(&parts.headers),
            },
        ))
    }

    /// Judges a request by its head.
    fn judge<B>(
        self: &Arc<Self>,
        parts: Parts,
        body: B,
        form: Form,
    ) -> Result<State<B>, Box<Response<Body>>> {
        let judged = self.check_head(parts, body, form);
        judged.map_err(|error| reply::refusal(None, error).into())
    }

    fn check_head<B>(
        self: &Arc<Self>,
        parts: Parts,
        body: B,
        form: Form,
    ) -> Result<State<B>, RpcError> {
        let headers = &parts.headers;
        if parts.method != Method::POST {
            let is_of_session = matches!(parts.method, Method::GET | Method::DELETE)
                && form == Form::Mcp
                && headers.contains_key(SESSION_ID)
                && Declared::of(headers) != Declared::Modern;
            return match &self.legacy {
                Some(legacy) if is_of_session && legacy.has_common_stream(&parts) => {
                    Ok(self.exchange(legacy, parts, Exchange::Serve).into())
                }
                Some(_) if is_of_session => Err(RpcError::new(
                    ErrorKind::MethodNotAllowed,
                    "this server has no stream beside its answers; GET needs `Last-Event-ID`",
                )),
                Some(_) => Err(RpcError::new(
                    ErrorKind::MethodNotAllowed,
                    "send messages with POST; GET and DELETE are for legacy sessions and need \
                     `Mcp-Session-Id`",
                )),
                None => Err(RpcError::new(
                    ErrorKind::MethodNotAllowed,
                    "send messages with POST; this server keeps no sessions",
                )),
            };
        }

        let collector = self.collector(headers)?;
        Ok(State::Reading { body, parts: Some(parts), collector })
    }

    /// Prepares to read a request's body, after a look at its headers.
    fn collector(&self, headers: &HeaderMap) -> Result<Collector, RpcError> {
        // A caller that does not say what it sends most likely sends JSON.
        if let Some(kind) = headers.get(header::CONTENT_TYPE)
            && !is_json(kind)
        {
            return Err(RpcError::new(
                ErrorKind::UnsupportedMediaType,
                "`Content-Type` must be application/json",
            ));
        }

        let mut collector = Collector::new(self.config.max_body, self.config.read_timeout);
        let length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<u64>().ok())
            .unwrap_or(0);
        if length > self.config.max_body as u64 {
            // Whoever waits for a `100 Continue` has not sent it yet.
            if headers.contains_key(header::EXPECT) || !collector.can_discard(length) {
                return Err(self.unread(CollectError::TooLarge));
            }
            collector.discard();
        }
        Ok(collector)
    }

    /// Decides who answers a message.
    fn dispatch(self: &Arc<Self>, mut parts: Parts, text: Bytes, form: Form) -> Next {
        if form == Form::JsonRpc {
            return self.dispatch_json_rpc(parts, text);
        }
        let session = self.legacy.as_ref().filter(|_| parts.headers.contains_key(SESSION_ID));
        let declared = Declared::of(&parts.headers);
        let is_legacy = matches!(declared, Declared::Nothing | Declared::Legacy(_));

        // Not a guard with `let`, which is newer than the oldest compiler that this crate takes.
        let mut request = match (Message::parse(text), session) {
            (Ok(Message::Request(request)), _) => request,
            (Ok(message @ (Message::Notification(_) | Message::Response(_))), Some(legacy))
                if is_legacy =>
            {
                return self.exchange(legacy, parts, Exchange::Post(message));
            }
            // There is nothing that a notification outside of a session could be about: a modern
            // client cancels by closing the stream.
            (Ok(Message::Notification(_)), _) => return Next::Response(reply::accepted()),
            (Ok(_), _) => {
                return refused(
                    None,
                    ErrorKind::InvalidRequest,
                    "a response needs a legacy session: this server has sent no request",
                );
            }
            (Err(malformed), _) => {
                return Next::Response(reply::json(self.server.refuse(malformed)));
            }
        };

        // A client opens a session before it knows the server's version, whatever its header says.
        let opens_session = *request.method() == mcp_core::Method::Initialize;
        let is_modern = request.era() == mcp_core::Era::Modern
            || (declared == Declared::Modern && !opens_session);
        if is_modern {
            let agreed = headers::agree(&parts.headers, declared, &request, &self.server);
            if let Err(error) = agreed {
                return Next::Response(reply::refusal(Some(request.id()), error));
            }
            request.set_modern();
        } else {
            match declared {
                Declared::Unknown(version) => {
                    let error = headers::unsupported_version(version);
                    return Next::Response(reply::refusal(Some(request.id()), error));
                }
                Declared::Invalid => {
                    return refused(
                        Some(request.id()),
                        ErrorKind::InvalidRequest,
                        "the header MCP-Protocol-Version is malformed or there more than once",
                    );
                }
                Declared::Legacy(header) => {
                    if let Some(body) = request.meta().protocol_version()
                        && header != body
                    {
                        let error = headers::differs("MCP-Protocol-Version", header, body);
                        return Next::Response(reply::refusal(Some(request.id()), error));
                    }
                }
                Declared::Nothing | Declared::Modern => {}
            }
            if opens_session && let Some(legacy) = &self.legacy {
                if let Declared::Legacy(version) = declared
                    && !asks_for(&request, version)
                {
                    return refused(
                        Some(request.id()),
                        ErrorKind::InvalidRequest,
                        "the header MCP-Protocol-Version and `params.protocolVersion` differ",
                    );
                }
                // It opens a new one, whichever it names.
                return self.exchange(legacy, parts, Exchange::Open(request));
            }
            if let Some(legacy) = session {
                // Within its stream it would be answered with 200.
                if let Some(caller) = parts.extensions.get::<Principal>()
                    && let Err(error) = self.server.authorize(&request, caller)
                {
                    return Next::Response(
                        self.answer(Encoded::refusal(Some(request.id()), error)),
                    );
                }
                return self.exchange(legacy, parts, Exchange::Post(Message::Request(request)));
            }
        }

        // A legacy request that gets here is answered by itself: where no sessions are kept any, and
        // elsewhere one without a handshake, as of a script, a health check, `curl`.
        let reply = self.call(request, &mut parts);
        let accept = if reply.may_notify() { Accept::of(&parts.headers) } else { Accept::JSON };
        Next::of(reply, accept)
    }

    /// Has the legacy sessions answer. At once, unless a store has to be asked before.
    fn exchange(self: &Arc<Self>, legacy: &Legacy, parts: Parts, exchange: Exchange) -> Next {
        let Self { server, config, .. } = &**self;
        if !legacy.is_shared() {
            return Next::Response(match exchange {
                Exchange::Open(request) => legacy.open(&parts, request, server, config),
                Exchange::Post(message) => legacy.post(&parts, message, config),
                Exchange::Serve => legacy.serve(&parts, config),
            });
        }
        let (inner, legacy) = (Arc::clone(self), legacy.clone());
        Next::Shared(Box::pin(async move {
            let Self { server, config, .. } = &*inner;
            let id = match &exchange {
                Exchange::Open(request) => {
                    return legacy.open_shared(&parts, request.clone(), server, config).await;
                }
                Exchange::Post(Message::Request(request)) => Some(request.id().clone()),
                _ => None,
            };
            if let Err(refusal) = legacy.admit(&parts, id.as_ref(), server).await {
                return *refusal;
            }
            match exchange {
                Exchange::Post(message) => legacy.post(&parts, message, config),
                _ => legacy.serve_shared(&parts, config).await,
            }
        }))
    }

    /// Decides who answers a message of a caller that knows nothing of MCP.
    fn dispatch_json_rpc(&self, mut parts: Parts, text: Bytes) -> Next {
        match Message::parse(text) {
            Ok(Message::Request(request)) if *request.method() == mcp_core::Method::Initialize => {
                refused(
                    Some(request.id()),
                    ErrorKind::MethodNotFound,
                    "there are no sessions here, and no handshake is needed: call `tools/list` or \
                     `tools/call`",
                )
            }
            Ok(Message::Request(request)) => Next::of(self.call(request, &mut parts), Accept::JSON),
            Ok(Message::Notification(_)) => Next::Response(reply::accepted()),
            Ok(_) => refused(
                None,
                ErrorKind::InvalidRequest,
                "this is a response; the server has sent no request",
            ),
            Err(malformed) => Next::Response(reply::json(self.server.refuse(malformed))),
        }
    }

    fn call(&self, mut request: mcp_core::Request, parts: &mut Parts) -> Reply {
        // Who is calling, and what else an outer layer has found out.
        *request.extensions_mut() = std::mem::take(&mut parts.extensions);
        if let Some(trace) = TraceContext::from_headers(&parts.headers) {
            request.extensions_mut().insert(trace);
        }
        self.server.call(request)
    }

    /// One response, with what its caller lacks to be served.
    fn answer(&self, response: Encoded) -> Response<Body> {
        let challenge = response
            .rpc_error()
            .filter(|error| error.kind() == ErrorKind::Forbidden)
            .and_then(|error| authentication::insufficient_scope(self.door.as_ref(), error));
        let mut response = reply::json(response);
        if let Some(challenge) = challenge {
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, challenge);
        }
        response
    }

    fn unread(&self, error: CollectError) -> RpcError {
        match error {
            CollectError::TooLarge => RpcError::new(
                ErrorKind::PayloadTooLarge,
                format!("the message is larger than {} bytes", self.config.max_body),
            ),
            CollectError::TooSlow => RpcError::new(
                ErrorKind::ReadTimeout,
                format!("the message took longer than {:?} to arrive", self.config.read_timeout),
            ),
            CollectError::Broken => {
                RpcError::new(ErrorKind::InvalidRequest, "the message did not arrive whole")
            }
        }
    }
}

impl Next {
    fn of(reply: Reply, accept: Accept) -> Self {
        if reply.is_subscription() && !accept.events {
            return refused(
                Some(reply.id()),
                ErrorKind::NotAcceptable,
                "subscriptions/listen is answered with a stream of events: `Accept` must have \
                 text/event-stream",
            );
        }
        Self::Call(reply, accept)
    }
}

/// Whether `initialize` asks for this version, as far as it can be read.
fn asks_for(initialize: &mcp_core::Request, version: &str) -> bool {
    let params = initialize.params::<serde_json::Value>();
    params.is_ok_and(|params| params["protocolVersion"] == version)
}

#[cold]
fn refused(id: Option<&RequestId>, kind: ErrorKind, message: &'static str) -> Next {
    Next::Response(reply::refusal(id, RpcError::new(kind, message)))
}

fn is_json(content_type: &http::HeaderValue) -> bool {
    const JSON: &[u8] = b"application/json";
    let value = content_type.as_bytes();
    let kind = value.split(|byte| *byte == b';').next().unwrap_or(value);
    kind.trim_ascii().eq_ignore_ascii_case(JSON)
}

/// The answer to a request during which something panicked.
#[cold]
pub(crate) fn panicked(id: Option<&RequestId>, panic: &(dyn Any + Send)) -> Encoded {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is no text");
    tracing::error!(panic = message, "serving a request panicked");
    Encoded::refusal(id, RpcError::new(ErrorKind::Internal, "internal error"))
}
