use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
struct Add {
    a: i64,
    /// The second addend.
    b: i64,
    r#type: String,
}

fn main() {}
