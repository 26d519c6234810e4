use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use rmcp::model::{self, Annotations, Icon};

use super::Contents;
use crate::{CacheScope, ToolContext, ToolResult, server::CacheHints};

/// A resource with a URI of its own.
///
/// Text and bytes that are known when the server is built are part of it:
/// [`ToolPack::resource`](crate::ToolPack::resource). What has to be read when it is asked for is
/// not (`Resource<()>`), and comes from a closure:
/// [`ToolPack::resource_fn`](crate::ToolPack::resource_fn).
///
/// ```
/// use mcp_core::{Resource, Server, ToolPack};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// let server = Server::builder("shop", "1.0")
///     .pack(
///         ToolPack::new("orders", AtomicU64::new(7))
///             .resource(
///                 Resource::text("shop://terms", "terms", "Pay first.")
///                     .title("Terms of sale")
///                     .mime_type("text/plain"),
///             )
///             .resource_fn(
///                 Resource::new("shop://orders/count", "count").mime_type("text/plain"),
///                 |orders, _cx| async move { Ok(orders.load(Ordering::Relaxed).to_string()) },
///             ),
///     )
///     .build();
/// # drop(server);
/// ```
#[derive(Clone, Debug)]
pub struct Resource<C = Contents> {
    pub(super) model: model::Resource,
    pub(super) cache: Option<CacheHints>,
    pub(super) timeout: Option<Duration>,
    pub(super) scopes: Vec<&'static str>,
    pub(super) contents: C,
}

/// What a closure that reads a resource is kept as.
pub(crate) type Read<S> = Box<dyn Fn(Arc<S>, Arc<ToolContext>) -> Reading + Send + Sync>;
pub(crate) type Reading = Pin<Box<dyn Future<Output = ToolResult<Contents>> + Send>>;

pub(crate) fn boxed_read<S, F, R, C>(read: F) -> Read<S>
where
    F: Fn(Arc<S>, Arc<ToolContext>) -> R + Send + Sync + 'static,
    R: Future<Output = ToolResult<C>> + Send + 'static,
    C: Into<Contents>,
{
    Box::new(move |state, cx| {
        let reading = read(state, cx);
        Box::pin(async move { Ok(reading.await?.into()) })
    })
}

impl Resource<()> {
    /// A resource that is read when it is asked for.
    pub fn new(uri: impl Into<String>, name: impl Into<String>) -> Self {
        let model = model::Resource::new(uri, name);
        Self { model, cache: None, timeout: None, scopes: Vec::new(), contents: () }
    }
}

impl Resource<Contents> {
    /// A text that does not change.
    pub fn text(uri: impl Into<String>, name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::known(uri, name, Contents::text(text))
    }

    /// Bytes that do not change.
    pub fn blob(uri: impl Into<String>, name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self::known(uri, name, Contents::blob(bytes))
    }

    /// Contents that do not change. They are written once, when the server is built.
    pub fn known(
        uri: impl Into<String>,
        name: impl Into<String>,
        contents: impl Into<Contents>,
    ) -> Self {
        let Resource { mut model, .. } = Resource::new(uri, name);
        let contents = contents.into();
        let size = contents.size();
        model.size = (size > 0).then_some(size);
        Self { model, cache: None, timeout: None, scopes: Vec::new(), contents }
    }
}

impl<C> Resource<C> {
    pub(crate) fn uri(&self) -> &str {
        &self.model.uri
    }

    pub(crate) fn meta(mut self, meta: Option<model::MetaObject>) -> Self {
        self.model.meta = meta;
        self
    }

    pub(crate) fn with_contents(self, contents: Contents) -> Resource {
        let Self { model, cache, timeout, scopes, .. } = self;
        Resource { model, cache, timeout, scopes, contents }
    }

    /// Sets the name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.model.title = Some(title.into());
        self
    }

    /// Says what it is.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.model.description = Some(description.into());
        self
    }

    /// Sets the MIME type.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        self.model.mime_type = Some(mime_type.into());
        self
    }

    /// Sets the size in bytes, before any encoding. Contents that are known have it already.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.model.size = Some(bytes);
        self
    }

    /// Sets whom it is for, how important it is, and when it was last changed.
    #[must_use]
    pub fn annotations(mut self, annotations: Annotations) -> Self {
        self.model.annotations = Some(annotations);
        self
    }

    /// Sets the images for people.
    #[must_use]
    pub fn icons(mut self, sources: &[&str]) -> Self {
        self.model.icons = Some(sources.iter().map(|source| Icon::new(*source)).collect());
        self
    }

    /// Sets how long clients may keep what they have read (`ttlMs`), and who may (`cacheScope`).
    ///
    /// By default contents that do not change may be kept as long as a list, see
    /// [`ServerBuilder::cache`](crate::ServerBuilder::cache), and contents that are read anew not
    /// at all.
    #[must_use]
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache = Some(CacheHints::new(ttl, scope));
        self
    }

    /// Sets what a caller must have been granted to see it and to read it.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// Sets how long a read may take, instead of the server's timeout.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}
