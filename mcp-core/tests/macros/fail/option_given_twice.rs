use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(read_only, title = "Add", read_only = false)]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
