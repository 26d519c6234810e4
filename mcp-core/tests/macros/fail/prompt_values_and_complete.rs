use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    /// Whom.
    #[prompt(values = ["Ada"], complete)]
    name: String,
}

fn main() {}
