//! What a server offers, and which request goes to which of it.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use super::{Response, ResponseFuture, Tools, prompts::Prompts, resources::Resources};
use crate::{
    ErrorKind, Method, Request, RpcError,
    completion::{CompleteParams, Completer, Completing, Completion, Reference},
    server::{ResultBody, call},
    subject::Subject,
    text::excerpt,
    tool::{BoxService, CallEnd},
};

/// Tools, resources and prompts: of a server, or of one pack inside its layers.
#[derive(Clone)]
pub(super) struct Features {
    pub(super) tools: Tools,
    pub(super) resources: Arc<Resources>,
    pub(super) prompts: Arc<Prompts>,
}

/// A resource, a template or a prompt, with what it is served under.
#[derive(Debug)]
pub(super) struct Offer<T> {
    pub(super) item: Arc<T>,
    pub(super) timeout: Duration,
    /// The pack's layers around a service that serves all of the pack.
    pub(super) layered: Option<BoxService>,
}

impl<T> Offer<T> {
    pub(super) fn new(item: T, timeout: Duration) -> Self {
        Self { item: Arc::new(item), timeout, layered: None }
    }

    /// The same inside the pack's layers.
    pub(super) fn inside(&self) -> Self {
        Self { item: Arc::clone(&self.item), timeout: self.timeout, layered: None }
    }
}

/// The same offers inside the pack's layers.
pub(super) fn inside<K: Clone + Eq + Hash, T>(
    offers: &HashMap<K, Offer<T>>,
) -> HashMap<K, Offer<T>> {
    offers.iter().map(|(key, offer)| (key.clone(), offer.inside())).collect()
}

/// Whom `completion/complete` asks.
pub(super) struct CompletionOffer<'a> {
    pub(super) subject: &'a Arc<Subject>,
    pub(super) completer: &'a Completer,
    pub(super) timeout: Duration,
    pub(super) layered: Option<&'a BoxService>,
    pub(super) has_argument: bool,
}

impl Features {
    /// Serves the requests that act on one thing.
    pub(super) fn serve(&self, request: Request) -> ResponseFuture {
        match request.method() {
            Method::CallTool => self.tools.call(request),
            Method::ReadResource if !self.resources.is_empty() => self.resources.read(request),
            Method::GetPrompt if !self.prompts.is_empty() => self.prompts.get(request),
            Method::Complete if self.can_complete() => self.complete(request),
            method => no_such_method(method),
        }
    }

    /// Whether anything that is offered has suggestions.
    pub(super) fn can_complete(&self) -> bool {
        self.resources.can_complete() || self.prompts.can_complete()
    }

    fn complete(&self, request: Request) -> ResponseFuture {
        let (reference, completing) = match request.params::<CompleteParams>() {
            Ok(params) => params.into_parts(),
            Err(error) => return Response::error(error).into(),
        };
        let unknown = |what: &str, name: &str| {
            let message = format!("unknown {what}: {}", excerpt(name));
            Response::error(RpcError::new(ErrorKind::InvalidParams, message)).into()
        };
        let (offer, name) = match &reference {
            Reference::Prompt { name } => {
                match self.prompts.completion(name, completing.argument()) {
                    Some(offer) => (offer, name),
                    None => return unknown("prompt", name),
                }
            }
            Reference::Resource { uri } => {
                match self.resources.completion(uri, completing.argument()) {
                    Some(offer) => (offer, uri),
                    None if self.resources.is_known(uri) => {
                        return Response::ok(ResultBody::Completion(Completion::default())).into();
                    }
                    None => return unknown("resource template", uri),
                }
            }
        };
        if let Some(service) = offer.layered {
            return ResponseFuture::layered(service.clone(), request);
        }
        if !offer.has_argument {
            let message =
                format!("`{}` has no argument `{}`", excerpt(name), excerpt(completing.argument()));
            return Response::error(RpcError::new(ErrorKind::InvalidParams, message)).into();
        }
        suggest(&offer, completing, request)
    }
}

fn suggest(
    offer: &CompletionOffer<'_>,
    completing: Completing,
    request: Request,
) -> ResponseFuture {
    let CompletionOffer { subject, completer, timeout, .. } = *offer;
    call::start(subject, timeout, request, |request| {
        let suggestions = completer.complete(completing, request, timeout);
        Ok(Box::pin(async move {
            let completion = Completion::new(suggestions.await?);
            Ok(CallEnd::Result(ResultBody::Completion(completion)))
        }))
    })
}

pub(super) fn no_such_method(method: &Method) -> ResponseFuture {
    let method: String = method.as_str().chars().take(128).collect();
    Response::error(RpcError::new(ErrorKind::MethodNotFound, format!("no such method: {method}")))
        .into()
}
