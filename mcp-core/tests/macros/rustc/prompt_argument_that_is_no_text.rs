use mcp_core::Prompt;

struct Opaque;

/// Greets someone.
#[derive(Prompt)]
struct Greet {
    /// Whom.
    name: Opaque,
}

fn main() {}
