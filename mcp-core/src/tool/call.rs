use std::future::Future;

use super::{Output, Tool, ToolContext, ToolResult};

/// What happens when a model calls a [`Tool`].
///
/// `S` is the state that the tools of a [`ToolPack`](crate::ToolPack) share: a database pool, a
/// loaded data set, an SDK client. Tools without one implement `Call<()>`.
///
/// ```
/// use mcp_core::{Call, Tool, ToolContext, ToolResult};
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// /// Counts how often a word stands in the document.
/// #[derive(Deserialize, JsonSchema, Tool)]
/// #[tool(read_only, idempotent)]
/// struct CountWord {
///     /// The word, matched exactly.
///     word: String,
/// }
///
/// struct Document(String);
///
/// impl Call<Document> for CountWord {
///     type Output = usize;
///
///     async fn call(self, document: &Document, _cx: &ToolContext) -> ToolResult<usize> {
///         Ok(document.0.split_whitespace().filter(|word| **word == self.word).count())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be called with the state `{S}`",
    label = "no `impl Call<{S}> for {Self}`",
    note = "a tool goes into a pack whose state it takes: `ToolPack::new(name, state)` needs \
            `impl Call<State>`, `ServerBuilder::tool` needs `impl Call<()>`",
    note = "the input type must also `#[derive(Deserialize, JsonSchema, Tool)]`"
)]
pub trait Call<S>: Tool {
    /// What the tool answers: any type that is `Serialize + JsonSchema`, [`WithText`] to give
    /// the model a text of its own beside the data, or a [`CallResult`] for other content.
    ///
    /// [`WithText`]: crate::WithText
    /// [`CallResult`]: crate::CallResult
    type Output: Output;

    /// Does the work. `self` are the arguments, already checked against the schema.
    ///
    /// The future is dropped when the client cancels, disconnects, or the deadline passes.
    ///
    /// # Errors
    ///
    /// A [`ToolError`](crate::ToolError) is an answer that the model reads and can act upon.
    fn call(
        self,
        state: &S,
        cx: &ToolContext,
    ) -> impl Future<Output = ToolResult<Self::Output>> + Send;
}
