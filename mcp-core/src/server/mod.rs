//! The server: an immutable set of tools, resources and prompts, and the dispatch of requests to
//! them.

mod builder;
mod call;
mod features;
mod legacy;
mod list;
mod prompts;
mod reply;
mod resources;
mod response;
mod tasks;
mod tool_list;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use bytes::Bytes;
use rmcp::model::{Implementation, ServerCapabilities};
use serde_json::json;
use tower::{Layer, Service, service_fn};

pub(crate) use self::list::CacheHints;
pub use self::{
    builder::{BuildError, CacheScope, ServerBuilder},
    legacy::LegacySession,
    reply::{Reply, ReplyPart},
    response::{BoxError, Encoded, Response, ResponseFuture, ResultBody},
};
use self::{
    features::{Features, no_such_method},
    legacy::Subscriptions,
    list::List,
    response::Encoding,
    tasks::Tasks,
    tool_list::ToolList,
};
use crate::{
    Era, ErrorKind, HeaderParam, Method, Principal, ReadyCheck, Request, RpcError,
    SUPPORTED_VERSIONS, StateKeys,
    asking::Seal,
    tool::{BoxService, ErasedTool, boxed_layer},
};

/// A Model Context Protocol server, ready to be served by any transport.
///
/// Immutable and cheap to clone: all clones share one set of tools. See [`Server::builder`].
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    identity: Implementation,
    instructions: Option<String>,
    capabilities: ServerCapabilities,
    features: Features,
    lists: Arc<Lists>,
    discover: Bytes,
    encoding: Arc<Encoding>,
    seal: Arc<Seal>,
    subscriptions: Arc<Subscriptions>,
    /// Only where some tool's calls may become tasks.
    tasks: Option<Arc<Tasks>>,
    layered: Option<BoxService>,
    checks: Arc<[ReadyCheck]>,
}

/// What a server lists. It has no list of what it cannot offer.
struct Lists {
    tools: ToolList,
    resources: Option<List>,
    templates: Option<List>,
    prompts: Option<List>,
    tool_names: Vec<Box<str>>,
}

/// The tools by name, with the layers of their packs.
#[derive(Clone)]
struct Tools(Arc<HashMap<Box<str>, Entry>>);

