//! Resources that the suites read by their URIs.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mcp_core::{
    Contents, ReadResource, Resource, ResourceTemplate, ServerBuilder, ToolContext, ToolResult,
};
use serde_json::json;

use crate::content::PNG;

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    let png = BASE64_STANDARD.decode(PNG).unwrap_or_default();
    server
        .resource(
            Resource::text(
                "test://static-text",
                "Static text",
                "This is the content of the static text resource.",
            )
            .description("A text that does not change.")
            .mime_type("text/plain"),
        )
        .resource(
            Resource::blob("test://static-binary", "Static binary", png)
                .description("An image that does not change.")
                .mime_type("image/png"),
        )
        .resource(
            Resource::text("test://watched-resource", "Watched", "Nothing has happened yet.")
                .description("A text that clients subscribe to.")
                .mime_type("text/plain"),
        )
        .template::<Data>()
}

/// Data with an identifier.
#[derive(Debug, ResourceTemplate)]
#[resource(uri = "test://template/{id}/data", mime_type = "application/json")]
struct Data {
    #[resource(values = ["1", "2", "3"])]
    id: String,
}

impl ReadResource<()> for Data {
    async fn read(self, (): &(), _: &ToolContext) -> ToolResult<Contents> {
        let data = format!("Data for ID: {}", self.id);
        Contents::json(&json!({ "id": self.id, "templateTest": true, "data": data }))
    }
}
