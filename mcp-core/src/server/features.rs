//! What a server offers, and which request goes to which of it.

use std::{collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use super::{
    BuildError, CacheHints, Response, ResponseFuture, prompts::Prompts, resources::Resources,
    tasks::Tasks, tools::Tools,
};
use crate::{
    ErrorKind, Method, Request, RpcError, app,
    completion::{CompleteParams, Completer, Completing, Completion, Reference},
    server::{ResultBody, call},
    subject::Subject,
    text::excerpt,
    tool::{BoxService, CallEnd, PackParts},
};

/// Tools, resources and prompts: of a server, or of one pack inside its layers.
#[derive(Clone, Default)]
pub(super) struct Features {
    pub(super) tools: Tools,
    pub(super) resources: Resources,
    pub(super) prompts: Prompts,
}

/// What holds where a tool, a resource or a prompt does not say.
#[derive(Clone)]
pub(super) struct Defaults {
    pub(super) timeout: Duration,
    pub(super) cache: CacheHints,
    pub(super) tasks: Arc<Tasks>,
}

/// A resource, a template or a prompt, with what it is served under.
#[derive(Debug)]
pub(super) struct Offer<T> {
    pub(super) item: Arc<T>,
    pub(super) timeout: Duration,
    /// The pack's layers around a service that serves all of the pack.
    pub(super) layered: Option<BoxService>,
}

impl<T> Clone for Offer<T> {
    fn clone(&self) -> Self {
        let (item, layered) = (Arc::clone(&self.item), self.layered.clone());
        Self { item, timeout: self.timeout, layered }
    }
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
    /// Those of a pack, which are not yet in its layers. `known` are all that are there already.
    ///
    /// # Errors
    ///
    /// When something is invalid, or its name is taken.
    pub(super) fn of_pack(
        pack: PackParts,
        known: &[&Self],
        defaults: &Defaults,
    ) -> Result<Self, BuildError> {
        let name = &*pack.name;
        let tools: Vec<&Tools> = known.iter().map(|known| &known.tools).collect();
        let resources: Vec<&Resources> = known.iter().map(|known| &known.resources).collect();
        let prompts: Vec<&Prompts> = known.iter().map(|known| &known.prompts).collect();
        Ok(Self {
            tools: Tools::of_pack(pack.tools, name, &tools, defaults)?,
            resources: Resources::of_pack(
                pack.resources,
                pack.templates,
                name,
                &resources,
                defaults,
            )?,
            prompts: Prompts::of_pack(pack.prompts, name, &prompts, defaults)?,
        })
    }

    /// The same inside the pack's layers.
    pub(super) fn inside(&self) -> Self {
        Self {
            tools: self.tools.inside(),
            resources: self.resources.inside(),
            prompts: self.prompts.inside(),
        }
    }

    /// Takes over those of a pack, behind its layers if it has any.
    pub(super) fn extend(&mut self, pack: Self, layered: Option<&BoxService>) {
        self.tools.extend(pack.tools, layered);
        self.resources.extend(pack.resources, layered);
        self.prompts.extend(pack.prompts, layered);
    }

    /// Checks that the apps of these tools are among all the resources that there are.
    ///
    /// # Errors
    ///
    /// When one is not.
    pub(super) fn check_apps(&self, known: &[&Self]) -> Result<(), BuildError> {
        for tool in self.tools.all() {
            if let Some(uri) = app::uri_of(&tool.definition.model)
                && !known.iter().any(|known| known.resources.subject(uri).is_some())
            {
                return Err(BuildError::MissingApp {
                    tool: tool.name().to_owned(),
                    pack: tool.subject.pack.to_string(),
                    uri: uri.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Whether any tool has an app.
    pub(super) fn have_apps(&self) -> bool {
        self.tools.all().any(|tool| app::of_tool(&tool.definition.model).is_some())
    }

    /// What a request acts on, if it is among these.
    pub(super) fn subject(&self, request: &Request) -> Option<&Arc<Subject>> {
        let name = request.name();
        match request.method() {
            Method::CallTool => Some(&self.tools.get(name?)?.tool.subject),
            Method::ReadResource | Method::Subscribe => self.resources.subject(name?),
            Method::GetPrompt => self.prompts.subject(name?),
            Method::Complete => match request.params::<CompleteParams>().ok()?.into_parts().0 {
                Reference::Prompt { name } => self.prompts.subject(&name),
                Reference::Resource { uri } => self.resources.completed(&uri),
            },
            _ => None,
        }
    }

    /// All scopes that something requires.
    pub(super) fn scopes(&self) -> impl Iterator<Item = &'static str> {
        let subjects =
            self.tools.subjects().chain(self.resources.subjects()).chain(self.prompts.subjects());
        subjects.flat_map(|subject| subject.scopes.iter().copied())
    }

    /// Serves the requests that act on one thing.
    pub(super) fn serve(&self, request: Request) -> ResponseFuture {
        match request.method() {
            Method::CallTool => self.tools.call(request),
            Method::ReadResource => self.resources.read(request),
            Method::GetPrompt => self.prompts.get(request),
            Method::Complete => self.complete(request),
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
