use std::{
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use mcp_core::{BoxError, Method, Principal, Request, Response, ResultBody, Tool};
use moka::future::Cache;
use tower::{Layer, Service};

use crate::ResponseFuture;

/// What an entry takes beside its texts, in bytes.
const ENTRY: usize = 512;

/// Answers a call from memory where the same caller has made it a short time ago, with the same
/// arguments. Whoever makes it while it is being worked on waits for that answer.
///
/// Only for tools that are named to it, and that are declared to read and to be idempotent. Only
/// answers are kept: no failures, no questions to the user, no tasks. What a cached call would have
/// told before its answer is not told.
///
/// Put it inside of an [`AuditLayer`](crate::AuditLayer), which records the calls that are made of
/// a cache, too.
#[derive(Clone, Debug)]
pub struct ResponseCacheLayer {
    ttl: Duration,
    capacity: u64,
    tools: HashSet<String>,
}

/// The service that [`ResponseCacheLayer`] makes.
#[derive(Clone)]
pub struct ResponseCache<S> {
    inner: S,
    tools: Arc<HashSet<String>>,
    cache: Cache<Key, Response>,
}

impl<S> fmt::Debug for ResponseCache<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseCache").field("tools", &self.tools).finish_non_exhaustive()
    }
}

/// Two calls with one key have one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    tool: Box<str>,
    /// JSON with sorted members.
    arguments: Box<str>,
    /// With all scopes: the same caller can come with a token that allows less.
    caller: Option<Principal>,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.tool, &self.arguments, self.subject()).hash(state);
    }
}

impl Key {
    fn subject(&self) -> Option<&str> {
        self.caller.as_ref().map(Principal::subject)
    }
}

/// What is handed to those who wait, and not kept.
#[derive(Debug)]
enum NotKept {
    Response(Response),
    Failed(BoxError),
}

impl ResponseCacheLayer {
    /// Keeps answers for this time, in 64 MiB at most.
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, capacity: 64 * 1024 * 1024, tools: HashSet::new() }
    }

    /// Sets how much is kept, in bytes; what has been of least use goes first.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Keeps the answers of a tool.
    ///
    /// # Panics
    ///
    /// When the tool is not declared as `read_only` and `idempotent`.
    #[must_use]
    #[track_caller]
    pub fn tool<T: Tool>(self) -> Self {
        self.add::<T>(T::NAME.to_owned())
    }

    /// Keeps the answers of a tool of a pack in a namespace.
    ///
    /// # Panics
    ///
    /// When the tool is not declared as `read_only` and `idempotent`.
    #[must_use]
    #[track_caller]
    pub fn tool_in<T: Tool>(self, namespace: &str) -> Self {
        self.add::<T>(format!("{namespace}_{}", T::NAME))
    }

    #[track_caller]
    fn add<T: Tool>(mut self, name: String) -> Self {
        let definition = T::definition();
        let annotations = definition.as_model().annotations.as_ref();
        let may_be_kept = annotations.is_some_and(|promised| {
            promised.read_only_hint == Some(true) && promised.idempotent_hint == Some(true)
        });
        assert!(
            may_be_kept,
            "`{name}` cannot be cached: declare it with `read_only, idempotent` if it is"
        );
        self.tools.insert(name);
        self
    }
}

impl<S> Layer<S> for ResponseCacheLayer {
    type Service = ResponseCache<S>;

    fn layer(&self, inner: S) -> ResponseCache<S> {
        let cache = Cache::builder()
            .time_to_live(self.ttl)
            .max_capacity(self.capacity)
            .weigher(|key: &Key, response: &Response| {
                let texts =
                    key.tool.len() + key.arguments.len() + key.subject().map_or(0, str::len);
                u32::try_from(texts + response.size() + ENTRY).unwrap_or(u32::MAX)
            })
            .build();
        ResponseCache { inner, tools: Arc::new(self.tools.clone()), cache }
    }
}

impl<S> ResponseCache<S> {
    fn key(&self, request: &Request) -> Option<Key> {
        let tool = request.name().filter(|_| *request.method() == Method::CallTool)?;
        // Answers to what a call has asked make it another call.
        if !self.tools.contains(tool) || request.has_input() {
            return None;
        }
        let mut arguments = request.arguments().ok()?;
        arguments.sort_all_objects();
        Some(Key {
            tool: tool.into(),
            arguments: arguments.to_string().into(),
            caller: request.extensions().get::<Principal>().cloned(),
        })
    }
}

impl<S> Service<Request> for ResponseCache<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
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
        let Some(key) = self.key(&request) else {
            let response = self.inner.call(request);
            return Box::pin(async move { response.await.map_err(Into::into) });
        };
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let cache = self.cache.clone();
        Box::pin(async move {
            let answer = cache.try_get_with(key, async move {
                let response =
                    inner.call(request).await.map_err(|error| NotKept::Failed(error.into()))?;
                match response.as_result() {
                    Ok(ResultBody::Tool(result)) if !result.is_error() => Ok(response),
                    _ => Err(NotKept::Response(response)),
                }
            });
            match answer.await {
                Ok(response) => Ok(response),
                Err(not_kept) => match &*not_kept {
                    NotKept::Response(response) => Ok(response.clone()),
                    NotKept::Failed(error) => Err(error.to_string().into()),
                },
            }
        })
    }
}
