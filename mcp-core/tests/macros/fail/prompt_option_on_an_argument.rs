use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    /// Whom.
    #[prompt(timeout = "5s")]
    name: String,
}

fn main() {}
