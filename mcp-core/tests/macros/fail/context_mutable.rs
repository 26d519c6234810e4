use mcp_core::{ToolContext, tool};

/// Waits.
#[tool]
async fn wait(cx: &mut ToolContext) {}

fn main() {}
