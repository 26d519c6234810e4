use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
#[prompt(name = "greet someone")]
struct Greet {}

fn main() {}
