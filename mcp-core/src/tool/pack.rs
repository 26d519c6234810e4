use std::{any::Any, fmt, sync::Arc};

use tower::{Layer, Service, ServiceExt as _, util::BoxCloneSyncService};

use super::{Call, DynTool, ErasedTool};
use crate::{
    BoxError, Contents, DynamicPrompts, DynamicResources, DynamicTools, GetPrompt, ReadResource,
    ReadyCheck, Request, Resource, Response, ToolContext, ToolResult,
    app::App,
    asking::Seal,
    dynamic::{Attachment, Handle},
    hook::Hook,
    prompt::ErasedPrompt,
    resource::{ErasedResource, ErasedTemplate, InvalidTemplate, Read, boxed_read},
};

pub(crate) type BoxService = BoxCloneSyncService<Request, Response, BoxError>;
pub(crate) type BoxLayer = Box<dyn FnOnce(BoxService) -> BoxService + Send>;

/// A named set of tools, resources and prompts that share a state.
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
/// assert_eq!(server.tool_names(), ["clock_now"]);
/// ```
pub struct ToolPack<S> {
    name: Arc<str>,
    state: Arc<S>,
    namespace: Option<String>,
    tools: Vec<Bind<S>>,
    resources: Vec<PackResource<S>>,
    templates: Vec<BindTemplate<S>>,
    prompts: Vec<BindPrompt<S>>,
    dynamic: Vec<Attach<S>>,
    layers: Vec<BoxLayer>,
    checks: Vec<ReadyCheck>,
    starts: Vec<Hook>,
    restores: Vec<Hook>,
}

/// Binds one tool to the pack's state, once its namespace is known.
type Bind<S> =
    Box<dyn FnOnce(Arc<S>, Arc<str>, Option<&str>) -> Result<ErasedTool, String> + Send + Sync>;
/// A resource, and how it is read where its contents are not known.
enum PackResource<S> {
    Known(Resource),
    Read(Resource<()>, Read<S>),
}

/// Gives what comes and goes its place in the pack, once its namespace is known.
type Attach<S> = Box<dyn FnOnce(Arc<str>, Option<Arc<str>>, &Arc<S>) -> Attachment + Send + Sync>;
type BindTemplate<S> = fn(Arc<S>, Arc<str>) -> Result<ErasedTemplate, InvalidTemplate>;
type BindPrompt<S> = fn(Arc<S>, Arc<str>, Option<&str>) -> ErasedPrompt;

/// A pack whose tools, resources and prompts are bound to its state.
pub(crate) struct PackParts {
    pub(crate) name: Arc<str>,
    pub(crate) tools: Vec<Result<ErasedTool, String>>,
    pub(crate) resources: Vec<ErasedResource>,
    pub(crate) templates: Vec<Result<ErasedTemplate, InvalidTemplate>>,
    pub(crate) prompts: Vec<ErasedPrompt>,
    pub(crate) layers: Vec<BoxLayer>,
    pub(crate) checks: Vec<ReadyCheck>,
    pub(crate) starts: Vec<Hook>,
    pub(crate) restores: Vec<Hook>,
    /// What comes and goes, and the state that it needs.
    pub(crate) dynamic: Vec<Attachment>,
    pub(crate) state: Arc<dyn Any + Send + Sync>,
}

impl PackParts {
    /// A pack of nothing.
    pub(crate) fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            tools: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            prompts: Vec::new(),
            layers: Vec::new(),
            dynamic: Vec::new(),
            state: Arc::new(()),
            checks: Vec::new(),
            starts: Vec::new(),
            restores: Vec::new(),
        }
    }

    /// Has all of the pack ask clients with the server's seal.
    pub(crate) fn set_seal(&self, seal: &Arc<Seal>) {
        let tools = self.tools.iter().flatten().map(|tool| &tool.subject);
        let resources = self.resources.iter().map(|resource| &resource.subject);
        let templates = self.templates.iter().flatten().map(|template| &template.subject);
        let prompts = self.prompts.iter().map(|prompt| &prompt.subject);
        let subjects = tools.chain(resources).chain(templates).chain(prompts);
        subjects.for_each(|subject| subject.set_seal(seal));
    }
}

