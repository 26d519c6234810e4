use mcp_core::tool;

/// Echoes.
#[tool]
async fn echo(text: impl Into<String>) -> String {
    text.into()
}

fn main() {}
