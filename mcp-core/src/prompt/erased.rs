use std::{fmt, sync::Arc, time::Duration};

use rmcp::model;

use super::GetPrompt;
use crate::{
    ErrorKind, Request, ResultBody, RpcError, TextArguments, ToolContext,
    completion::Completer,
    subject::{Subject, SubjectKind},
    text::excerpt,
    tool::{CallEnd, CallFuture, until_stop},
};

/// A prompt bound to its pack's state, its types forgotten.
pub(crate) struct ErasedPrompt {
    pub(crate) model: model::Prompt,
    pub(crate) subject: Arc<Subject>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) completer: Completer,
    get: Get,
}

type Get =
    Box<dyn Fn(Request, &TextArguments, Duration) -> Result<CallFuture, RpcError> + Send + Sync>;

impl fmt::Debug for ErasedPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedPrompt").field("name", &self.model.name).finish_non_exhaustive()
    }
}

impl ErasedPrompt {
    /// Binds a prompt to its state.
    pub(crate) fn new<P, S>(state: Arc<S>, pack: Arc<str>, name: Option<String>) -> Self
    where
        P: GetPrompt<S>,
        S: Send + Sync + 'static,
    {
        let definition = P::definition();
        let mut model = definition.model;
        if let Some(name) = name {
            model.name = name;
        }
        let description: Option<Arc<str>> = model.description.as_deref().map(Into::into);
        let getter = Arc::clone(&state);
        let get: Get = Box::new(move |request, arguments, timeout| {
            let prompt = P::from_arguments(arguments)?;
            let (state, description) = (Arc::clone(&getter), description.clone());
            Ok(Box::pin(async move {
                let cx = ToolContext::new(request, timeout);
                let messages = match until_stop(&cx, prompt.get(&state, &cx)).await {
                    Ok(messages) => messages?.or_description(description.as_deref()),
                    Err(stop) => return Ok(CallEnd::Stop(stop)),
                };
                Ok(CallEnd::Result(ResultBody::Prompt(messages)))
            }))
        });
        let completer = Completer::new(definition.completable, state, |completing, state, cx| {
            Box::pin(P::complete(completing, state, cx))
        });
        let subject = Subject::new(SubjectKind::Prompt, &model.name, pack, definition.scopes);
        Self { model, subject, timeout: definition.timeout, completer, get }
    }

    /// The names of the arguments.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &str> {
        self.model.arguments.iter().flatten().map(|argument| argument.name.as_str())
    }

    /// Reads the arguments and makes the future that fills the prompt in.
    pub(crate) fn get(&self, request: Request, timeout: Duration) -> Result<CallFuture, RpcError> {
        let arguments = TextArguments::of_prompt(&self.model.name, request.arguments()?)?;
        // A misspelt optional argument is an error that can be mended, not a silent default.
        if let Some(unknown) = arguments.names().find(|name| !self.arguments().any(|a| a == *name))
        {
            let known: Vec<&str> = self.arguments().collect();
            return Err(RpcError::new(
                ErrorKind::InvalidParams,
                format!(
                    "the prompt `{}` has no argument `{}`; expected {}",
                    self.model.name,
                    excerpt(unknown),
                    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
                ),
            ));
        }
        (self.get)(request, &arguments, timeout)
    }
}
