use mcp_core::prompt;

/// Greets someone.
#[prompt]
async fn greet(#[prompt(complete)] name: String) -> String {
    name
}

fn main() {}
