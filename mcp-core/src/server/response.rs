use std::{
    error::Error,
    future::Future,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tower::ServiceExt as _;

use super::call::{Work, panic_message};
use crate::{
    CallResult, Completion, Contents, Era, ErrorKind, InputRequired, PromptMessages, Request,
    RequestId, RpcError, session::earlier, subscription::Listening, tool::BoxService,
};

/// Any error, as `tower` layers have them.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The answer to one request, before it is written down.
///
/// This is what layers see. A layer of a request cache or an audit log works on it; a layer that
/// fails with an error of its own gets that error turned into a response by its type: an
/// [`RpcError`] as it is, `tower`'s `Elapsed` and `Overloaded` as what they mean, all others as an
/// internal error whose text goes to the log only.
#[derive(Clone, Debug)]
pub struct Response(Result<ResultBody, RpcError>);

/// The result of a request that could be served.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResultBody {
    /// What a tool answered.
    Tool(CallResult),
    /// What was read of a resource.
    Resource(Contents),
    /// What a prompt came to.
    Prompt(PromptMessages),
    /// Suggestions for an argument.
    Completion(Completion),
    /// A result that was written when the server was built: a JSON object.
    Prebuilt(Bytes),
    /// A result that only modern clients get: the members of a JSON object, without braces and
    /// without `_meta`.
    Members(Bytes),
    /// The client has to be asked first, and to make its call again with the answers. Only modern
    /// calls have it.
    InputRequired(InputRequired),
    /// The client hears of changes from here on.
    Listening(Listening),
}

impl ResultBody {
    /// Whether it tells of a failure.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Tool(result) if result.is_error())
    }

    /// About how many bytes it is written in.
    fn size(&self) -> usize {
        match self {
            // A sixteenth for what has to be escaped, line breaks above all: to be without room for
            // it would double a large answer's memory.
            Self::Tool(result) => result.text_size() / 16 * 17 + 320,
            Self::Prompt(_) => 320,
            Self::Resource(contents) => contents.written_size() + 192,
            Self::Completion(completion) => completion.values().len() * 24 + 192,
            Self::Prebuilt(result) => result.len() + 64,
            Self::InputRequired(result) => result.size() + 192,
            Self::Members(members) => members.len() + 192,
            Self::Listening(_) => 256,
        }
    }

    /// The members of `_meta`, with the brace that closes it and without the one that opens it.
    fn meta_members(&self) -> Option<&str> {
        match self {
            Self::Tool(result) => result.meta_members(),
            _ => None,
        }
    }

    /// Writes the members of the result, without braces.
    fn write_members(&self, era: Era, out: &mut Vec<u8>) {
        match self {
            Self::Tool(result) => result.write_members(era, out),
            Self::Resource(contents) => {
                contents.write_members(out);
                if era == Era::Modern {
                    contents.write_cache(out);
                }
            }
            Self::Prompt(messages) => messages.write_members(out),
            Self::Completion(completion) => completion.write_members(out),
            // These are written otherwise.
            Self::Prebuilt(_) | Self::Members(_) | Self::InputRequired(_) | Self::Listening(_) => {}
        }
    }
}

impl Response {
    /// A result.
    pub(super) fn ok(body: ResultBody) -> Self {
        Self(Ok(body))
    }

    /// A tool's answer.
    pub fn tool(result: impl Into<CallResult>) -> Self {
        Self(Ok(ResultBody::Tool(result.into())))
    }

    /// A failure to serve the request.
    pub fn error(error: RpcError) -> Self {
        Self(Err(error))
    }

    /// A result that only modern clients get, without braces and without `_meta`.
    pub(super) fn members(members: Vec<u8>) -> Self {
        Self::ok(ResultBody::Members(members.into()))
    }

    /// A failure that is nobody's but the server's.
    pub(super) fn internal() -> Self {
        Self::error(RpcError::new(ErrorKind::Internal, "internal error"))
    }

