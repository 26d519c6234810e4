//! What a tool is, what it is given, and what it may answer.

mod arguments;
mod call;
mod context;
mod definition;
mod dynamic;
mod erased;
mod error;
mod foreign;
mod output;
mod pack;
mod schema;

pub use self::{
    call::Call,
    context::ToolContext,
    definition::{HeaderParam, Tool, ToolDefinition},
    dynamic::DynTool,
    error::{OrToolError, ToolError, ToolErrorKind, ToolResult},
    output::{CallResult, Output, WithText},
    pack::ToolPack,
};
pub(crate) use self::{
    erased::{CallEnd, CallFuture, ErasedTool, Refusal, until_stop},
    pack::{BoxLayer, BoxService, PackParts, boxed_layer},
    schema::join_lines,
};
