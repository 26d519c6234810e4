use mcp_core::tool;

/// Adds two integers.
#[tool(read_only, app_only)]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
