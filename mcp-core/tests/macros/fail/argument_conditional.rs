use mcp_core::tool;

/// Adds.
#[tool]
async fn add(a: i64, #[cfg(unix)] b: i64) -> i64 {
    a
}

fn main() {}
