use std::task::{Context, Poll};

use mcp_core::{BoxError, CallResult, ErrorKind, Request, Response, ResultBody, RpcError};
use tower::{Layer, Service};

use crate::ResponseFuture;

/// Limits how large an answer may be: the content of a tool's, the texts of a resource. A model is
/// told to ask for less; other callers get an error.
///
/// AWS Lambda answers with 6 MB at most, an Application Load Balancer in front of it with 1 MB.
#[derive(Clone, Copy, Debug)]
pub struct ResponseLimitLayer {
    bytes: usize,
}

/// The service that [`ResponseLimitLayer`] makes.
#[derive(Clone, Debug)]
pub struct ResponseLimit<S> {
    inner: S,
    bytes: usize,
}

impl ResponseLimitLayer {
    /// Lets answers have about so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { bytes }
    }
}

impl<S> Layer<S> for ResponseLimitLayer {
    type Service = ResponseLimit<S>;

    fn layer(&self, inner: S) -> ResponseLimit<S> {
        ResponseLimit { inner, bytes: self.bytes }
    }
}

impl<S> Service<Request> for ResponseLimit<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request) -> ResponseFuture {
        let limit = self.bytes;
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await.map_err(Into::into)?;
            let size = response.size();
            if size <= limit {
                return Ok(response);
            }
            let said =
                format!("the answer has {size} bytes, {limit} at most can be sent: ask for less");
            Ok(match response.as_result() {
                Ok(ResultBody::Tool(_)) => Response::tool(CallResult::error(said)),
                _ => Response::error(RpcError::new(ErrorKind::Internal, said)),
            })
        })
    }
}
