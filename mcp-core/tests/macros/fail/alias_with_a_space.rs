use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
#[tool(aliases = ["get cost"])]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
