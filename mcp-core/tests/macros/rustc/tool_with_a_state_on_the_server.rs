use mcp_core::{Server, tool};

struct Store;

/// Counts.
#[tool]
async fn count(#[state] _store: &Store) -> u32 {
    0
}

fn server() -> Server {
    Server::builder("count", "1.0").tool::<count>().build()
}

fn main() {}
