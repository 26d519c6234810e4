//! Tools whose arguments are declared in unusual ways.

use mcp_core::{Call, ServerBuilder, Tool, ToolContext, ToolDefinition, ToolResult, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server.tool::<Contact>().tool::<test_custom_header>()
}

/// The arguments of a tool whose schema is written by hand.
#[derive(Debug, Deserialize, JsonSchema)]
struct Contact {
    name: Option<String>,
    address: Option<Address>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Address {
    street: Option<String>,
    city: Option<String>,
}

impl Tool for Contact {
    const NAME: &'static str = "json_schema_2020_12_tool";

    fn definition() -> ToolDefinition {
        ToolDefinition::new::<Self>(Self::NAME, "Tool with JSON Schema 2020-12 features.")
            .input_schema(contact_schema())
    }
}

/// What the suites look for in the listed schema.
fn contact_schema() -> Map<String, Value> {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {
            "address": {
                "$anchor": "addressDef",
                "type": "object",
                "properties": {
                    "street": { "type": "string" },
                    "city": { "type": "string" },
                },
            },
        },
        "properties": {
            "name": { "type": "string" },
            "address": { "$ref": "#/$defs/address" },
        },
        "allOf": [{ "anyOf": [{ "required": ["name"] }, { "required": ["address"] }] }],
        "if": { "required": ["address"] },
        "then": { "properties": { "address": { "required": ["street"] } } },
        "else": { "required": ["name"] },
        "additionalProperties": false,
    });
    schema.as_object().cloned().unwrap_or_default()
}

impl Call<()> for Contact {
    type Output = String;

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<String> {
        let address = self.address.map(|address| [address.street, address.city]);
        let parts = std::iter::once(self.name).chain(address.into_iter().flatten()).flatten();
        Ok(parts.collect::<Vec<_>>().join(", "))
    }
}

/// Answers with the argument that HTTP clients mirror into a header.
#[tool(read_only, idempotent)]
async fn test_custom_header(
    /// The argument, also sent as `Mcp-Param-Value`.
    #[tool(header = "Value")]
    value: String,
) -> String {
    value
}
