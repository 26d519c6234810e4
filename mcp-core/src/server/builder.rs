use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use rmcp::model::{Implementation, ServerCapabilities};
use serde_json::json;
use tower::{Layer, Service, service_fn};

use super::{
    Entry, Inner, Response, Server, Tools,
    list::{CacheHints, ToolList},
    response::{BoxError, Encoding},
    tasks::{EXTENSION, Tasks},
};
use crate::{
    Call, DynTool, Request, SUPPORTED_VERSIONS, StateKeys, ToolPack,
    asking::Seal,
    task::{TaskOptions, TaskSupport},
    tool::{BoxLayer, BoxService, ErasedTool, boxed_layer},
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

struct PackParts {
    name: Arc<str>,
    tools: Vec<Result<ErasedTool, String>>,
    layers: Vec<BoxLayer>,
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
            cache: CacheHints { ttl_ms: 300_000, scope: CacheScope::Public },
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

    /// Adds a pack of tools. Tools are listed in the order in which they are added, those of
    /// [`Self::tool`] first.
    #[must_use]
    pub fn pack<S: Send + Sync + 'static>(mut self, pack: ToolPack<S>) -> Self {
        let (name, tools, layers) = pack.into_parts();
        self.packs.push(PackParts { name, tools, layers });
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

    /// Sets how many tools a page of `tools/list` holds at most; 100 by default.
    ///
    /// # Panics
    ///
    /// When it is zero.
    #[must_use]
    #[track_caller]
    pub fn page_size(mut self, page_size: usize) -> Self {
        assert!(page_size > 0, "a page holds at least one tool");
        self.page_size = page_size;
        self
    }

    /// Sets how long clients may keep lists and the server's description (`ttlMs`), and who may
    /// (`cacheScope`); 5 minutes and public by default.
    #[must_use]
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache =
            CacheHints { ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX), scope };
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
    /// When two tools have one name, or a tool's name or schema is invalid.
    pub fn try_build(self) -> Result<Server, BuildError> {
        let (name, tools, layers) = self.own.into_parts();
        let seal = Seal::new(&self.identity.name, self.state_keys, self.answer_within);
        let seal = Arc::new(seal);
        let mut packs = self.packs;
        packs.insert(0, PackParts { name, tools, layers });

        let task_service = Tasks::new(self.tasks);
        let mut has_tasks = false;
        let mut listed = Vec::new();
        let mut entries: HashMap<Box<str>, Entry> = HashMap::new();
        for pack in packs {
            let pack_name = || pack.name.to_string();
            let mut unlayered: HashMap<Box<str>, Entry> = HashMap::new();
            for tool in pack.tools {
                let mut tool =
                    tool.map_err(|reason| BuildError::InvalidSchema { pack: pack_name(), reason })?;
                tool.seal = Some(Arc::clone(&seal));
                let tool = Arc::new(tool);
                let name = tool.name();
                if !is_tool_name(name) {
                    return Err(BuildError::InvalidName {
                        tool: name.to_owned(),
                        pack: pack_name(),
                    });
                }
                let first = entries.get(name).map(|entry| &entry.tool);
                if let Some(first) = first.or(unlayered.get(name).map(|entry| &entry.tool)) {
                    return Err(BuildError::DuplicateTool {
                        tool: name.to_owned(),
                        first: first.pack.to_string(),
                        second: pack_name(),
                    });
                }
                listed.push(tool.definition.model.clone());
                let timeout = tool.definition.timeout.unwrap_or(self.timeout);
                let is_task = tool.definition.task != TaskSupport::Never;
                has_tasks |= is_task;
                let tasks = is_task.then(|| Arc::clone(&task_service));
                unlayered.insert(name.into(), Entry { tool, timeout, tasks, layered: None });
            }
            if pack.layers.is_empty() {
                entries.extend(unlayered);
            } else {
                let layered = layered_pack(&unlayered, pack.layers);
                entries.extend(unlayered.into_iter().map(|(name, entry)| {
                    (name, Entry { layered: Some(layered.clone()), ..entry })
                }));
            }
        }
        let tools = Tools(Arc::new(entries));

        let meta = json!({ "io.modelcontextprotocol/serverInfo": self.identity });
        #[expect(deprecated, reason = "deprecated, yet part of every revision")]
        let capabilities = ServerCapabilities::builder().enable_logging().enable_tools().build();
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

        let server = Server {
            inner: Arc::new(Inner {
                list: Arc::new(ToolList::new(&listed, self.page_size, self.cache, &meta)),
                discover: discover.to_string().into(),
                encoding: Arc::new(Encoding {
                    modern_tail: format!(r#","_meta":{meta}}}"#).into_bytes().into(),
                }),
                identity: self.identity,
                instructions: self.instructions,
                capabilities,
                tools,
                tasks: has_tasks.then_some(task_service),
                seal,
                layered: None,
            }),
        };
        if self.layers.is_empty() {
            return Ok(server);
        }
        let Server { inner } = &server;
        let innermost = server.clone();
        let service = BoxService::new(service_fn(move |request| innermost.route(request)));
        let layered = Inner {
            layered: Some(wrap(service, self.layers)),
            identity: inner.identity.clone(),
            instructions: inner.instructions.clone(),
            capabilities: inner.capabilities.clone(),
            tools: inner.tools.clone(),
            tasks: inner.tasks.clone(),
            list: Arc::clone(&inner.list),
            discover: inner.discover.clone(),
            encoding: Arc::clone(&inner.encoding),
            seal: Arc::clone(&inner.seal),
        };
        Ok(Server { inner: Arc::new(layered) })
    }
}

/// The pack's layers around a service that calls any of its tools.
fn layered_pack(tools: &HashMap<Box<str>, Entry>, layers: Vec<BoxLayer>) -> BoxService {
    let tools: Arc<HashMap<Box<str>, Entry>> = Arc::new(
        tools
            .iter()
            .map(|(name, entry)| {
                let entry = Entry {
                    tool: Arc::clone(&entry.tool),
                    timeout: entry.timeout,
                    tasks: entry.tasks.clone(),
                    layered: None,
                };
                (name.clone(), entry)
            })
            .collect(),
    );
    let tools = Tools(tools);
    wrap(BoxService::new(service_fn(move |request| tools.call(request))), layers)
}

fn wrap(innermost: BoxService, layers: Vec<BoxLayer>) -> BoxService {
    layers.into_iter().rev().fold(innermost, |inner, layer| layer(inner))
}

fn is_tool_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}
