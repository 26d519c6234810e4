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

use super::call::{ToolCall, panic_message};
use crate::{
    CallResult, Era, ErrorKind, InputRequired, Request, RequestId, RpcError, tool::BoxService,
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
    /// A result that was written when the server was built: a JSON object.
    Prebuilt(Bytes),
    /// A result that only modern clients get: the members of a JSON object, without braces and
    /// without `_meta`.
    Members(Bytes),
    /// The client has to be asked first, and to make its call again with the answers. Only modern
    /// calls have it.
    InputRequired(InputRequired),
}

impl Response {
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
        Self(Ok(ResultBody::Members(members.into())))
    }

    pub(super) fn input_required(result: InputRequired) -> Self {
        Self(Ok(ResultBody::InputRequired(result)))
    }

    /// A failure that is nobody's but the server's.
    pub(super) fn internal() -> Self {
        Self::error(RpcError::new(ErrorKind::Internal, "internal error"))
    }

    pub(super) fn prebuilt(result: Bytes) -> Self {
        Self(Ok(ResultBody::Prebuilt(result)))
    }

    /// The result, or why there is none.
    pub fn as_result(&self) -> Result<&ResultBody, &RpcError> {
        self.0.as_ref()
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
    Tool(ToolCall),
    Layered(Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Ready",
            Self::Tool(_) => "Tool",
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
            Inner::Tool(call) => call.poll(cx),
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

impl From<ToolCall> for ResponseFuture {
    fn from(call: ToolCall) -> Self {
        Self(Inner::Tool(call))
    }
}

/// A JSON-RPC response as bytes, without a line break.
#[derive(Clone, Debug)]
pub struct Encoded {
    bytes: Bytes,
    error: Option<ErrorKind>,
}

impl Encoded {
    /// The JSON text.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What went wrong, if it is an error response.
    pub fn error(&self) -> Option<ErrorKind> {
        self.error
    }

    /// The HTTP status of a reply that consists of this response.
    pub fn http_status(&self) -> u16 {
        self.error.map_or(200, ErrorKind::http_status)
    }

    /// An error response to a request that never reached the server.
    #[allow(clippy::needless_pass_by_value, reason = "an error is answered once")]
    pub fn refusal(id: Option<&RequestId>, error: RpcError) -> Self {
        let mut out = Vec::with_capacity(160);
        write_head(&mut out, id);
        out.extend_from_slice(br#","error":"#);
        error.write(&mut out);
        out.push(b'}');
        Self { bytes: out.into(), error: Some(error.kind()) }
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
        let mut out = Vec::with_capacity(match &body {
            ResultBody::Tool(_) => 320,
            ResultBody::Prebuilt(result) => result.len() + 64,
            ResultBody::Members(members) => members.len() + self.modern_tail.len() + 64,
            ResultBody::InputRequired(result) => result.size() + self.modern_tail.len() + 64,
        });
        write_head(&mut out, Some(id));
        out.extend_from_slice(br#","result":"#);
        match (body, era) {
            (ResultBody::Prebuilt(result), _) => out.extend_from_slice(&result),
            (ResultBody::Members(members), _) => {
                out.push(b'{');
                out.extend_from_slice(&members);
                out.extend_from_slice(&self.modern_tail);
            }
            (ResultBody::Tool(result), Era::Modern) => {
                out.extend_from_slice(br#"{"resultType":"complete","#);
                result.write_members(era, &mut out);
                match result.meta_members() {
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
            (ResultBody::InputRequired(result), _) => {
                out.push(b'{');
                result.write_members(&mut out);
                out.extend_from_slice(&self.modern_tail);
            }
            (ResultBody::Tool(result), Era::Legacy) => {
                out.push(b'{');
                result.write_members(era, &mut out);
                if let Some(members) = result.meta_members() {
                    out.extend_from_slice(br#","_meta":{"#);
                    out.extend_from_slice(members.as_bytes());
                }
                out.push(b'}');
            }
        }
        out.push(b'}');
        Encoded { bytes: out.into(), error: None }
    }
}

fn write_head(out: &mut Vec<u8>, id: Option<&RequestId>) {
    out.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    match id {
        // Writing to memory does not fail.
        Some(id) => drop(write!(out, "{id}")),
        None => out.extend_from_slice(b"null"),
    }
}
