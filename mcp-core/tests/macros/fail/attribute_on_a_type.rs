use mcp_core::tool;

/// Adds.
#[tool(read_only)]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
