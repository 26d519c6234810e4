//! Tools that answer with each kind of content.

use mcp_core::{
    CallResult, ServerBuilder, ToolError, ToolErrorKind, ToolResult,
    model::{AudioContent, ContentBlock, ResourceContents},
    tool,
};

/// One red pixel, as PNG in base64.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
/// A WAV file of no samples, in base64.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool::<test_simple_text>()
        .tool::<test_image_content>()
        .tool::<test_audio_content>()
        .tool::<test_embedded_resource>()
        .tool::<test_multiple_content_types>()
        .tool::<test_error_handling>()
}

/// Answers with a text.
#[tool(read_only, idempotent)]
async fn test_simple_text() -> &'static str {
    "This is a simple text response for testing."
}

/// Answers with an image.
#[tool(read_only, idempotent)]
async fn test_image_content() -> CallResult {
    CallResult::default().with_content(ContentBlock::image(PNG, "image/png"))
}

/// Answers with a sound.
#[tool(read_only, idempotent)]
async fn test_audio_content() -> CallResult {
    CallResult::default().with_content(ContentBlock::Audio(AudioContent::new(WAV, "audio/wav")))
}

/// Answers with a resource.
#[tool(read_only, idempotent)]
async fn test_embedded_resource() -> CallResult {
    let resource =
        ResourceContents::text("This is an embedded resource content.", "test://embedded-resource")
            .with_mime_type("text/plain");
    CallResult::default().with_content(ContentBlock::resource(resource))
}

/// Answers with a text, an image and a resource.
#[tool(read_only, idempotent)]
async fn test_multiple_content_types() -> CallResult {
    let resource =
        ResourceContents::text(r#"{"test":"data","value":123}"#, "test://mixed-content-resource")
            .with_mime_type("application/json");
    CallResult::text("Multiple content types test:")
        .with_content(ContentBlock::image(PNG, "image/png"))
        .with_content(ContentBlock::resource(resource))
}

/// Fails in a way that the model is told about.
#[tool(read_only, idempotent)]
async fn test_error_handling() -> ToolResult<String> {
    Err(ToolError::new(
        ToolErrorKind::Unavailable,
        "This tool intentionally returns an error for testing",
    ))
}