struct Entry {
    tool: Arc<ErasedTool>,
    timeout: std::time::Duration,
    /// Only where the tool's calls may become tasks.
    tasks: Option<Arc<Tasks>>,
    /// The pack's layers around a service that calls any tool of the pack.
    layered: Option<BoxService>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.inner.identity.name)
            .field("version", &self.inner.identity.version)
            .field("tools", &self.tool_names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts to build a server with the name and version that clients are told.
    pub fn builder(name: impl Into<String>, version: impl Into<String>) -> ServerBuilder {
        ServerBuilder::new(name.into(), version.into())
    }

    /// Wraps the server in one more layer, outside of those that it was built with. For facades;
    /// authors of servers use [`ServerBuilder::layer`].
    #[must_use]
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<BoxService> + Send + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Future: Send,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
    {
        let inside = self.inner.layered.clone().unwrap_or_else(|| {
            let innermost = self.clone();
            BoxService::new(service_fn(move |request| innermost.route(request)))
        });
        let layered = Some(boxed_layer(layer)(inside));
        Self { inner: Arc::new(Inner { layered, ..(*self.inner).clone() }) }
    }

    /// The names of the prompts.
    pub fn prompt_names(&self) -> impl Iterator<Item = &str> {
        self.inner.features.prompts.names()
    }

    /// Answers one request.
    ///
    /// The reply does nothing until it is polled, and stops its work when it is dropped: a
    /// binding cancels a call by dropping its reply. Nothing is spawned, and unless the client
    /// has asked for progress or logs, no channel is made.
    pub fn call(&self, mut request: Request) -> Reply {
        let id = request.id().clone();
        let era = request.era();
        let notifications =
            (can_notify(request.method()) && request.wants_notifications()).then(|| {
                let (sender, receiver) = tokio::sync::mpsc::channel(reply::NOTIFICATIONS_IN_FLIGHT);
                request.notify_through(sender);
                receiver
            });
        Reply::new(self.dispatch(request), notifications, id, era, Arc::clone(&self.inner.encoding))
    }

    fn dispatch(&self, request: Request) -> ResponseFuture {
        if request.era() == Era::Modern
            && let Err(error) = check_modern(&request)
        {
            return Response::error(error).into();
        }
        match &self.inner.layered {
            Some(service) => ResponseFuture::layered(service.clone(), request),
            None => self.route(request),
        }
    }

    fn route(&self, request: Request) -> ResponseFuture {
        let lists = &*self.inner.lists;
        let list = match (request.era(), request.method()) {
            (_, Method::ListTools) => {
                let page = match request.extensions().get::<Principal>() {
                    None => lists.tools.page(request.era(), request.cursor()),
                    Some(caller) => lists.tools.page_for(caller, request.era(), request.cursor()),
                };
                return page.map_or_else(Response::error, Response::prebuilt).into();
            }
            (_, Method::ListResources) => lists.resources.as_ref(),
            (_, Method::ListResourceTemplates) => lists.templates.as_ref(),
            (_, Method::ListPrompts) => lists.prompts.as_ref(),
            (Era::Modern, Method::Discover) => {
                return Response::prebuilt(self.inner.discover.clone()).into();
            }
            (Era::Legacy, Method::Ping) => {
                return Response::prebuilt(Bytes::from_static(b"{}")).into();
            }
            (Era::Modern, Method::GetTask | Method::UpdateTask | Method::CancelTask) => {
                return match &self.inner.tasks {
                    Some(tasks) => tasks.answer(request),
                    None => no_such_method(request.method()),
                };
            }
            _ => return self.inner.features.serve(request),
        };
        match list.map(|list| list.page(request.era(), request.cursor())) {
            Some(Ok(page)) => Response::prebuilt(page).into(),
            Some(Err(error)) => Response::error(error).into(),
            None => no_such_method(request.method()),
        }
    }

    /// The answer to text that is no message.
    pub fn refuse(&self, malformed: crate::Malformed) -> Encoded {
        Encoded::refusal(malformed.id.as_ref(), malformed.error)
    }

    /// The server's name and version.
    pub fn identity(&self) -> &Implementation {
        &self.inner.identity
    }

    /// The tools' names in the order in which they are listed.
    pub fn tool_names(&self) -> impl Iterator<Item = &str> {
        self.inner.lists.tool_names.iter().map(|name| &**name)
    }

    /// What the packs ask before they call themselves ready.
    pub fn ready_checks(&self) -> &[ReadyCheck] {
        &self.inner.checks
    }

    /// All scopes that some tool requires, sorted.
    pub fn scopes(&self) -> BTreeSet<&str> {
        let tools = self.inner.features.tools.0.values();
        tools.flat_map(|entry| entry.tool.definition.scopes.iter().copied()).collect()
    }

    /// Whether a caller has all scopes that a request needs. The dispatch asks that itself; this is
    /// for bindings that have to answer with a status of their own before it can.
    ///
    /// # Errors
    ///
    /// Which scopes are needed.
    pub fn authorize(&self, request: &Request, principal: &Principal) -> Result<(), RpcError> {
        if *request.method() == Method::CallTool
            && let Some(entry) =
                request.name().and_then(|name| self.inner.features.tools.0.get(name))
        {
            return entry.admit(principal);
        }
        Ok(())
    }

    /// The arguments of a tool that HTTP clients mirror into headers.
    pub fn header_params(&self, tool: &str) -> &[HeaderParam] {
        self.inner.features.tools.0.get(tool).map_or(&[], |entry| entry.tool.header_params())
    }

    /// The work of a task that another process has made and not worked on, for a
    /// [`TaskRunner`](crate::tasks::TaskRunner) that hands work over.
    ///
    /// `request` is the call as [`TaskWork::request`](crate::tasks::TaskWork::request) told it
    /// there, with the [`Principal`] in its extensions. It is not checked whether the caller may
    /// call the tool: that was done when the task was made. Nor do layers see the call.
    ///
    /// # Errors
    ///
    /// When this server has no such tool, or the arguments do not fit it.
    pub fn task_work(
        &self,
        id: &str,
        request: Request,
    ) -> Result<crate::tasks::TaskWork, RpcError> {
        let entry = request.name().and_then(|name| self.inner.features.tools.0.get(name));
        let task = entry.and_then(|entry| Some((entry, entry.tasks.as_ref()?)));
        let (entry, tasks) = task.ok_or_else(|| {
            RpcError::new(
                ErrorKind::InvalidParams,
                "there is no such tool whose calls become tasks",
            )
        })?;
        tasks.resume(&entry.tool, id, request)
    }

    /// Sets the keys that seal `requestState`, for a facade that reads them from the environment.
    /// Has no effect, and returns false, where the builder has set some or a call has already
    /// been in need of them.
    pub fn set_state_keys(&self, keys: StateKeys) -> bool {
        self.inner.seal.set_keys(keys)
    }

    /// Whether the keys that seal `requestState` are known. They are made up when they are first
    /// needed if not.
    pub fn has_state_keys(&self) -> bool {
        self.inner.seal.has_keys()
    }

    /// Tells the legacy sessions that have subscribed to a resource that it has changed.
    ///
    /// Waits for clients that are slow to read, for 5 s at most.
    pub async fn notify_resource_updated(&self, uri: &str) {
        self.inner.subscriptions.notify(uri).await;
    }

    /// The handler of one legacy session, for `rmcp`'s engine.
    pub fn legacy_session(&self) -> LegacySession {
        LegacySession::new(self.clone())
    }
}

