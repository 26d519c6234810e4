use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds.
#[derive(Deserialize, JsonSchema, Tool)]
struct Add(i64, i64);

fn main() {}
