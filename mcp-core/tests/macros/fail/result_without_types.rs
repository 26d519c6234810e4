use mcp_core::tool;

type Result = std::result::Result<i64, std::io::Error>;

/// Adds.
#[tool]
async fn add(a: i64, b: i64) -> Result {
    Ok(a + b)
}

fn main() {}
