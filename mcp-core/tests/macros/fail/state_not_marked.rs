use mcp_core::tool;

struct Store;

/// Counts.
#[tool]
async fn count(store: &Store) -> u32 {
    0
}

fn main() {}
