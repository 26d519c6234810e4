use mcp_core::prompt;

/// Greets someone.
#[prompt]
fn greet(name: String) -> String {
    name
}

fn main() {}
