use mcp_core::{Tool, tool};
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[tool(read_only)]
#[derive(Deserialize, JsonSchema, Tool)]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
