use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
#[prompt(read_only)]
struct Greet {
    /// Whom.
    name: String,
}

fn main() {}
