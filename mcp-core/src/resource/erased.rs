use std::{fmt, sync::Arc, time::Duration};

use rmcp::model;

use super::{
    Contents, ReadResource, Resource, UriTemplate,
    definition::Read,
    uri_template::{check_characters, has_scheme},
};
use crate::{
    Request, ResultBody, RpcError, TextArguments, ToolContext,
    completion::Completer,
    server::CacheHints,
    subject::{Subject, SubjectKind},
    tool::{CallEnd, CallFuture, until_stop},
};

/// A resource bound to its pack's state.
pub(crate) struct ErasedResource {
    pub(crate) model: model::Resource,
    pub(crate) subject: Arc<Subject>,
    pub(crate) timeout: Option<Duration>,
    source: ErasedSource,
}

enum ErasedSource {
    Known(Contents),
    Read(Box<dyn Fn(Request, Duration) -> CallFuture + Send + Sync>),
}

impl fmt::Debug for ErasedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedResource").field("uri", &self.model.uri).finish_non_exhaustive()
    }
}

impl ErasedResource {
    /// Contents that do not change.
    pub(crate) fn known(resource: Resource, pack: Arc<str>) -> Self {
        let Resource { model, cache, timeout, scopes, contents } = resource;
        let contents = match cache {
            Some(hints) => contents.or_cache(hints),
            None => contents,
        };
        let subject = Subject::new(SubjectKind::Resource, &model.uri, pack, scopes);
        Self { model, subject, timeout, source: ErasedSource::Known(contents) }
    }

    /// Contents that are read with the pack's state.
    pub(crate) fn read_with<S: Send + Sync + 'static>(
        resource: Resource<()>,
        read: Read<S>,
        state: Arc<S>,
        pack: Arc<str>,
    ) -> Self {
        let Resource { model, cache, timeout, scopes, contents: () } = resource;
        let described = Arc::new((model.uri.clone(), model.mime_type.clone()));
        let hints = cache.unwrap_or(CacheHints::NEVER);
        let source = ErasedSource::Read(Box::new(move |request, timeout| {
            let described = Arc::clone(&described);
            // The closure's future cannot borrow it from here.
            let cx = Arc::new(ToolContext::new(request, timeout));
            let reading = read(Arc::clone(&state), Arc::clone(&cx));
            Box::pin(async move {
                let contents = match until_stop(&cx, reading).await {
                    Ok(contents) => contents?,
                    Err(stop) => return Ok(CallEnd::Stop(stop)),
                };
                let (uri, mime_type) = &*described;
                let contents = contents.complete(uri, mime_type.as_deref(), hints);
                Ok(CallEnd::Result(ResultBody::Resource(contents)))
            })
        }));
        let subject = Subject::new(SubjectKind::Resource, &model.uri, pack, scopes);
        Self { model, subject, timeout, source }
    }

    /// Why the URI is none, if it is none.
    pub(crate) fn check_uri(&self) -> Result<(), String> {
        check_characters(&self.model.uri)?;
        if has_scheme(&self.model.uri) {
            Ok(())
        } else {
            Err("it does not begin with a scheme, such as `docs://`".to_owned())
        }
    }

    /// Writes down what does not change.
    pub(crate) fn write_down(&mut self, cache: CacheHints) {
        if let ErasedSource::Known(contents) = &mut self.source {
            let model = &self.model;
            let complete = contents.clone().complete(&model.uri, model.mime_type.as_deref(), cache);
            *contents = complete.written();
        }
    }

    /// The contents, where they do not change.
    pub(crate) fn contents(&self) -> Option<&Contents> {
        match &self.source {
            ErasedSource::Known(contents) => Some(contents),
            ErasedSource::Read(_) => None,
        }
    }

    /// Makes the future that reads it.
    pub(crate) fn read(&self, request: Request, timeout: Duration) -> CallFuture {
        match &self.source {
            ErasedSource::Known(contents) => {
                let body = ResultBody::Resource(contents.clone());
                Box::pin(std::future::ready(Ok(CallEnd::Result(body))))
            }
            ErasedSource::Read(read) => read(request, timeout),
        }
    }
}

/// A template bound to its pack's state, its types forgotten.
pub(crate) struct ErasedTemplate {
    pub(crate) model: model::ResourceTemplate,
    pub(crate) subject: Arc<Subject>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) uri: UriTemplate,
    pub(crate) completer: Completer,
    read: ReadTemplate,
}

type ReadTemplate =
    Box<dyn Fn(Request, &TextArguments, Duration) -> Result<CallFuture, RpcError> + Send + Sync>;

/// A template that is none.
#[derive(Debug)]
pub(crate) struct InvalidTemplate {
    pub(crate) template: String,
    pub(crate) reason: String,
}

impl fmt::Debug for ErasedTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedTemplate").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl ErasedTemplate {
    /// Binds a template to its state.
    ///
    /// # Errors
    ///
    /// When its text is no template.
    pub(crate) fn new<T, S>(state: Arc<S>, pack: Arc<str>) -> Result<Self, InvalidTemplate>
    where
        T: ReadResource<S>,
        S: Send + Sync + 'static,
    {
        let definition = T::definition();
        let model = definition.model;
        let invalid = |reason| InvalidTemplate { template: model.uri_template.clone(), reason };
        let uri = UriTemplate::parse(&model.uri_template).map_err(invalid)?;
        for completable in &definition.completable {
            if !uri.variables().any(|variable| variable == completable.name) {
                let reason = format!("it has no variable `{}` to complete", completable.name);
                return Err(invalid(reason));
            }
        }

        let mime_type: Option<Arc<str>> = model.mime_type.as_deref().map(Into::into);
        let reader = Arc::clone(&state);
        let read: ReadTemplate = Box::new(move |request, variables, timeout| {
            let template = T::from_variables(variables)?;
            let (state, mime_type) = (Arc::clone(&reader), mime_type.clone());
            Ok(Box::pin(async move {
                let uri = request.name().unwrap_or_default().to_owned();
                let cx = ToolContext::new(request, timeout);
                let contents = match until_stop(&cx, template.read(&state, &cx)).await {
                    Ok(contents) => contents?,
                    Err(stop) => return Ok(CallEnd::Stop(stop)),
                };
                let contents = contents.complete(&uri, mime_type.as_deref(), CacheHints::NEVER);
                Ok(CallEnd::Result(ResultBody::Resource(contents)))
            }))
        });
        let completer = Completer::new(definition.completable, state, |completing, state, cx| {
            Box::pin(T::complete(completing, state, cx))
        });
        let (name, scopes) = (&model.uri_template, definition.scopes);
        let subject = Subject::new(SubjectKind::Resource, name, pack, scopes);
        Ok(Self { model, subject, timeout: definition.timeout, uri, completer, read })
    }

    /// Reads the variables and makes the future that reads the resource.
    pub(crate) fn read(
        &self,
        request: Request,
        variables: &TextArguments,
        timeout: Duration,
    ) -> Result<CallFuture, RpcError> {
        (self.read)(request, variables, timeout)
    }
}
