use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use lambda_runtime::LambdaInvocation;
use pin_project_lite::pin_project;
use tower::{BoxError, Layer, Service};

type Hook = dyn Fn() -> HookFuture + Send + Sync;
type HookFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What comes after each invocation, once it is answered and before the next one is asked for:
/// until then Lambda does not stop the process.
#[derive(Clone, Default)]
pub(crate) struct AfterLayer(Option<Arc<Hook>>);

impl AfterLayer {
    pub(crate) fn new<F>(hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Some(Arc::new(move || Box::pin(hook()))))
    }
}

impl fmt::Debug for AfterLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterLayer").field(&self.0.is_some()).finish()
    }
}

impl<S> Layer<S> for AfterLayer {
    type Service = After<S>;

    fn layer(&self, inner: S) -> After<S> {
        After { inner, hook: self.0.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct After<S> {
    inner: S,
    hook: Option<Arc<Hook>>,
}

impl<S> Service<LambdaInvocation> for After<S>
where
    S: Service<LambdaInvocation, Response = (), Error = BoxError>,
{
    type Response = ();
    type Error = BoxError;
    type Future = AfterFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> AfterFuture<S::Future> {
        let hook = self.hook.clone();
        AfterFuture { answering: self.inner.call(invocation), hook, after: None }
    }
}

pin_project! {
    pub(crate) struct AfterFuture<F> {
        // Its end is that of the answer's last byte.
        #[pin]
        answering: F,
        hook: Option<Arc<Hook>>,
        after: Option<(Result<(), BoxError>, HookFuture)>,
    }
}

impl<F: Future<Output = Result<(), BoxError>>> Future for AfterFuture<F> {
    type Output = Result<(), BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let this = self.project();
        if this.after.is_none() {
            let answered = ready!(this.answering.poll(cx));
            match this.hook {
                Some(hook) => *this.after = Some((answered, hook())),
                None => return Poll::Ready(answered),
            }
        }
        if let Some((_, after)) = this.after {
            ready!(after.as_mut().poll(cx));
        }
        Poll::Ready(this.after.take().map_or(Ok(()), |(answered, _)| answered))
    }
}
