use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
enum Add {
    Integers { a: i64 },
}

fn main() {}
