use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use mcp_http::{HttpService, SwitchProtocols};
use pin_project_lite::pin_project;
use tower::{Service, ServiceExt as _};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GET: HeaderValue = HeaderValue::from_static("GET, HEAD");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The paths of the listener, as one connection sees them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) path: Option<Arc<str>>,
    pub(crate) service: HttpService,
    pub(crate) mounts: Arc<[Mount]>,
    pub(crate) exchanges: Arc<Exchanges>,
}

/// What has gone over one connection.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    /// How many requests it has brought.
    requests: AtomicU64,
    switched: OnceLock<SwitchProtocols>,
}

impl Exchanges {
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// What the connection goes on as, if it has left HTTP.
    pub(crate) fn switched(&self) -> Option<SwitchProtocols> {
        self.switched.get().cloned()
    }
}

/// A service beside the protocol's endpoint.
pub(crate) struct Mount {
    path: Box<str>,
    serve: Box<Serve>,
}

impl Mount {
    pub(crate) fn new<S>(path: &str, service: S) -> Self
    where
        S: Service<Request<Incoming>, Response = Response<mcp_http::Body>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let serve = move |request| -> Mounted {
            let response = service.clone().oneshot(request);
            Box::pin(response.map(|Ok(response)| response))
        };
        Self { path: absolute(path).into(), serve: Box::new(serve) }
    }
}

pub(crate) fn absolute(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mount").field(&self.path).finish()
    }
}

type Serve = dyn Fn(Request<Incoming>) -> Mounted + Send + Sync;
type Mounted = Pin<Box<dyn Future<Output = Response<mcp_http::Body>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Route {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture;

    fn call(&self, request: Request<Incoming>) -> RouteFuture {
        // Only the connection's own task reads it.
        self.exchanges.requests.fetch_add(1, Ordering::Relaxed);
        let path = request.uri().path();
        if self.path.as_deref().is_some_and(|own| is_at(path, own)) {
            return RouteFuture::Mcp { response: self.service.respond(request) };
        }
        if let Some(mount) = self.mounts.iter().find(|mount| is_at(path, &mount.path)) {
            let exchanges = Arc::clone(&self.exchanges);
            return RouteFuture::Mounted { response: (mount.serve)(request), exchanges };
        }
        let response = match path {
            "/health" => health(request.method()),
            _ => short(StatusCode::NOT_FOUND, r#"{"error":"there is nothing at this path"}"#),
        };
        RouteFuture::Ready { response: Some(response) }
    }
}

/// A trailing slash makes no difference.
fn is_at(path: &str, own: &str) -> bool {
    path == own || path.strip_suffix('/') == Some(own)
}

fn health(method: &Method) -> Response<Body> {
    if matches!(*method, Method::GET | Method::HEAD) {
        let mut response = short(StatusCode::OK, r#"{"status":"ok"}"#);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        return response;
    }
    let mut response =
        short(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"/health takes GET and HEAD"}"#);
    response.headers_mut().insert(header::ALLOW, GET);
    response
}

fn short(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Short(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

pin_project! {
    #[project = RouteProjection]
    pub(crate) enum RouteFuture {
        Mcp { #[pin] response: mcp_http::ResponseFuture<Incoming> },
        Mounted { response: Mounted, exchanges: Arc<Exchanges> },
        Ready { response: Option<Response<Body>> },
    }
}

impl Future for RouteFuture {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            RouteProjection::Mcp { response } => {
                response.poll(cx).map(|response| response.map(|response| response.map(Body::Mcp)))
            }
            RouteProjection::Mounted { response, exchanges } => {
                response.as_mut().poll(cx).map(|mut response| {
                    if let Some(switched) = response.extensions_mut().remove() {
                        // A connection leaves HTTP once.
                        let _ = exchanges.switched.set(switched);
                    }
                    Ok(response.map(Body::Mcp))
                })
            }
            RouteProjection::Ready { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
        }
    }
}

pub(crate) enum Body {
    Mcp(mcp_http::Body),
    /// Empty once it is read.
    Short(Bytes),
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Mcp(body) => Pin::new(body).poll_frame(cx),
            Self::Short(text) => {
                let text = std::mem::take(text);
                Poll::Ready((!text.is_empty()).then(|| Ok(Frame::data(text))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Mcp(body) => body.is_end_stream(),
            Self::Short(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Mcp(body) => body.size_hint(),
            Self::Short(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}
