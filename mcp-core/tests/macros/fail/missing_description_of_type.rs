use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema, Tool)]
struct Add {
    /// The first addend.
    a: i64,
}

fn main() {}
