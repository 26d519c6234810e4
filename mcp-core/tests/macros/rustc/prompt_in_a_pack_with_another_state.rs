use mcp_core::{GetPrompt, Prompt, PromptMessages, ToolContext, ToolPack, ToolResult};

/// Greets someone.
#[derive(Prompt)]
struct Greet {}

struct Names;

impl GetPrompt<Names> for Greet {
    async fn get(self, _: &Names, _: &ToolContext) -> ToolResult<PromptMessages> {
        Ok("hello".into())
    }
}

fn main() {
    let _ = ToolPack::new("pack", ()).prompt::<Greet>();
}
