use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use mcp_http::HttpService;
use pin_project_lite::pin_project;
use tower::{Layer as _, Service as _, service_fn};
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
    pub(crate) path: Arc<str>,
    pub(crate) service: HttpService,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) cors: CorsLayer,
    pub(crate) metrics: Option<Scrape>,
    /// How many requests the connection has brought.
    pub(crate) requests: Arc<AtomicU64>,
}

impl hyper::service::Service<Request<Incoming>> for Route {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RouteFuture;

    fn call(&self, request: Request<Incoming>) -> RouteFuture {
        // Only the connection's own task reads it.
        self.requests.fetch_add(1, Ordering::Relaxed);
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
        if path == &*self.path
            || path.strip_suffix('/') == Some(&self.path)
            || self.service.is_well_known(path)
        {
            return RouteFuture::Mcp { response: self.service.respond(request) };
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
