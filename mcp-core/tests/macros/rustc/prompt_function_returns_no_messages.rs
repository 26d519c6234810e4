use mcp_core::prompt;

/// Greets someone.
#[prompt]
async fn greet() -> u32 {
    1
}

fn main() {}
