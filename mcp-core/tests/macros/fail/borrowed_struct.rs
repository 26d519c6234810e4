use mcp_core::Tool;
use schemars::JsonSchema;
use serde::Deserialize;

/// Echoes.
#[derive(Deserialize, JsonSchema, Tool)]
struct Echo<'a> {
    /// What to echo.
    text: &'a str,
}

fn main() {}
