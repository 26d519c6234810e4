use mcp_core::tool;

/// Adds.
#[tool]
async fn add(a: i64, b: i64) -> Result<i64, String> {
    a.checked_add(b).ok_or_else(|| "too large".to_owned())
}

fn main() {}
