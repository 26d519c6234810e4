use mcp_core::Tool;

/// Adds.
#[derive(Tool)]
union Add {
    a: i64,
    b: f64,
}

fn main() {}
