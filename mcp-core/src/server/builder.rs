use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use rmcp::model::{
    self, Implementation, JsonObject, PromptsCapability, ResourcesCapability, ServerCapabilities,
};
use serde_json::{Value, json};
use tower::{Layer, Service, service_fn};

use super::{
    CacheHints, Entry, Inner, Lists, Response, Server, Tools,
    features::Features,
    list::List,
    prompts::Prompts,
    resources::Resources,
    response::{BoxError, Encoding},
    tasks::{EXTENSION, Tasks},
    tool_list::{ListedTool, ToolList},
};
use crate::{
    Call, DynTool, GetPrompt, ReadResource, Request, Resource, SUPPORTED_VERSIONS, StateKeys,
    ToolPack,
    asking::Seal,
    task::{TaskOptions, TaskSupport},
    tool::{BoxLayer, BoxService, ErasedTool, PackParts, boxed_layer},
};

/// Who may keep a listed or discovered result (`cacheScope`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheScope {
    /// Anyone: the result is the same for all callers.
    Public,
    /// Only caches of the caller that asked.
    Private,
}

impl CacheScope {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// Puts a [`Server`] together.
pub struct ServerBuilder {
    identity: Implementation,
    instructions: Option<String>,
    packs: Vec<PackParts>,
    own: ToolPack<()>,
    layers: Vec<BoxLayer>,
    timeout: Duration,
    page_size: usize,
    cache: CacheHints,
    tasks: TaskOptions,
    state_keys: Option<StateKeys>,
    answer_within: Duration,
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// The parts do not make a server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Two tools have one name.
    #[error(
        "two tools are named `{tool}`: one in the pack `{first}`, one in the pack `{second}`; \
         put one pack into a namespace with `ToolPack::namespaced`"
    )]
    DuplicateTool {
        /// The name.
        tool: String,
        /// The pack that came first.
        first: String,
        /// The pack that came second.
        second: String,
    },
    /// Two resources have one URI.
    #[error(
        "two resources have the URI `{uri}`: one in the pack `{first}`, one in the pack `{second}`"
    )]
    DuplicateResource {
        /// The URI.
        uri: String,
        /// The pack that came first.
        first: String,
        /// The pack that came second.
        second: String,
    },
    /// There are URIs that are of two templates.
    #[error(
        "the resource templates `{first}` of the pack `{first_pack}` and `{second}` of the pack \
         `{second_pack}` overlap: there are URIs that are of both"
    )]
    OverlappingTemplates {
        /// The template that came first.
        first: String,
        /// Its pack.
        first_pack: String,
        /// The template that came second.
        second: String,
        /// Its pack.
        second_pack: String,
    },
    /// A resource's URI is none, or a template's is no template.
    #[error("`{uri}` of the pack `{pack}` cannot be the URI of resources: {reason}")]
    InvalidUri {
        /// The URI or the template.
        uri: String,
        /// Its pack.
        pack: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two prompts have one name.
    #[error(
        "two prompts are named `{prompt}`: one in the pack `{first}`, one in the pack `{second}`; \
         put one pack into a namespace with `ToolPack::namespaced`"
    )]
    DuplicatePrompt {
        /// The name.
        prompt: String,
        /// The pack that came first.
        first: String,
        /// The pack that came second.
        second: String,
    },
    /// A prompt's name is none that all clients take.
    #[error(
        "`{prompt}` of the pack `{pack}` is no name for a prompt: expected 1 to 128 of A-Z, a-z, \
         0-9, `_`, `-` and `.`"
    )]
    InvalidPromptName {
        /// The name.
        prompt: String,
        /// Its pack.
        pack: String,
    },
    /// A tool's name is none that all clients take.
    #[error(
        "`{tool}` of the pack `{pack}` is no name for a tool: expected 1 to 128 of A-Z, a-z, 0-9, \
         `_`, `-` and `.`"
    )]
    InvalidName {
        /// The name.
        tool: String,
        /// Its pack.
        pack: String,
    },
    /// The schema of a tool's arguments is not valid JSON Schema 2020-12.
    #[error("a tool of the pack `{pack}` has an invalid schema: {reason}")]
    InvalidSchema {
        /// The tool's pack.
        pack: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ServerBuilder {
    pub(super) fn new(name: String, version: String) -> Self {
        Self {
            own: ToolPack::new(name.as_str(), ()),
            identity: Implementation::new(name, version),
            instructions: None,
            packs: Vec::new(),
            layers: Vec::new(),
            timeout: Duration::from_secs(60),
            page_size: 100,
            cache: CacheHints::new(Duration::from_secs(300), CacheScope::Public),
            tasks: TaskOptions::default(),
            state_keys: None,
            answer_within: Duration::from_secs(600),
        }
    }

    /// Sets the server's name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.identity.title = Some(title.into());
        self
    }

    /// Tells models how to use the server as a whole.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.instructions = Some(instructions.into());
        self
    }

    /// Adds a tool that needs no state.
    #[must_use]
    pub fn tool<T: Call<()>>(mut self) -> Self {
        self.own = self.own.tool::<T>();
        self
    }

    /// Adds a tool that is described by data.
    #[must_use]
    pub fn dyn_tool<T: DynTool>(mut self, tool: T) -> Self {
        self.own = self.own.dyn_tool(tool);
        self
    }

    /// Adds the tools of another server, under a namespace: its `top` becomes `sales_top` in the
    /// namespace `sales`.
    ///
    /// The crate `mcp-remote` has a `Remote`, which is a server that listens for HTTP or a program
    /// that speaks stdio, and iterates over its tools. For layers around the calls of those tools,
    /// put them into a [`ToolPack`] of their own with [`ToolPack::dyn_tool`].
    #[must_use]
    pub fn mount<T: DynTool>(
        self,
        namespace: impl Into<String>,
        tools: impl IntoIterator<Item = T>,
    ) -> Self {
        let namespace = namespace.into();
        let pack = ToolPack::new(namespace.as_str(), ()).namespaced(namespace);
        self.pack(tools.into_iter().fold(pack, ToolPack::dyn_tool))
    }

    /// Adds a resource that does not change.
    #[must_use]
    pub fn resource(mut self, resource: Resource) -> Self {
        self.own = self.own.resource(resource);
        self
    }

    /// Adds a template of resources that needs no state.
    #[must_use]
    pub fn template<T: ReadResource<()>>(mut self) -> Self {
        self.own = self.own.template::<T>();
        self
    }

    /// Adds a prompt that needs no state.
    #[must_use]
    pub fn prompt<P: GetPrompt<()>>(mut self) -> Self {
        self.own = self.own.prompt::<P>();
        self
    }

    /// Adds a pack of tools, resources and prompts. All are listed in
    /// the order in which they are added, those of the server itself first.
    #[must_use]
    pub fn pack<S: Send + Sync + 'static>(mut self, pack: ToolPack<S>) -> Self {
        self.packs.push(pack.into_parts());
        self
    }

    /// Wraps the whole server in a layer: it sees every request, of every method.
    ///
    /// The layer that is added first sees a request first. A request that does not satisfy the
    /// protocol is refused before.
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

    /// Sets how long a call may take where its tool does not say; 60 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many items a page of a list holds at most; 100 by default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use]
    #[track_caller]
    pub fn page_size(mut self, page_size: usize) -> Self {
        assert!(page_size > 0, "a page holds at least one item");
        self.page_size = page_size;
        self
    }

    /// Sets how long clients may keep lists, the server's description and resources that do not
    /// change (`ttlMs`), and who may (`cacheScope`); 5 minutes and public by default.
    #[must_use]
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache = CacheHints::new(ttl, scope);
        self
    }

    /// Sets how tasks are kept and worked on; in memory and in this process by default.
    ///
    /// Only tools that ask for it have tasks (`#[tool(task)]`), and only clients that know tasks
    /// get them. The work goes on outside of all layers: they see the call that is answered with
    /// a task, not its outcome.
    #[must_use]
    pub fn tasks(mut self, options: TaskOptions) -> Self {
        self.tasks = options;
        self
    }

    /// Sets the keys that seal what a call knows while its client is being asked.
    ///
    /// All replicas need the same ones. Without any, `mcp-serve` reads them from `MCP_STATE_KEY`;
    /// else each process makes one up, and a call can only be made again at the process that asked.
    #[must_use]
    pub fn state_keys(mut self, keys: StateKeys) -> Self {
        self.state_keys = Some(keys);
        self
    }

    /// Sets how long a client may take to answer what a call asks, in whole seconds; 10 minutes by
    /// default. See [`ToolContext`](crate::ToolContext).
    #[must_use]
    pub fn answer_within(mut self, time: Duration) -> Self {
        self.answer_within = time;
        self
    }

    /// Builds the server.
    ///
    /// # Panics
    ///
    /// When the parts do not make a server; [`Self::try_build`] returns the reason instead.
    #[track_caller]
    pub fn build(self) -> Server {
        match self.try_build() {
            Ok(server) => server,
            Err(error) => panic!("{error}"),
        }
    }

    /// Builds the server.
    ///
    /// # Errors
    ///
    /// When two tools or prompts have one name, two resources one URI, or two templates a URI in
    /// common, or when a name, a URI, a template or a schema is invalid.
    pub fn try_build(self) -> Result<Server, BuildError> {
        let seal = Seal::new(&self.identity.name, self.state_keys, self.answer_within);
        let seal = Arc::new(seal);
        let mut packs = self.packs;
        packs.insert(0, self.own.into_parts());

        let tasks = Tasks::new(self.tasks);
        let mut listed = Listed::default();
        let mut checks = Vec::new();
        let mut tools: HashMap<Box<str>, Entry> = HashMap::new();
        let (mut resources, mut prompts) = (Resources::default(), Prompts::default());
        for pack in packs {
            let name = &*pack.name;
            listed.add(&pack);
            pack.set_seal(&seal);
            checks.extend(pack.checks);
            let own_tools = tools_of_pack(&tools, pack.tools, name, self.timeout, &tasks)?;
            let own_resources = resources.of_pack(
                pack.resources,
                pack.templates,
                name,
                self.timeout,
                self.cache,
            )?;
            let own_prompts = prompts.of_pack(pack.prompts, name, self.timeout)?;
            let layered = (!pack.layers.is_empty()).then(|| {
                let inside = Features {
                    tools: Tools(Arc::new(
                        own_tools
                            .iter()
                            .map(|(name, tool)| (name.clone(), tool.inside()))
                            .collect(),
                    )),
                    resources: Arc::new(own_resources.inside()),
                    prompts: Arc::new(own_prompts.inside()),
                };
                let service = service_fn(move |request| inside.serve(request));
                wrap(BoxService::new(service), pack.layers)
            });
            tools.extend(
                own_tools
                    .into_iter()
                    .map(|(name, entry)| (name, Entry { layered: layered.clone(), ..entry })),
            );
            resources.extend(own_resources, layered.as_ref());
            prompts.extend(own_prompts, layered.as_ref());
        }
        let features = Features {
            tools: Tools(Arc::new(tools)),
            resources: Arc::new(resources),
            prompts: Arc::new(prompts),
        };

        let meta = json!({ "io.modelcontextprotocol/serverInfo": self.identity });
        #[expect(deprecated, reason = "deprecated, yet part of every revision")]
        let mut capabilities =
            ServerCapabilities::builder().enable_logging().enable_tools().build();
        capabilities.resources =
            (!features.resources.is_empty()).then(ResourcesCapability::default);
        capabilities.prompts = (!features.prompts.is_empty()).then(PromptsCapability::default);
        capabilities.completions = features.can_complete().then(JsonObject::default);
        let mut discover = json!({
            "resultType": "complete",
            "supportedVersions": SUPPORTED_VERSIONS,
            "capabilities": capabilities,
        });
        if let Some(instructions) = &self.instructions {
            discover["instructions"] = instructions.as_str().into();
        }
        let has_tasks = features.tools.0.values().any(|entry| entry.tasks.is_some());
        if has_tasks {
            discover["capabilities"]["extensions"][EXTENSION] = json!({});
        }
        self.cache.write(&mut discover);
        discover["_meta"] = meta.clone();

        let server = Server {
            inner: Arc::new(Inner {
                lists: Arc::new(listed.write_down(
                    &capabilities,
                    self.page_size,
                    self.cache,
                    &meta,
                )),
                discover: discover.to_string().into(),
                encoding: Arc::new(Encoding {
                    modern_tail: format!(r#","_meta":{meta}}}"#).into_bytes().into(),
                }),
                identity: self.identity,
                instructions: self.instructions,
                capabilities,
                features,
                tasks: has_tasks.then_some(tasks),
                seal,
                subscriptions: Arc::default(),
                layered: None,
                checks: checks.into(),
            }),
        };
        if self.layers.is_empty() {
            return Ok(server);
        }
        let innermost = server.clone();
        let service = BoxService::new(service_fn(move |request| innermost.route(request)));
        let layered = Some(wrap(service, self.layers));
        Ok(Server { inner: Arc::new(Inner { layered, ..(*server.inner).clone() }) })
    }
}

