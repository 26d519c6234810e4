use mcp_core::tool;

/// Adds.
#[tool]
async fn add(a: i64, b: i64) -> Result<impl serde::Serialize, std::io::Error> {
    Ok(a + b)
}

fn main() {}
