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
use mcp_core::Principal;
use mcp_http::{HttpService, SwitchProtocols};
use pin_project_lite::pin_project;
use tower::{Layer as _, Service, ServiceExt as _, service_fn};
use tower_http::cors::CorsLayer;

use crate::ready::Readiness;

/// Writes down what Prometheus reads.
pub(crate) type Scrape = Arc<dyn Fn() -> String + Send + Sync>;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GET: HeaderValue = HeaderValue::from_static("GET, HEAD");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The paths of the listener, as one connection sees them.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) path: Option<Arc<str>>,
    pub(crate) service: HttpService,
    pub(crate) mounts: Arc<[Mount]>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) cors: CorsLayer,
    pub(crate) metrics: Option<Scrape>,
    pub(crate) exchanges: Arc<Exchanges>,
    /// Who is calling, where the connection itself tells.
    pub(crate) client: Option<Principal>,
}

/// What has gone over one connection.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    /// How many requests it has brought.
    requests: AtomicU64,
    switched: OnceLock<SwitchProtocols>,
    #[cfg(feature = "http2")]
    pub(crate) streams: crate::stream::Streams,
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

    fn call(&self, mut request: Request<Incoming>) -> RouteFuture {
        if let Some(client) = &self.client {
            request.extensions_mut().insert(client.clone());
        }
        // Only the connection's own task reads it.
        self.exchanges.requests.fetch_add(1, Ordering::Relaxed);
        // Only browsers name an origin, and only they need to be answered so.
        if !request.headers().contains_key(header::ORIGIN) {
            return self.answer(request);
        }
        let route = self.clone();
        let mut service = self.cors.layer(service_fn(move |request| route.answer(request)));
        let response = service.call(request);
        RouteFuture::Later {
            response: Box::pin(
                async move { response.await.unwrap_or_else(|never| match never {}) },
            ),
        }
    }
}

impl Route {
    fn answer(&self, request: Request<Incoming>) -> RouteFuture {
        let path = request.uri().path();
        if self.path.as_deref().is_some_and(|own| is_at(path, own))
            || self.service.is_well_known(path)
        {
            return RouteFuture::Mcp { response: self.service.respond(request) };
        }
        if let Some(mount) = self.mounts.iter().find(|mount| is_at(path, &mount.path)) {
            let exchanges = Arc::clone(&self.exchanges);
            return RouteFuture::Mounted { response: (mount.serve)(request), exchanges };
        }
        let response = match path {
            "/health" => probe(request.method(), StatusCode::OK, r#"{"status":"ok"}"#),
            "/ready" => return self.ready(request.method()),
            "/metrics" if self.metrics.is_some() => return self.scrape(request),
            _ => short(StatusCode::NOT_FOUND, r#"{"error":"there is nothing at this path"}"#),
        };
        RouteFuture::Ready { response: Some(response) }
    }

    /// Tells the metrics to whoever may call the tools.
    fn scrape(&self, request: Request<Incoming>) -> RouteFuture {
        let (service, metrics) = (self.service.clone(), self.metrics.clone());
        let response = Box::pin(async move {
            let request = match service.authenticate(request).await {
                Ok(request) => request,
                Err(refusal) => return refusal.map(Body::Mcp),
            };
            let text = metrics.map(|scrape| scrape()).unwrap_or_default();
            let mut response = probe(request.method(), StatusCode::OK, text);
            if response.status() == StatusCode::OK {
                response.headers_mut().insert(header::CONTENT_TYPE, OPEN_METRICS);
            }
            response
        });
        RouteFuture::Later { response }
    }

    fn ready(&self, method: &Method) -> RouteFuture {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let response = Some(probe(method, StatusCode::OK, ""));
            return RouteFuture::Ready { response };
        }
        let readiness = Arc::clone(&self.readiness);
        let response = Box::pin(async move {
            let (status, text) = readiness.answer().await;
            probe(&Method::GET, status, text)
        });
        RouteFuture::Later { response }
    }
}

/// A trailing slash makes no difference.
fn is_at(path: &str, own: &str) -> bool {
    path == own || path.strip_suffix('/') == Some(own)
}

/// The answer to who asks after the server itself.
fn probe(method: &Method, status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    if matches!(*method, Method::GET | Method::HEAD) {
        let mut response = short(status, text);
        response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
        return response;
    }
    let mut response =
        short(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"this path takes GET and HEAD"}"#);
    response.headers_mut().insert(header::ALLOW, GET);
    response
}

fn short(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Short(text.into()));
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
        Later { response: Pin<Box<dyn Future<Output = Response<Body>> + Send>> },
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
            RouteProjection::Later { response } => response.as_mut().poll(cx).map(Ok),
        }
    }
}

pub(crate) enum Body {
    Mcp(mcp_http::Body),
    /// Empty once it is read.
    Short(Bytes),
}

impl Default for Body {
    fn default() -> Self {
        Self::Short(Bytes::new())
    }
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
