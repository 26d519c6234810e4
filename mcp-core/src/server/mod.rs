//! The server: an immutable set of tools, resources and prompts, and the dispatch of requests to
//! them.

mod builder;
mod call;
mod capabilities;
mod dynamic;
mod features;
mod handshake;
mod list;
mod lists;
mod live;
mod prompts;
mod reply;
mod resources;
mod response;
mod scoped_list;
mod subscriptions;
mod tasks;
mod tools;

use std::{borrow::Cow, collections::BTreeSet, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use rmcp::model::{Implementation, ServerCapabilities};
use serde_json::json;
use tokio::sync::OnceCell;
use tower::{Layer, Service, service_fn};

pub use self::{
    builder::{BuildError, CacheScope, ServerBuilder},
    reply::{Reply, ReplyPart},
    response::{BoxError, Encoded, Response, ResponseFuture, ResultBody},
};
pub(crate) use self::{
    dynamic::Dynamic,
    list::CacheHints,
    tasks::{TaskWatch, Watching},
};
use self::{
    dynamic::Snapshot,
    features::{Features, no_such_method},
    handshake::Handshake,
    lists::Lists,
    response::Encoding,
    tasks::Tasks,
    tools::Entry,
};
use crate::{
    Era, ErrorKind, HeaderParam, HookError, Method, Notifier, Principal, ReadyCheck, Request,
    ResponseLimit, RpcError, SUPPORTED_VERSIONS, StateKeys,
    asking::Seal,
    hook::Hook,
    protocol::legacy_version,
    subscription::Hub,
    tool::{BoxService, boxed_layer},
};

/// A Model Context Protocol server, ready to be served by any transport.
///
/// Cheap to clone: all clones share one set of tools, which does not change unless it has
/// [`DynamicTools`](crate::DynamicTools). See [`Server::builder`].
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    identity: Implementation,
    capabilities: ServerCapabilities,
    handshake: Arc<Handshake>,
    features: Arc<Features>,
    lists: Arc<Lists>,
    /// Only where something comes and goes.
    dynamic: Option<Arc<Dynamic>>,
    discover: Bytes,
    encoding: Arc<Encoding>,
    seal: Arc<Seal>,
    hub: Arc<Hub>,
    /// Only where some tool's calls may become tasks.
    tasks: Option<Arc<Tasks>>,
    layered: Option<BoxService>,
    checks: Arc<[ReadyCheck]>,
    /// What is done before the first request, and whether it is.
    start: Arc<(Vec<Hook>, OnceCell<()>)>,
    restores: Arc<[Hook]>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.inner.identity.name)
            .field("version", &self.inner.identity.version)
            .field("tools", &self.tool_names())
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
        let revision = match era {
            Era::Modern => None,
            Era::Legacy => request.meta().protocol_version().and_then(legacy_version),
        };
        let subscribes = era == Era::Modern && *request.method() == Method::Listen;
        let client = request.client().filter(|_| can_notify(request.method())).cloned();
        let limit = request.extensions().get::<ResponseLimit>().copied();
        let encoding = Arc::clone(&self.inner.encoding);
        let future = self.dispatch(request);
        let reply = Reply::new(future, notifications, client, id, era, encoding, limit);
        let reply = reply.in_revision(revision);
        if subscribes { reply.subscribing() } else { reply }
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
        match (request.era(), request.method()) {
            (
                _,
                Method::ListTools
                | Method::ListResources
                | Method::ListResourceTemplates
                | Method::ListPrompts,
            ) => match self.current() {
                Some(current) => current.lists.answer(&request),
                None => self.inner.lists.answer(&request),
            },
            (Era::Modern, Method::Discover) => {
                Response::prebuilt(self.inner.discover.clone()).into()
            }
            (
                Era::Legacy,
                Method::Initialize
                | Method::Ping
                | Method::SetLogLevel
                | Method::Subscribe
                | Method::Unsubscribe,
            ) => self.serve_legacy(&request),
            (Era::Modern, Method::Listen) => self.listen(&request),
            (Era::Modern, Method::GetTask | Method::UpdateTask | Method::CancelTask) => {
                match &self.inner.tasks {
                    Some(tasks) => tasks.answer(request),
                    None => no_such_method(request.method()),
                }
            }
            _ => self.serve(request),
        }
    }

    /// Serves the requests that act on one thing.
    fn serve(&self, request: Request) -> ResponseFuture {
        let Inner { features, capabilities, .. } = &*self.inner;
        let is_there = match request.method() {
            Method::ReadResource => capabilities.resources.is_some(),
            Method::GetPrompt => capabilities.prompts.is_some(),
            Method::Complete => capabilities.completions.is_some(),
            _ => true,
        };
        if !is_there {
            return no_such_method(request.method());
        }
        // What was there from the start is looked for first, and costs no lock.
        if self.inner.dynamic.is_some()
            && features.subject(&request).is_none()
            && let Some(current) = self.current()
            && current.features.subject(&request).is_some()
        {
            return current.features.serve(request);
        }
        features.serve(request)
    }

    /// What is there now, where anything comes and goes.
    fn current(&self) -> Option<Arc<Snapshot>> {
        self.inner.dynamic.as_ref().map(|dynamic| dynamic.current())
    }

    /// A tool that comes or goes.
    fn dynamic_tool(&self, name: &str) -> Option<Entry> {
        self.current()?.features.tools.get(name).cloned()
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
    pub fn tool_names(&self) -> Vec<String> {
        let current = self.current();
        current.map_or_else(
            || self.inner.lists.tool_names.clone(),
            |current| current.lists.tool_names.clone(),
        )
    }

    /// Whether there is a tool of this name.
    pub fn has_tool(&self, name: &str) -> bool {
        self.inner.features.tools.get(name).is_some() || self.dynamic_tool(name).is_some()
    }

    /// Whether there is a prompt of this name.
    pub fn has_prompt(&self, name: &str) -> bool {
        self.inner.features.prompts.subject(name).is_some()
            || self.current().is_some_and(|now| now.features.prompts.subject(name).is_some())
    }

    /// What the packs ask before they call themselves ready.
    pub fn ready_checks(&self) -> &[ReadyCheck] {
        &self.inner.checks
    }

    /// Has the packs do what comes before the first request ([`ToolPack::on_start`](crate::ToolPack::on_start)).
    /// `mcp_serve::run` calls it; who serves in another way does so before. What has been done is
    /// not done again.
    ///
    /// # Errors
    ///
    /// That of the first pack that fails.
    pub async fn start(&self) -> Result<(), HookError> {
        let (hooks, done) = &*self.inner.start;
        done.get_or_try_init(|| Hook::run_all(hooks, "started")).await.map(drop)
    }

    /// Has the packs do what comes after a snapshot is restored
    /// ([`ToolPack::on_restore`](crate::ToolPack::on_restore)).
    ///
    /// # Errors
    ///
    /// That of the first pack that fails.
    pub async fn restored(&self) -> Result<(), HookError> {
        Hook::run_all(&self.inner.restores, "restored").await
    }

    /// All scopes that some tool, resource or prompt requires now.
    pub fn scopes(&self) -> BTreeSet<&'static str> {
        let current = self.current();
        let current = current.as_ref().map(|current| current.features.scopes());
        self.inner.features.scopes().chain(current.into_iter().flatten()).collect()
    }

    /// Whether a caller has all scopes that a request needs. The dispatch asks that itself; this is
    /// for bindings that have to answer with a status of their own before it can.
    ///
    /// # Errors
    ///
    /// Which scopes are needed.
    pub fn authorize(&self, request: &Request, principal: &Principal) -> Result<(), RpcError> {
        match self.inner.features.subject(request) {
            Some(subject) => subject.admit(principal),
            None => match self.current() {
                Some(now) => {
                    now.features.subject(request).map_or(Ok(()), |subject| subject.admit(principal))
                }
                None => Ok(()),
            },
        }
    }

    /// The arguments of a tool that HTTP clients mirror into headers.
    pub fn header_params(&self, tool: &str) -> Cow<'_, [HeaderParam]> {
        match self.inner.features.tools.get(tool) {
            Some(entry) => entry.tool.header_params().into(),
            None => self
                .dynamic_tool(tool)
                .map_or(Cow::Borrowed(&[]), |entry| entry.tool.header_params().to_vec().into()),
        }
    }

    /// The work of a task that another process has made and
    /// [handed over](crate::tasks::TaskWork::handover).
    ///
    /// Polled, it counts an attempt, and does nothing where the task has ended, is unknown, or has
    /// been tried three times: a process that dies of the work does not do so for ever. It is not
    /// checked whether the caller may call the tool: that was done when the task was made. Nor do
    /// layers see the call.
    ///
    /// # Errors
    ///
    /// When this server has no such tool, or the arguments do not fit it.
    pub fn take_over(
        &self,
        handover: crate::tasks::TaskHandover,
    ) -> Result<crate::tasks::TaskWork, RpcError> {
        let (id, request) = handover.open()?;
        let entry = request.name().and_then(|name| {
            let known = self.inner.features.tools.get(name).cloned();
            known.or_else(|| self.dynamic_tool(name))
        });
        let task = entry.and_then(|entry| Some((entry.tool, entry.tasks?)));
        let (tool, tasks) = task.ok_or_else(|| {
            RpcError::new(
                ErrorKind::InvalidParams,
                "there is no such tool whose calls become tasks",
            )
        })?;
        tasks.resume(&tool, &id, request)
    }

    /// Has a task fail whose work nobody will be given any more: a queue or AWS Lambda has delivered it
    /// as often as it does. Has no effect on a task that has ended.
    ///
    /// # Errors
    ///
    /// When the store of tasks fails.
    pub async fn give_up(
        &self,
        handover: &crate::tasks::TaskHandover,
    ) -> Result<(), crate::tasks::TaskStoreError> {
        // All of a server's tools share one store.
        match &self.inner.tasks {
            Some(tasks) => tasks.give_up(handover.id()).await,
            None => Ok(()),
        }
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

    /// Tells clients that there are other tools than before. See [`Notifier::tools_changed`].
    pub fn notify_tools_changed(&self) {
        self.notifier().tools_changed();
    }

    /// Tells clients that there are other prompts than before. See [`Notifier::tools_changed`].
    pub fn notify_prompts_changed(&self) {
        self.notifier().prompts_changed();
    }

    /// Tells clients that there are other resources than before. See [`Notifier::tools_changed`].
    pub fn notify_resources_changed(&self) {
        self.notifier().resources_changed();
    }

    /// Tells the clients that have subscribed to a resource that it has changed. Waits for nobody.
    pub fn notify_resource_updated(&self, uri: &str) {
        self.notifier().resource_updated(uri);
    }

    /// What tells clients of changes. It does not keep the server.
    pub fn notifier(&self) -> Notifier {
        Notifier(Arc::clone(&self.inner.hub))
    }

    /// How long a client may take to answer what it is asked.
    pub(crate) fn answer_within(&self) -> Duration {
        self.inner.seal.answer_within()
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
