use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    /// Whom.
    #[prompt(complete = names)]
    name: String,
}

fn main() {}
