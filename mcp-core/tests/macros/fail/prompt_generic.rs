use mcp_core::Prompt;

/// Greets someone.
#[derive(Prompt)]
struct Greet<T> {
    /// Whom.
    name: T,
}

fn main() {}