/// The tools of a pack, not yet in its layers.
fn tools_of_pack(
    known: &HashMap<Box<str>, Entry>,
    tools: Vec<Result<ErasedTool, String>>,
    pack: &str,
    timeout: Duration,
    tasks: &Arc<Tasks>,
) -> Result<HashMap<Box<str>, Entry>, BuildError> {
    let mut added: HashMap<Box<str>, Entry> = HashMap::new();
    for tool in tools {
        let tool =
            tool.map_err(|reason| BuildError::InvalidSchema { pack: pack.to_owned(), reason })?;
        let name = tool.name();
        if !is_name(name) {
            return Err(BuildError::InvalidName { tool: name.to_owned(), pack: pack.to_owned() });
        }
        if let Some(first) = known.get(name).or_else(|| added.get(name)) {
            return Err(BuildError::DuplicateTool {
                tool: name.to_owned(),
                first: first.tool.subject.pack.to_string(),
                second: pack.to_owned(),
            });
        }
        let timeout = tool.definition.timeout.unwrap_or(timeout);
        let name = name.into();
        let is_task = tool.definition.task != TaskSupport::Never;
        let tasks = is_task.then(|| Arc::clone(tasks));
        added.insert(name, Entry { tool: Arc::new(tool), timeout, tasks, layered: None });
    }
    Ok(added)
}

