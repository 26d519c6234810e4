use std::{future::Future, time::Duration};

use rmcp::model::{self, Annotations, Icon, Role};

use super::Contents;
use crate::{
    Completing, RpcError, TextArguments, ToolContext, ToolResult, completion::Completable,
    tool::join_lines,
};

/// Resources that a URI template describes, and what stands for its variables.
///
/// Derived on a struct that has a field for each variable with `#[derive(ResourceTemplate)]`. The
/// type's doc comment is the description and required. A field takes the variable's text, decoded,
/// as any type that implements `serde::Deserialize`: numbers and booleans are parsed. A URI whose
/// text does not fit is one that does not exist.
///
/// `#[resource(…)]` takes
///
/// | on the type | |
/// |---|---|
/// | `uri = "docs://{id}"` | the template, required: simple variables only (RFC 6570, level 1) |
/// | `name = "…"` | the template's name; the type's name in snake case by default |
/// | `title = "…"` | a name for people |
/// | `mime_type = "…"` | of all the resources |
/// | `audience = ["user", "assistant"]`, `priority = 0.5` | annotations |
/// | `icons = ["https://…"]` | images for people, `https:` or `data:` |
/// | `scopes = ["…"]` | what the caller must have been granted |
/// | `timeout = "20s"` | the deadline of a read (`ms`, `s`, `m`) instead of the server's |
///
/// and on a field
///
/// | on a field | |
/// |---|---|
/// | `name = "…"` | the variable, where it is not named as the field |
/// | `values = ["…"]` | what clients may suggest for it |
/// | `complete` | [`ReadResource::complete`] says what clients may suggest |
///
/// A variable takes anything but what separates the parts of a URI. **Once decoded it can hold
/// anything**: `%2e%2e%2f` is `../`. Whoever makes a path of it must check it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a resource template",
    label = "not a resource template",
    note = "put `#[derive(ResourceTemplate)]` and `#[resource(uri = \"…\")]` on the type of its \
            variables"
)]
pub trait ResourceTemplate: Sized + Send + 'static {
    /// The template.
    const URI: &'static str;

    /// All that `resources/templates/list` says about it.
    fn definition() -> ResourceTemplateDefinition;

    /// Reads the variables.
    ///
    /// # Errors
    ///
    /// When a text is none of its field's type.
    fn from_variables(variables: &TextArguments) -> Result<Self, RpcError>;
}

/// What happens when a client reads a resource of a [`ResourceTemplate`].
///
/// ```
/// use mcp_core::{
///     Contents, ReadResource, ResourceTemplate, Server, ToolContext, ToolError, ToolErrorKind,
///     ToolPack, ToolResult,
/// };
///
/// /// A note, by its number.
/// #[derive(ResourceTemplate)]
/// #[resource(uri = "notes://{id}", mime_type = "text/plain")]
/// struct Note {
///     id: usize,
/// }
///
/// struct Notes(Vec<String>);
///
/// impl ReadResource<Notes> for Note {
///     async fn read(self, notes: &Notes, _cx: &ToolContext) -> ToolResult<Contents> {
///         let note = notes.0.get(self.id);
///         let note = note.ok_or_else(|| ToolError::new(ToolErrorKind::NotFound, "no such note"))?;
///         Ok(Contents::text(note))
///     }
/// }
///
/// let notes = Notes(vec!["buy milk".into()]);
/// let server = Server::builder("notes", "1.0")
///     .pack(ToolPack::new("notes", notes).template::<Note>())
///     .build();
/// # drop(server);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read with the state `{S}`",
    label = "no `impl ReadResource<{S}> for {Self}`",
    note = "a template goes into a pack whose state it takes: `ToolPack::new(name, state)` needs \
            `impl ReadResource<State>`, `ServerBuilder::template` needs `impl ReadResource<()>`"
)]
pub trait ReadResource<S>: ResourceTemplate {
    /// Reads the resource. `self` are the variables of its URI.
    ///
    /// The future is dropped when the client cancels, disconnects, or the deadline passes.
    ///
    /// # Errors
    ///
    /// [`ToolErrorKind::NotFound`](crate::ToolErrorKind) if there is no such resource. The message
    /// is what the client is told.
    fn read(self, state: &S, cx: &ToolContext)
    -> impl Future<Output = ToolResult<Contents>> + Send;

    /// Suggests values for a variable that is marked with `#[resource(complete)]`, the best first.
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

/// The description of a resource template. Made by `#[derive(ResourceTemplate)]`.
#[derive(Clone, Debug)]
pub struct ResourceTemplateDefinition {
    pub(crate) model: model::ResourceTemplate,
    pub(crate) timeout: Option<Duration>,
    pub(crate) scopes: Vec<&'static str>,
    pub(crate) completable: Vec<Completable>,
}

impl ResourceTemplateDefinition {
    /// A template.
    pub fn new(uri: &'static str, name: &'static str, description: &'static str) -> Self {
        Self {
            model: model::ResourceTemplate::new(uri, name)
                .with_description(join_lines(description)),
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

    /// Sets the MIME type of all the resources.
    #[must_use]
    pub fn mime_type(mut self, mime_type: &str) -> Self {
        self.model.mime_type = Some(mime_type.to_owned());
        self
    }

    /// Sets the images for people.
    #[must_use]
    pub fn icons(mut self, sources: &[&str]) -> Self {
        self.model.icons = Some(sources.iter().map(|source| Icon::new(*source)).collect());
        self
    }

    /// Sets whom the resources are for.
    #[must_use]
    pub fn audience(mut self, audience: &[Role]) -> Self {
        self.annotations().audience = Some(audience.to_vec());
        self
    }

    /// Sets how important the resources are, from 0 to 1.
    #[must_use]
    pub fn priority(mut self, priority: f32) -> Self {
        self.annotations().priority = Some(priority);
        self
    }

    fn annotations(&mut self) -> &mut Annotations {
        self.model.annotations.get_or_insert_default()
    }

    /// Sets how long a read may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what a caller must have been granted to see the template and to read its resources.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// Has clients suggest these values for a variable.
    #[must_use]
    pub fn values(mut self, variable: &'static str, values: &'static [&'static str]) -> Self {
        self.completable.push(Completable { name: variable, values: Some(values) });
        self
    }

    /// Has clients suggest what [`ReadResource::complete`] finds for a variable.
    #[must_use]
    pub fn complete(mut self, variable: &'static str) -> Self {
        self.completable.push(Completable { name: variable, values: None });
        self
    }
}
