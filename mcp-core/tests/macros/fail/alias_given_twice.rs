use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(aliases = ["plus", "plus"])]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
