use std::future::Future;

use serde_json::{Map, Value};

use super::{CallResult, ToolContext, ToolDefinition, ToolResult};

/// A tool that is described by data instead of by a Rust type: one of another server, one read
/// from a configuration.
///
/// Its arguments are checked against the schema in its definition like those of any other tool,
/// unless the schema has a regular expression that cannot be searched for in linear time: then they
/// are not, which the log tells when the server is built.
/// Added with [`ToolPack::dyn_tool`](crate::ToolPack::dyn_tool), or many at once with
/// [`ServerBuilder::mount`](crate::ServerBuilder::mount).
///
/// ```
/// use mcp_core::{
///     CallResult, DynTool, Server, ToolContext, ToolDefinition, ToolResult, model,
/// };
/// use serde_json::{Map, Value, json};
///
/// /// Answers what a configuration file says.
/// struct Canned {
///     name: String,
///     answer: String,
/// }
///
/// impl DynTool for Canned {
///     fn definition(&self) -> ToolDefinition {
///         let schema = json!({"type": "object", "additionalProperties": false});
///         let Value::Object(schema) = schema else { unreachable!() };
///         model::Tool::new(self.name.clone(), "Answers the same each time.", schema).into()
///     }
///
///     async fn call(&self, _: Map<String, Value>, _: &ToolContext) -> ToolResult<CallResult> {
///         Ok(CallResult::text(&self.answer))
///     }
/// }
///
/// let server = Server::builder("canned", "1.0")
///     .dyn_tool(Canned { name: "greeting".into(), answer: "Good morning.".into() })
///     .build();
/// assert_eq!(server.tool_names(), ["greeting"]);
/// ```
pub trait DynTool: Send + Sync + 'static {
    /// All that `tools/list` says about the tool. Asked for once, when the server is built.
    fn definition(&self) -> ToolDefinition;

    /// Does the work. The arguments satisfy the definition's schema, if they could be checked.
    ///
    /// The future is dropped when the client cancels, disconnects, or the deadline passes.
    ///
    /// # Errors
    ///
    /// A [`ToolError`](crate::ToolError) is an answer that the model reads and can act upon;
    /// [`ToolError::rpc`](crate::ToolError::rpc) makes it a JSON-RPC error instead.
    fn call(
        &self,
        arguments: Map<String, Value>,
        cx: &ToolContext,
    ) -> impl Future<Output = ToolResult<CallResult>> + Send;
}
