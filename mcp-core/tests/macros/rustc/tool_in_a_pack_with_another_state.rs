use mcp_core::{ToolPack, tool};

struct Store;
struct Clock;

/// Counts.
#[tool]
async fn count(#[state] _store: &Store) -> u32 {
    0
}

fn pack() -> ToolPack<Clock> {
    ToolPack::new("clock", Clock).tool::<count>()
}

fn main() {}