impl Tools {
    fn call(&self, request: Request) -> ResponseFuture {
        let Some(name) = request.name() else {
            return Response::error(RpcError::new(
                ErrorKind::MalformedParams,
                "`params.name` is missing: tools/call needs the name of a tool",
            ))
            .into();
        };
        let Some(entry) = self.0.get(name) else {
            return Response::error(RpcError::new(
                ErrorKind::InvalidParams,
                format!("unknown tool: {}", name.chars().take(128).collect::<String>()),
            ))
            .into();
        };
        match &entry.layered {
            Some(service) => ResponseFuture::layered(service.clone(), request),
            None => entry.call(request),
        }
    }
}

impl Entry {
    /// The same inside the pack's layers.
    fn inside(&self) -> Self {
        let (tool, tasks) = (Arc::clone(&self.tool), self.tasks.clone());
        Self { tool, timeout: self.timeout, tasks, layered: None }
    }

    /// Whether a caller may call the tool.
    fn admit(&self, principal: &Principal) -> Result<(), RpcError> {
        let scopes = &self.tool.definition.scopes;
        match scopes.iter().find(|scope| !principal.has_scope(scope)) {
            None => Ok(()),
            Some(lacking) => Err(RpcError::forbidden(self.tool.name(), scopes, lacking)),
        }
    }

    /// Calls the tool, inside all layers.
    fn call(&self, request: Request) -> ResponseFuture {
        if let Some(principal) = request.extensions().get::<Principal>()
            && let Err(error) = self.admit(principal)
        {
            return call::forbid(&self.tool.subject, &request, error);
        }
        match &self.tasks {
            None => call::start(&self.tool.subject, self.timeout, request, |request| {
                self.tool.call(request, self.timeout)
            }),
            Some(tasks) => tasks.call(&self.tool, self.timeout, request),
        }
    }
}

/// Whether the author of what a method acts on can tell its client anything before the result.
fn can_notify(method: &Method) -> bool {
    matches!(method, Method::CallTool | Method::ReadResource | Method::GetPrompt | Method::Complete)
}

/// What every modern request must say about itself.
fn check_modern(request: &Request) -> Result<(), RpcError> {
    let meta = request.meta();
    if let Some(requested) = meta.protocol_version()
        && !SUPPORTED_VERSIONS.contains(&requested)
    {
        return Err(RpcError::new(ErrorKind::UnsupportedVersion, "unsupported protocol version")
            .with_data(json!({
                "supported": SUPPORTED_VERSIONS,
                "requested": requested.chars().take(64).collect::<String>(),
            })));
    }
    meta.require_modern()
}
