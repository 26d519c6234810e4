use mcp_core::prompt;

/// Greets someone.
#[prompt]
async fn greet(name: String) {
    drop(name);
}

fn main() {}
