use std::{future::Future, time::Duration};

use rmcp::model::{self, Icon, PromptArgument};

use super::PromptMessages;
use crate::{
    Completing, RpcError, TextArguments, ToolContext, ToolResult, completion::Completable,
    tool::join_lines,
};

/// What clients see of a prompt: its name, its description and its arguments.
///
/// Derived on the type of the arguments with `#[derive(Prompt)]`. The type's doc comment is the
/// description, the fields' doc comments are theirs; both are required. An `Option` is an argument
/// that may be left out. The protocol knows only strings here; a field may be of any type that
/// implements `serde::Deserialize`: numbers and booleans are parsed. What does not fit is an error
/// that names the argument.
///
/// `#[prompt(…)]` takes
///
/// | on the type | |
/// |---|---|
/// | `name = "…"` | the prompt's name; the type's name in snake case by default |
/// | `title = "…"` | a name for people |
/// | `icons = ["https://…"]` | images for people, `https:` or `data:` |
/// | `scopes = ["…"]` | what the caller must have been granted |
/// | `timeout = "20s"` | the deadline (`ms`, `s`, `m`) instead of the server's |
///
/// and
///
/// | on a field | |
/// |---|---|
/// | `name = "…"` | the argument's name, where it is not the field's |
/// | `title = "…"` | a name for people |
/// | `values = ["…"]` | what clients may suggest for it |
/// | `complete` | [`GetPrompt::complete`] says what clients may suggest |
///
/// In short, a prompt is an async function:
///
/// ```
/// use mcp_core::{Server, prompt};
///
/// /// Greets someone.
/// #[prompt]
/// async fn greet(
///     /// Whom.
///     #[prompt(values = ["Ada", "Grace"])]
///     name: String,
/// ) -> String {
///     format!("Greet {name} warmly.")
/// }
///
/// let server = Server::builder("greeter", "1.0").prompt::<greet>().build();
/// # drop(server);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a prompt",
    label = "not a prompt",
    note = "put `#[derive(Prompt)]` on the type of its arguments"
)]
pub trait Prompt: Sized + Send + 'static {
    /// The prompt's name.
    const NAME: &'static str;

    /// All that `prompts/list` says about the prompt.
    fn definition() -> PromptDefinition;

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// When one is missing, or its text is none of its field's type.
    fn from_arguments(arguments: &TextArguments) -> Result<Self, RpcError>;
}

/// What a [`Prompt`] comes to.
///
/// ```
/// use mcp_core::{
///     Completing, GetPrompt, Prompt, PromptMessages, Server, ToolContext, ToolPack, ToolResult,
/// };
///
/// /// Asks for a review of code.
/// #[derive(Prompt)]
/// #[prompt(title = "Review code")]
/// struct CodeReview {
///     /// The code to review.
///     code: String,
///     /// The language that it is written in.
///     #[prompt(complete)]
///     language: Option<String>,
/// }
///
/// struct Languages(Vec<String>);
///
/// impl GetPrompt<Languages> for CodeReview {
///     async fn get(self, _: &Languages, _cx: &ToolContext) -> ToolResult<PromptMessages> {
///         let language = self.language.as_deref().unwrap_or("some");
///         Ok(format!("Review this {language} code:\n{}", self.code).into())
///     }
///
///     async fn complete(
///         completing: &Completing,
///         languages: &Languages,
///         _cx: &ToolContext,
///     ) -> ToolResult<Vec<String>> {
///         Ok(completing.among(&languages.0))
///     }
/// }
///
/// let server = Server::builder("reviews", "1.0")
///     .pack(ToolPack::new("reviews", Languages(vec!["Rust".into()])).prompt::<CodeReview>())
///     .build();
/// # drop(server);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be filled in with the state `{S}`",
    label = "no `impl GetPrompt<{S}> for {Self}`",
    note = "a prompt goes into a pack whose state it takes: `ToolPack::new(name, state)` needs \
            `impl GetPrompt<State>`, `ServerBuilder::prompt` needs `impl GetPrompt<()>`"
)]
pub trait GetPrompt<S>: Prompt {
    /// Fills the prompt in. `self` are the arguments.
    ///
    /// The future is dropped when the client cancels, disconnects, or the deadline passes.
    ///
    /// # Errors
    ///
    /// When the prompt cannot be filled in. The message is what the client is told.
    fn get(
        self,
        state: &S,
        cx: &ToolContext,
    ) -> impl Future<Output = ToolResult<PromptMessages>> + Send;

    /// Suggests values for an argument that is marked with `#[prompt(complete)]`, the best first.
    ///
    /// The client gets the first 100, and the number of all.
    ///
    /// # Errors
    ///
    /// When the suggestions cannot be found. The message is what the client is told.
    fn complete(
        completing: &Completing,
        state: &S,
        cx: &ToolContext,
    ) -> impl Future<Output = ToolResult<Vec<String>>> + Send {
        let _ = (completing, state, cx);
        std::future::ready(Ok(Vec::new()))
    }
}

/// The description of a prompt. Made by `#[derive(Prompt)]`.
#[derive(Clone, Debug)]
pub struct PromptDefinition {
    pub(crate) model: model::Prompt,
    pub(crate) timeout: Option<Duration>,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) completable: Vec<Completable>,
}

impl PromptDefinition {
    /// A prompt without arguments.
    pub fn new(name: &'static str, description: &'static str) -> Self {
        let description = Some(join_lines(description));
        Self {
            model: model::Prompt::new(name, description, None),
            timeout: None,
            scopes: Vec::new(),
            completable: Vec::new(),
        }
    }

    /// Sets the name for people.
    #[must_use]
    pub fn title(mut self, title: &str) -> Self {
        self.model.title = Some(title.to_owned());
        self
    }

    /// Sets the images for people.
    #[must_use]
    pub fn icons(mut self, sources: &[&str]) -> Self {
        self.model.icons = Some(sources.iter().map(|source| Icon::new(*source)).collect());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, mut argument: PromptArgument) -> Self {
        argument.description = argument.description.map(|text| join_lines(&text));
        self.model.arguments.get_or_insert_default().push(argument);
        self
    }

    /// Sets how long it may take to fill the prompt in.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what a caller must have been granted to see the prompt and to fill it in.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// Has clients suggest these values for an argument.
    #[must_use]
    pub fn values(mut self, argument: &'static str, values: &'static [&'static str]) -> Self {
        self.completable.push(Completable { name: argument, values: Some(values) });
        self
    }

    /// Has clients suggest what [`GetPrompt::complete`] finds for an argument.
    #[must_use]
    pub fn complete(mut self, argument: &'static str) -> Self {
        self.completable.push(Completable { name: argument, values: None });
        self
    }
}
