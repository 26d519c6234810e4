use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet(String);

fn main() {}
