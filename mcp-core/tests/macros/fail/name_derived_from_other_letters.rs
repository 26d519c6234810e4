use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Grüßt.
#[derive(Deserialize, JsonSchema, Tool)]
struct Begrüßung {}

fn main() {}
