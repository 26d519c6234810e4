use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    name: String,
    title: Option<String>,
}

fn main() {}