/// What is to be listed, in its order.
#[derive(Default)]
struct Listed {
    tools: Vec<ListedTool>,
    resources: Vec<model::Resource>,
    templates: Vec<model::ResourceTemplate>,
    prompts: Vec<model::Prompt>,
}

impl Listed {
    /// Adds what a pack has. What is invalid is told elsewhere.
    fn add(&mut self, pack: &PackParts) {
        let tools = pack.tools.iter().flatten();
        self.tools.extend(tools.map(|tool| ListedTool::of(&tool.definition)));
        self.resources.extend(pack.resources.iter().map(|resource| resource.model.clone()));
        let templates = pack.templates.iter().flatten();
        self.templates.extend(templates.map(|template| template.model.clone()));
        self.prompts.extend(pack.prompts.iter().map(|prompt| prompt.model.clone()));
    }

    fn write_down(
        self,
        capabilities: &ServerCapabilities,
        page_size: usize,
        cache: CacheHints,
        meta: &Value,
    ) -> Lists {
        let has_resources = capabilities.resources.is_some();
        let resources =
            || List::new("resources", &self.resources, |item| json!(item), page_size, cache, meta);
        let templates = || {
            let items = &self.templates;
            List::new("resourceTemplates", items, |item| json!(item), page_size, cache, meta)
        };
        let prompts =
            || List::new("prompts", &self.prompts, |item| json!(item), page_size, cache, meta);
        Lists {
            resources: has_resources.then(resources),
            templates: has_resources.then(templates),
            prompts: capabilities.prompts.is_some().then(prompts),
            tool_names: self.tools.iter().map(|tool| tool.name().into()).collect(),
            tools: ToolList::new(self.tools, page_size, cache, meta),
        }
    }
}

fn wrap(innermost: BoxService, layers: Vec<BoxLayer>) -> BoxService {
    layers.into_iter().rev().fold(innermost, |inner, layer| layer(inner))
}

pub(super) fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
