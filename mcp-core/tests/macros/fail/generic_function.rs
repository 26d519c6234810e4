use mcp_core::tool;

/// Adds.
#[tool]
async fn add<T: std::ops::Add<Output = T>>(a: T, b: T) -> T {
    a + b
}

fn main() {}