impl<S> fmt::Debug for ToolPack<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolPack")
            .field("name", &self.name)
            .field("namespace", &self.namespace)
            .field("tools", &self.tools.len())
            .field("resources", &self.resources.len())
            .field("templates", &self.templates.len())
            .field("prompts", &self.prompts.len())
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
        Self {
            name: name.into(),
            state,
            namespace: None,
            tools: Vec::new(),
            resources: Vec::new(),
            templates: Vec::new(),
            prompts: Vec::new(),
            dynamic: Vec::new(),
            layers: Vec::new(),
            checks: Vec::new(),
            starts: Vec::new(),
            restores: Vec::new(),
        }
    }

    /// Adds a tool.
    #[must_use]
    pub fn tool<T: Call<S>>(mut self) -> Self {
        self.tools.push(Box::new(ErasedTool::new::<T, S>));
        self
    }

    /// Adds a tool that is described by data. It brings its own state.
    #[must_use]
    pub fn dyn_tool<T: DynTool>(mut self, tool: T) -> Self {
        self.tools.push(Box::new(|_, pack, namespace| ErasedTool::dynamic(tool, pack, namespace)));
        self
    }

    /// Adds a resource that does not change: a text or bytes.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resources.push(PackResource::Known(resource));
        self
    }

    /// Adds an HTML document that shows what a tool answers.
    #[must_use]
    pub fn app(self, app: App) -> Self {
        self.resource(app.into())
    }

    /// Adds a resource that a closure reads anew for each client that asks.
    ///
    /// The closure gets the pack's state and the context of the request, and answers
    /// [`Contents`], or what becomes them: a text, bytes. Its future is dropped when the client
    /// cancels, disconnects, or the deadline passes.
    #[must_use]
    pub fn resource_fn<F, R, C>(mut self, resource: Resource<()>, read: F) -> Self
    where
        F: Fn(Arc<S>, Arc<ToolContext>) -> R + Send + Sync + 'static,
        R: Future<Output = ToolResult<C>> + Send + 'static,
        C: Into<Contents>,
    {
        self.resources.push(PackResource::Read(resource, boxed_read(read)));
        self
    }

    /// Adds a template of resources. Where a URI is also that of a [`Resource`], that one is read.
    #[must_use]
    pub fn template<T: ReadResource<S>>(mut self) -> Self {
        self.templates.push(ErasedTemplate::new::<T, S>);
        self
    }

    /// Adds a prompt.
    #[must_use]
    pub fn prompt<P: GetPrompt<S>>(mut self) -> Self {
        self.prompts.push(|state, pack, namespace| {
            let name = namespace.map(|namespace| format!("{namespace}_{}", P::NAME));
            ErasedPrompt::new::<P, S>(state, pack, name)
        });
        self
    }

    /// Adds tools that come and go while the server runs.
    #[must_use]
    pub fn dynamic_tools(self, tools: &DynamicTools<S>) -> Self {
        self.dynamic(&tools.0)
    }

    /// Adds prompts that come and go while the server runs.
    #[must_use]
    pub fn dynamic_prompts(self, prompts: &DynamicPrompts<S>) -> Self {
        self.dynamic(&prompts.0)
    }

    /// Adds resources that come and go while the server runs.
    #[must_use]
    pub fn dynamic_resources(self, resources: &DynamicResources<S>) -> Self {
        self.dynamic(&resources.0)
    }

    fn dynamic(mut self, handle: &Handle<S>) -> Self {
        let handle = handle.clone();
        let attach: Attach<S> =
            Box::new(move |pack, namespace, state| handle.attach(pack, namespace, state));
        self.dynamic.push(attach);
        self
    }

    /// Prefixes the names of tools and prompts: `top` becomes `sales_top` in the namespace
    /// `sales`. Resources keep their URIs.
    #[must_use]
    pub fn namespaced(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Wraps the calls of this pack's tools in a layer, and what is read of its resources, its
    /// prompts, and its suggestions. Lists are the server's.
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

    /// Adds a question whether the pack can serve at the moment: whether its database answers, its
    /// data is loaded. The HTTP listener's `/ready` asks it, at most once a second, and gives it
    /// 2 s; what it fails with goes to the log.
    ///
    /// ```
    /// # use mcp_core::ToolPack;
    /// # #[derive(Debug)] struct Data { rows: usize }
    /// let pack = ToolPack::new("sales", Data { rows: 0 }).ready_check(|data| async move {
    ///     if data.rows == 0 { Err("no sales are loaded") } else { Ok(()) }
    /// });
    /// ```
    #[must_use]
    pub fn ready_check<F, R, E>(mut self, check: F) -> Self
    where
        F: Fn(Arc<S>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.checks.push(ReadyCheck(Hook::new(&self.name, &self.state, check)));
        self
    }

    /// Adds what is done once, before the server answers its first request: on AWS Lambda in the
    /// init phase, elsewhere before it listens or reads. A server whose pack fails here does not
    /// serve.
    ///
    /// Without it a pack does such work when it is first needed, which a start that nobody
    /// uses (a client's probe, a health check) then does not pay for. A cell does it once, whichever
    /// of the two comes first, and however many calls need it at once:
    ///
    /// ```
    /// # use mcp_core::ToolPack;
    /// # #[derive(Debug)] struct Database;
    /// # impl Database { async fn connect() -> Result<Self, std::io::Error> { Ok(Self) } }
    /// #[derive(Default)]
    /// struct Data(tokio::sync::OnceCell<Database>);
    ///
    /// impl Data {
    ///     async fn database(&self) -> Result<&Database, std::io::Error> {
    ///         self.0.get_or_try_init(Database::connect).await
    ///     }
    /// }
    ///
    /// let lazily = ToolPack::new("sales", Data::default());
    /// let at_start = ToolPack::new("sales", Data::default())
    ///     .on_start(|data| async move { data.database().await.map(drop) });
    /// ```
    #[must_use]
    pub fn on_start<F, R, E>(mut self, start: F) -> Self
    where
        F: Fn(Arc<S>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.starts.push(Hook::new(&self.name, &self.state, start));
        self
    }

    /// Adds what is done after the process is restored from a snapshot (AWS Lambda SnapStart), before
    /// its first request: what was drawn or connected before, every restored process has in
    /// common with the others. A process whose pack fails here ends.
    #[must_use]
    pub fn on_restore<F, R, E>(mut self, restore: F) -> Self
    where
        F: Fn(Arc<S>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.restores.push(Hook::new(&self.name, &self.state, restore));
        self
    }

    pub(crate) fn into_parts(self) -> PackParts {
        let Self {
            name,
            state,
            namespace,
            tools,
            resources,
            templates,
            prompts,
            dynamic,
            layers,
            checks,
            starts,
            restores,
        } = self;
        let kept: Arc<dyn Any + Send + Sync> = Arc::<S>::clone(&state);
        let shared: Option<Arc<str>> = namespace.as_deref().map(Into::into);
        let dynamic =
            dynamic.into_iter().map(|attach| attach(Arc::clone(&name), shared.clone(), &state));
        let dynamic = dynamic.collect();
        let namespace = namespace.as_deref();
        let state = || Arc::clone(&state);
        let pack = || Arc::clone(&name);
        PackParts {
            tools: tools.into_iter().map(|bind| bind(state(), pack(), namespace)).collect(),
            resources: resources
                .into_iter()
                .map(|resource| match resource {
                    PackResource::Known(resource) => ErasedResource::known(resource, pack()),
                    PackResource::Read(resource, read) => {
                        ErasedResource::read_with(resource, read, state(), pack())
                    }
                })
                .collect(),
            templates: templates.iter().map(|bind| bind(state(), pack())).collect(),
            prompts: prompts.iter().map(|bind| bind(state(), pack(), namespace)).collect(),
            layers,
            checks,
            starts,
            restores,
            dynamic,
            state: kept,
            name: pack(),
        }
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
