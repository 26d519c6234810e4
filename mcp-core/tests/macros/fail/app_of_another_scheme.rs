use mcp_core::tool;

/// Adds two integers.
#[tool(ui = "https://example.com/chart")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
