use mcp_core::tool;

/// Adds two integers.
#[tool(task = "sometimes")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
