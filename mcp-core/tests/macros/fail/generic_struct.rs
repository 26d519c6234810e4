use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
struct Add<T> {
    /// The first addend.
    a: T,
}

fn main() {}
