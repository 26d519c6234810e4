use mcp_core::Prompt;

#[derive(Prompt)]
struct Greet {
    /// Whom.
    name: String,
}

fn main() {}
