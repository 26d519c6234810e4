use mcp_core::tool;

struct Store;

/// Counts.
#[tool]
async fn count(#[state] store: &Store, #[state] other: &Store) -> u32 {
    0
}

fn main() {}