    pub(super) fn prebuilt(result: Bytes) -> Self {
        Self(Ok(ResultBody::Prebuilt(result)))
    }

    /// The same for clients of an earlier revision, which do not know all content that there is.
    pub(super) fn known_in(self, version: &str) -> Self {
        if !earlier::is_limited(version) {
            return self;
        }
        let known = |content| earlier::as_known_in(version, content);
        Self(self.0.map(|body| match body {
            ResultBody::Tool(result) => ResultBody::Tool(result.known_in(version)),
            ResultBody::Prompt(messages) => ResultBody::Prompt(messages.map_content(known)),
            body => body,
        }))
    }

    /// The result, or why there is none.
    pub fn as_result(&self) -> Result<&ResultBody, &RpcError> {
        self.0.as_ref()
    }

    /// About how many bytes of content it has.
    pub fn size(&self) -> usize {
        match &self.0 {
            Ok(ResultBody::Tool(result)) => result.size(),
            Ok(ResultBody::Prompt(messages)) => messages.size(),
            Ok(body) => body.size(),
            Err(error) => error.message().len(),
        }
    }

    pub(super) fn into_result(self) -> Result<ResultBody, RpcError> {
        self.0
    }

    /// What a layer's error means.
    fn from_layer(error: BoxError) -> Self {
        let error = match error.downcast::<RpcError>() {
            Ok(error) => return Self::error(*error),
            Err(error) => error,
        };
        if error.is::<tower::timeout::error::Elapsed>() {
            return Self::error(RpcError::new(
                ErrorKind::DeadlineExceeded,
                "the call took too long and was cancelled",
            ));
        }
        if error.is::<tower::load_shed::error::Overloaded>() {
            return Self::error(RpcError::new(
                ErrorKind::Overloaded,
                "the server is busy; try again later",
            ));
        }
        tracing::error!(error = &*error as &dyn Error, "a layer failed");
        Self::error(RpcError::new(ErrorKind::Internal, "internal error"))
    }
}

/// A response on its way. What the innermost service of a stack of layers returns.
#[derive(Debug)]
pub struct ResponseFuture(Inner);

enum Inner {
    Ready(Option<Response>),
    Work(Work),
    Layered(Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Work(_) => "Work",
            Self::Layered(_) => "Layered",
        })
    }
}

impl ResponseFuture {
    pub(super) fn layered(service: BoxService, request: Request) -> Self {
        Self(Inner::Layered(Box::pin(service.oneshot(request))))
    }

    /// A response that takes some waiting for.
    pub(super) fn boxed(response: impl Future<Output = Response> + Send + 'static) -> Self {
        Self(Inner::Layered(Box::pin(async move { Ok(response.await) })))
    }

    /// As [`Future::poll`], without the wrapping that a `tower` service needs.
    pub(super) fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        match &mut self.0 {
            // A second poll after the end is a caller's mistake; an error is better than a panic.
            Inner::Ready(response) => Poll::Ready(response.take().unwrap_or_else(|| {
                Response::error(RpcError::new(ErrorKind::Internal, "polled after completion"))
            })),
            Inner::Work(work) => work.poll(cx),
            // A layer is somebody's code, too, and may panic outside of the tool.
            Inner::Layered(future) => {
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                    Ok(poll) => poll.map(|result| result.unwrap_or_else(Response::from_layer)),
                    Err(panic) => {
                        tracing::error!(panic = panic_message(&*panic), "a layer panicked");
                        Poll::Ready(Response::error(RpcError::new(
                            ErrorKind::Internal,
                            "internal error",
                        )))
                    }
                }
            }
        }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_response(cx).map(Ok)
    }
}

impl From<Response> for ResponseFuture {
    fn from(response: Response) -> Self {
        Self(Inner::Ready(Some(response)))
    }
}

impl From<Work> for ResponseFuture {
    fn from(work: Work) -> Self {
        Self(Inner::Work(work))
    }
}

