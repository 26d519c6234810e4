//! `subscriptions/listen`, and what legacy sessions have in its place.

use std::sync::Arc;

use super::{
    Response, ResponseFuture, ResultBody, Server,
    call::no_such_resource,
    features::no_such_method,
    handshake::empty,
    tasks::{knows_tasks, missing_capability},
};
use crate::{
    Era, LegacySession, Principal, Request, RpcError, SubscriptionLimit,
    subscription::{Change, Filter, Listener, Listening, Wanted},
};

impl Server {
    /// The lists that may change while the server runs.
    pub(super) fn changing_lists(&self) -> impl Iterator<Item = Change> {
        let capabilities = &self.inner.capabilities;
        let tools = capabilities.tools.as_ref().and_then(|tools| tools.list_changed);
        let prompts = capabilities.prompts.as_ref().and_then(|prompts| prompts.list_changed);
        let resources =
            capabilities.resources.as_ref().and_then(|resources| resources.list_changed);
        [(tools, Change::Tools), (prompts, Change::Prompts), (resources, Change::Resources)]
            .into_iter()
            .filter_map(|(changes, change)| (changes == Some(true)).then_some(change))
    }

    /// Grants a subscription to what the server can tell of.
    pub(super) fn listen(&self, request: &Request) -> ResponseFuture {
        let wanted = match self.wanted(request) {
            Ok(wanted) => wanted,
            Err(error) => return Response::error(error).into(),
        };
        let changes: Vec<Change> = self.changing_lists().collect();
        let filter = Filter {
            tools_list_changed: wanted.tools_list_changed && changes.contains(&Change::Tools),
            prompts_list_changed: wanted.prompts_list_changed && changes.contains(&Change::Prompts),
            resources_list_changed: wanted.resources_list_changed
                && changes.contains(&Change::Resources),
            resource_subscriptions: wanted.resource_subscriptions,
            task_ids: Vec::new(),
        };
        let limit = request.extensions().get::<SubscriptionLimit>();
        let mut listening = Listening {
            hub: Arc::clone(&self.inner.hub),
            filter: Arc::new(filter),
            tasks: Arc::new([]),
            limit: limit.map(|SubscriptionLimit(limit)| *limit),
        };
        let Some(tasks) = self.inner.tasks.as_ref().filter(|_| !wanted.task_ids.is_empty()) else {
            return Response::ok(ResultBody::Listening(listening)).into();
        };
        let tasks = Arc::clone(tasks);
        let caller = request.extensions().get::<Principal>().cloned();
        ResponseFuture::boxed(async move {
            let caller = caller.as_ref().map(Principal::subject);
            match tasks.watch(wanted.task_ids, caller).await {
                Ok(watches) => {
                    let (ids, watches): (Vec<_>, Vec<_>) = watches.into_iter().unzip();
                    Arc::make_mut(&mut listening.filter).task_ids = ids;
                    listening.tasks = watches.into();
                    Response::ok(ResultBody::Listening(listening))
                }
                Err(error) => Response::error(error),
            }
        })
    }

    /// What a client wants to hear of, each thing once, without resources that are not there.
    fn wanted(&self, request: &Request) -> Result<Filter, RpcError> {
        let Wanted { notifications: mut wanted } = request.params()?;
        wanted.check()?;
        if !wanted.task_ids.is_empty() && !knows_tasks(request) {
            return Err(missing_capability());
        }
        for list in [&mut wanted.resource_subscriptions, &mut wanted.task_ids] {
            list.sort_unstable();
            list.dedup();
        }
        let caller = request.extensions().get::<Principal>();
        wanted.resource_subscriptions.retain(|uri| matches!(self.may_read(uri, caller), Ok(true)));
        Ok(wanted)
    }

    /// Whether a resource has this URI, or can have it.
    ///
    /// # Errors
    ///
    /// When the caller may not read it.
    fn may_read(&self, uri: &str, caller: Option<&Principal>) -> Result<bool, RpcError> {
        let current = self.current();
        let added = current.as_ref().and_then(|now| now.features.resources.subject(uri));
        match (self.inner.features.resources.subject(uri).or(added), caller) {
            (None, _) => Ok(false),
            (Some(_), None) => Ok(true),
            (Some(subject), Some(caller)) => subject.admit(caller).map(|()| true),
        }
    }

    /// Answers `resources/subscribe`.
    pub(super) fn subscribe(&self, request: &Request, session: &LegacySession) -> ResponseFuture {
        if self.inner.capabilities.resources.is_none() {
            return no_such_method(request.method());
        }
        let uri = request.name().unwrap_or_default();
        match self.may_read(uri, request.extensions().get::<Principal>()) {
            Ok(true) => {}
            Ok(false) => {
                let message = "there is no such resource to subscribe to".to_owned();
                return Response::error(no_such_resource(uri, Era::Legacy, message)).into();
            }
            Err(error) => return Response::error(error).into(),
        }
        match session.listener().add(Change::Resource(uri.into())) {
            Ok(()) => empty(),
            Err(error) => Response::error(error).into(),
        }
    }

    /// Answers `resources/unsubscribe`.
    pub(super) fn unsubscribe(&self, request: &Request, session: &LegacySession) -> ResponseFuture {
        if self.inner.capabilities.resources.is_none() {
            return no_such_method(request.method());
        }
        session.listener().remove(&Change::Resource(request.name().unwrap_or_default().into()));
        empty()
    }

    /// What a new legacy session hears of without having asked for it: lists that change.
    pub(crate) fn session_listener(&self) -> Listener {
        let listener = self.inner.hub.listener();
        for change in self.changing_lists() {
            if listener.add(change).is_err() {
                tracing::warn!("a session will not hear of changes: there are too many");
            }
        }
        listener
    }
}
