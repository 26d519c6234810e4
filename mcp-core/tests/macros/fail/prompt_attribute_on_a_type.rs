use mcp_core::prompt;

/// Greets someone.
#[prompt]
struct Greet {
    name: String,
}

fn main() {}