/// A JSON-RPC response as bytes, without a line break.
#[derive(Clone, Debug)]
pub struct Encoded {
    text: Vec<u8>,
    error: Option<Box<RpcError>>,
}

impl Encoded {
    /// The JSON text.
    pub fn into_bytes(self) -> Bytes {
        self.text.into()
    }

    /// The same for whoever copies it and needs no handle to share.
    pub fn into_vec(self) -> Vec<u8> {
        self.text
    }

    /// The JSON text, where it stands.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text
    }

    /// What went wrong, if it is an error response.
    pub fn error(&self) -> Option<ErrorKind> {
        self.error.as_ref().map(|error| error.kind())
    }

    /// The error itself, if it is an error response.
    pub fn rpc_error(&self) -> Option<&RpcError> {
        self.error.as_deref()
    }

    /// The HTTP status of a reply that consists of this response.
    pub fn http_status(&self) -> u16 {
        self.error().map_or(200, ErrorKind::http_status)
    }

    /// An error response to a request that never reached the server.
    pub fn refusal(id: Option<&RequestId>, error: RpcError) -> Self {
        let mut out = Vec::with_capacity(160);
        write_head(&mut out, id);
        out.extend_from_slice(br#","error":"#);
        error.write(&mut out);
        out.push(b'}');
        Self { text: out, error: Some(Box::new(error)) }
    }
}

/// What all responses of a server have in common.
#[derive(Debug)]
pub(super) struct Encoding {
    /// `,"_meta":{…}}`: the server's identity and the end of a modern result.
    pub(super) modern_tail: Box<[u8]>,
}

impl Encoding {
    pub(super) fn encode(&self, id: &RequestId, era: Era, response: Response) -> Encoded {
        let body = match response.0 {
            Ok(body) => body,
            Err(error) => return Encoded::refusal(Some(id), error),
        };
        let mut out = Vec::with_capacity(body.size());
        write_head(&mut out, Some(id));
        out.extend_from_slice(br#","result":"#);
        match (&body, era) {
            (ResultBody::Prebuilt(result), _) => out.extend_from_slice(result),
            (ResultBody::Members(members), _) => {
                out.push(b'{');
                out.extend_from_slice(members);
                out.extend_from_slice(&self.modern_tail);
            }
            (ResultBody::InputRequired(result), _) => {
                out.push(b'{');
                result.write_members(&mut out);
                out.extend_from_slice(&self.modern_tail);
            }
            (ResultBody::Listening(_), _) => {
                // The tail begins with a comma, and ends with the braces of `_meta` and of the
                // result.
                out.extend_from_slice(br#"{"resultType":"complete""#);
                out.extend_from_slice(&self.modern_tail[..self.modern_tail.len() - 2]);
                let _ = write!(out, r#","io.modelcontextprotocol/subscriptionId":{id}}}}}"#);
            }
            (body, Era::Modern) => {
                out.extend_from_slice(br#"{"resultType":"complete","#);
                body.write_members(era, &mut out);
                match body.meta_members() {
                    None => out.extend_from_slice(&self.modern_tail),
                    Some(members) => {
                        // The tail ends with the braces of `_meta` and of the result.
                        out.extend_from_slice(&self.modern_tail[..self.modern_tail.len() - 2]);
                        out.push(b',');
                        out.extend_from_slice(members.as_bytes());
                        out.push(b'}');
                    }
                }
            }
            (body, Era::Legacy) => {
                out.push(b'{');
                body.write_members(era, &mut out);
                if let Some(members) = body.meta_members() {
                    out.extend_from_slice(br#","_meta":{"#);
                    out.extend_from_slice(members.as_bytes());
                }
                out.push(b'}');
            }
        }
        out.push(b'}');
        Encoded { text: out, error: None }
    }
}

fn write_head(out: &mut Vec<u8>, id: Option<&RequestId>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    match id {
        Some(id) => id.write(out),
        None => out.extend_from_slice(b"null"),
    }
}
