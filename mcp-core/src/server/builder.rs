use std::{fmt, sync::Arc, time::Duration};

use rmcp::model::{Implementation, JsonObject};
use serde_json::json;
use tokio::sync::OnceCell;
use tower::{Layer, Service, service_fn};

use super::{
    CacheHints, Dynamic, Inner, Server,
    capabilities::{DynamicKinds, capabilities},
    dynamic::Slot,
    features::{Defaults, Features},
    handshake::Handshake,
    lists::{Listed, Listing},
    live::Live,
    response::{BoxError, Encoding},
    tasks::{EXTENSION, Tasks},
};
use crate::{
    Call, DynTool, DynamicPrompts, DynamicResources, DynamicTools, GetPrompt, Notifier,
    ReadResource, Request, Resource, Response, SUPPORTED_VERSIONS, StateKeys, ToolPack,
    app::{self, App},
    asking::Seal,
    subscription::Hub,
    task::TaskOptions,
    tool::{BoxLayer, BoxService, PackParts, boxed_layer},
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
    hub: Arc<Hub>,
    lists_change: bool,
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
    /// A tool's app is not there.
    #[error(
        "the tool `{tool}` of the pack `{pack}` has the app `{uri}`, but there is no such resource: \
         add it with `.app(App::new(\"{uri}\", …))`"
    )]
    MissingApp {
        /// The tool.
        tool: String,
        /// Its pack.
        pack: String,
        /// The app's URI.
        uri: String,
    },
    /// A handle of what comes and goes is in use already.
    #[error(
        "the pack `{second}` has a dynamic part that the pack `{first}` has already; make one for \
         each pack and each server"
    )]
    DynamicTwice {
        /// The pack that came first.
        first: String,
        /// The pack that came second.
        second: String,
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
            hub: Arc::default(),
            lists_change: false,
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
    /// The crate `mcp-remote` has a `Remote`, which is a server that listens for HTTP, a program that
    /// speaks stdio or a function of AWS Lambda, and iterates over its tools. For layers around the
    /// calls of those tools, put them into a [`ToolPack`] of their own with [`ToolPack::dyn_tool`].
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

    /// Adds an HTML document that shows what a tool answers.
    #[must_use]
    pub fn app(mut self, app: App) -> Self {
        self.own = self.own.app(app);
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

    /// Adds tools that come and go while the server runs, and need no state.
    #[must_use]
    pub fn dynamic_tools(mut self, tools: &DynamicTools) -> Self {
        self.own = self.own.dynamic_tools(tools);
        self
    }

    /// Adds prompts that come and go while the server runs, and need no state.
    #[must_use]
    pub fn dynamic_prompts(mut self, prompts: &DynamicPrompts) -> Self {
        self.own = self.own.dynamic_prompts(prompts);
        self
    }

    /// Adds resources that come and go while the server runs, and need no state.
    #[must_use]
    pub fn dynamic_resources(mut self, resources: &DynamicResources) -> Self {
        self.own = self.own.dynamic_resources(resources);
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

    /// What tells clients of changes, for tools that make some.
    pub fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.hub))
    }

    /// Declares that the lists of tools, prompts and resources may change although the server does
    /// not change them, because a layer answers in its place.
    ///
    /// Clients are told of each change with [`Server::notify_tools_changed`] and the like. Lists
    /// with [`DynamicTools`](crate::DynamicTools) need no declaration.
    #[must_use]
    pub fn lists_change(mut self) -> Self {
        self.lists_change = true;
        self
    }

    /// Sets how many `subscriptions/listen` streams may be open at once; 1,000 by default.
    ///
    /// One more is answered with an error. What they listen for takes 16 MiB at most, together
    /// with the subscriptions of legacy sessions.
    #[must_use]
    pub fn max_subscriptions(self, streams: usize) -> Self {
        self.hub.set_most_streams(streams);
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

        let defaults =
            Defaults { timeout: self.timeout, cache: self.cache, tasks: Tasks::new(self.tasks) };
        let dynamic = DynamicKinds::of(&packs);
        // What has been added since is looked up within the layers, too.
        let inside_now: Arc<Live<Features>> = Arc::default();
        let mut listed = Listed::default();
        let mut features = Features::default();
        let (mut checks, mut starts, mut restores) = (Vec::new(), Vec::new(), Vec::new());
        let (mut slots, mut attachments) = (Vec::new(), Vec::new());
        for mut pack in packs {
            listed.add(&pack);
            pack.set_seal(&seal);
            let layers = std::mem::take(&mut pack.layers);
            checks.append(&mut pack.checks);
            starts.append(&mut pack.starts);
            restores.append(&mut pack.restores);
            let attached = std::mem::take(&mut pack.dynamic);
            let state = Arc::clone(&pack.state);
            let own = Features::of_pack(pack, &[&features], &defaults)?;
            let layered = (!layers.is_empty()).then(|| {
                let inside = own.inside();
                let now = (!attached.is_empty()).then(|| Arc::clone(&inside_now));
                let service = service_fn(move |request| match &now {
                    Some(now) if inside.subject(&request).is_none() => now.load().serve(request),
                    _ => inside.serve(request),
                });
                wrap(BoxService::new(service), layers)
            });
            features.extend(own, layered.as_ref());
            if !attached.is_empty() {
                attachments.extend(attached.into_iter().map(|attached| (slots.len(), attached)));
                slots.push(Slot::new(layered, state));
            }
        }
        features.check_apps(&[&features])?;
        let features = Arc::new(features);

        let meta = json!({ "io.modelcontextprotocol/serverInfo": self.identity });
        let mut capabilities = capabilities(&features, dynamic, self.lists_change);
        if features.have_apps() {
            let extensions = capabilities.extensions.get_or_insert_default();
            extensions.insert(app::EXTENSION.to_owned(), JsonObject::new());
        }
        let has_tasks = dynamic.tools || features.tools.have_tasks();
        let mut discover = json!({
            "resultType": "complete",
            "supportedVersions": SUPPORTED_VERSIONS,
            "capabilities": capabilities,
        });
        if let Some(instructions) = &self.instructions {
            discover["instructions"] = instructions.as_str().into();
        }
        if has_tasks {
            discover["capabilities"]["extensions"][EXTENSION] = json!({});
        }
        self.cache.write(&mut discover);
        discover["_meta"] = meta.clone();
        let modern_tail = format!(r#","_meta":{meta}}}"#).into_bytes().into();

        let listing = Listing {
            has_resources: capabilities.resources.is_some(),
            has_prompts: capabilities.prompts.is_some(),
            page_size: self.page_size,
            cache: self.cache,
            meta,
        };
        let lists = Arc::new(listed.write_down(&listing));
        let tasks = has_tasks.then(|| Arc::clone(&defaults.tasks));
        let dynamic = (!slots.is_empty()).then(|| {
            Arc::new(Dynamic::new(
                Arc::clone(&features),
                listed,
                // What can be replaced is not to be kept by clients, unless it says so itself.
                Defaults { cache: CacheHints::NEVER, ..defaults },
                listing,
                Arc::clone(&seal),
                Arc::clone(&self.hub),
                slots,
                inside_now,
            ))
        });
        if let Some(dynamic) = &dynamic {
            for (slot, attachment) in attachments {
                (attachment.attach)(dynamic, slot)?;
            }
        }

        let handshake = Handshake::new(&capabilities, &self.identity, self.instructions.as_deref());
        let server = Server {
            inner: Arc::new(Inner {
                lists,
                discover: discover.to_string().into(),
                encoding: Arc::new(Encoding { modern_tail }),
                identity: self.identity,
                handshake: Arc::new(handshake),
                capabilities,
                features,
                dynamic,
                tasks,
                seal,
                hub: self.hub,
                layered: None,
                checks: checks.into(),
                start: Arc::new((starts, OnceCell::new())),
                restores: restores.into(),
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

fn wrap(innermost: BoxService, layers: Vec<BoxLayer>) -> BoxService {
    layers.into_iter().rev().fold(innermost, |inner, layer| layer(inner))
}

pub(super) fn is_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
