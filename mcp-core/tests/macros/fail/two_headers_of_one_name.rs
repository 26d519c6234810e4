use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Sums up sales.
#[derive(Deserialize, JsonSchema, Tool)]
struct Summary {
    /// What to sum up.
    #[tool(header = "Region")]
    region: String,
    /// Where else.
    #[tool(header = "REGION")]
    other: String,
}

fn main() {}
