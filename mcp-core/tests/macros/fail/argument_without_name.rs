use mcp_core::tool;

/// Adds.
#[tool]
async fn add(a: i64, _: i64) -> i64 {
    a
}

fn main() {}
