//! Tools that change what is listed.

use mcp_core::{
    DynamicPrompts, DynamicTools, ServerBuilder, ToolContext, ToolError, ToolErrorKind, ToolPack,
    ToolResult, prompt, tool,
};

/// What comes and goes.
struct Changing {
    tools: DynamicTools,
    prompts: DynamicPrompts,
}

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    let (tools, prompts) = (DynamicTools::new(), DynamicPrompts::new());
    let server = server.dynamic_tools(&tools).dynamic_prompts(&prompts);
    server.pack(
        ToolPack::new("changing", Changing { tools, prompts })
            .tool::<test_trigger_tool_change>()
            .tool::<test_trigger_prompt_change>(),
    )
}

/// Is there every other time.
#[tool(read_only, idempotent)]
async fn test_dynamic_tool() -> &'static str {
    "I am here for now."
}

/// Is there every other time.
#[prompt]
async fn test_dynamic_prompt() -> &'static str {
    "I am here for now."
}

/// Adds a tool, or removes it.
#[tool]
async fn test_trigger_tool_change(
    #[state] changing: &Changing,
    _cx: &ToolContext,
) -> ToolResult<&'static str> {
    if changing.tools.remove("test_dynamic_tool") {
        return Ok("removed a tool");
    }
    changing.tools.add::<test_dynamic_tool>().map_err(raced)?;
    Ok("added a tool")
}

/// Adds a prompt, or removes it.
#[tool]
async fn test_trigger_prompt_change(
    #[state] changing: &Changing,
    _cx: &ToolContext,
) -> ToolResult<&'static str> {
    if changing.prompts.remove("test_dynamic_prompt") {
        return Ok("removed a prompt");
    }
    changing.prompts.add::<test_dynamic_prompt>().map_err(raced)?;
    Ok("added a prompt")
}

/// Another call has added it first.
fn raced(_: mcp_core::BuildError) -> ToolError {
    ToolError::new(ToolErrorKind::Unavailable, "somebody else has just added it")
}
