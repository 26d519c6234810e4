use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
#[prompt(values = ["Ada"])]
struct Greet {
    /// Whom.
    name: String,
}

fn main() {}
