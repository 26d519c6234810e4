use std::{fmt, sync::Arc};

use tower::{Layer, Service, ServiceExt as _, util::BoxCloneSyncService};

use super::{Call, DynTool, ErasedTool};
use crate::{BoxError, Request, Response};

pub(crate) type BoxService = BoxCloneSyncService<Request, Response, BoxError>;
pub(crate) type BoxLayer = Box<dyn FnOnce(BoxService) -> BoxService + Send>;

/// A named set of tools that share a state.
///
/// ```
/// # use mcp_core::{Call, Server, Tool, ToolContext, ToolPack, ToolResult};
/// # use {schemars::JsonSchema, serde::Deserialize};
/// # /// Tells the time.
/// # #[derive(Deserialize, JsonSchema, Tool)]
/// # struct Now {}
/// # struct Clock;
/// # impl Call<Clock> for Now {
/// #     type Output = String;
/// #     async fn call(self, _: &Clock, _: &ToolContext) -> ToolResult<String> { Ok("noon".into()) }
/// # }
/// let server = Server::builder("time", "1.0")
///     .pack(ToolPack::new("clock", Clock).tool::<Now>().namespaced("clock"))
///     .build();
/// assert_eq!(server.tool_names().collect::<Vec<_>>(), ["clock_now"]);
/// ```
pub struct ToolPack<S> {
    name: Arc<str>,
    state: Arc<S>,
    namespace: Option<String>,
    tools: Vec<Bind<S>>,
    layers: Vec<BoxLayer>,
}

/// Binds one tool to the pack's state, once its namespace is known.
type Bind<S> =
    Box<dyn FnOnce(Arc<S>, Arc<str>, Option<&str>) -> Result<ErasedTool, String> + Send + Sync>;

impl<S> fmt::Debug for ToolPack<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolPack")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("tools", &self.tools.len())
            .finish_non_exhaustive()
    }
}

impl<S: Send + Sync + 'static> ToolPack<S> {
    /// An empty pack. Its name stands in logs and in errors, not in the tools' names.
    pub fn new(name: impl Into<Arc<str>>, state: S) -> Self {
        Self::with_shared(name, Arc::new(state))
    }

    /// An empty pack whose state is shared with others.
    pub fn with_shared(name: impl Into<Arc<str>>, state: Arc<S>) -> Self {
        Self { name: name.into(), state, namespace: None, tools: Vec::new(), layers: Vec::new() }
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool<T: Call<S>>(mut self) -> Self {
        self.tools.push(Box::new(|state, pack, namespace| {
            let name = namespace.map(|namespace| format!("{namespace}_{}", T::NAME));
            ErasedTool::new::<T, S>(state, pack, name)
        }));
        self
    }

    /// Adds a tool that is described by data. It brings its own state.
    #[must_use]
    pub fn dyn_tool<T: DynTool>(mut self, tool: T) -> Self {
        self.tools.push(Box::new(|_, pack, namespace| ErasedTool::dynamic(tool, pack, namespace)));
        self
    }

    /// Prefixes the tools' names: `top` becomes `sales_top` in the namespace `sales`.
    #[must_use]
    pub fn namespaced(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Wraps the calls of this pack's tools in a layer.
    ///
    /// The layer that is added first sees a call first. All calls share the layer's state, such
    /// as the permits of a concurrency limit.
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<BoxService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Future: Send,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
    {
        self.layers.push(boxed_layer(layer));
        self
    }

    pub(crate) fn into_parts(self) -> (Arc<str>, Vec<Result<ErasedTool, String>>, Vec<BoxLayer>) {
        let tools = self
            .tools
            .into_iter()
            .map(|bind| {
                bind(Arc::clone(&self.state), Arc::clone(&self.name), self.namespace.as_deref())
            })
            .collect();
        (self.name, tools, self.layers)
    }
}

pub(crate) fn boxed_layer<L>(layer: L) -> BoxLayer
where
    L: Layer<BoxService> + Send + 'static,
    L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Future: Send,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
{
    Box::new(move |inner| BoxCloneSyncService::new(layer.layer(inner).map_err(Into::into)))
}
