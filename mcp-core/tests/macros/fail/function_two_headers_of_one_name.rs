use mcp_core::tool;

/// Adds.
#[tool]
async fn add(#[tool(header = "A")] a: i64, #[tool(header = "a")] b: i64) -> i64 {
    a + b
}

fn main() {}
