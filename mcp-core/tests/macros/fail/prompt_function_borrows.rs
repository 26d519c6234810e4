use mcp_core::prompt;

/// Greets someone.
#[prompt]
async fn greet(name: &str) -> String {
    name.to_owned()
}

fn main() {}
