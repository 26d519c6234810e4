use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    /// Whom.
    name: String,
    /// Whom else.
    #[prompt(name = "name")]
    other: String,
}

fn main() {}
