//! Prompts that the suites get by name.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mcp_core::{
    PromptMessages, ServerBuilder, ToolContext, ToolResult,
    content::{embedded_text, image},
    prompt,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::content::PNG;

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .prompt::<test_simple_prompt>()
        .prompt::<test_prompt_with_arguments>()
        .prompt::<test_prompt_with_embedded_resource>()
        .prompt::<test_prompt_with_image>()
        .prompt::<test_input_required_result_prompt>()
}

/// A prompt without arguments.
#[prompt]
async fn test_simple_prompt() -> String {
    "This is a simple prompt for testing.".to_owned()
}

/// A prompt that repeats its arguments.
#[prompt]
async fn test_prompt_with_arguments(
    /// First test argument
    #[prompt(values = ["paris", "park", "party"])]
    arg1: String,
    /// Second test argument
    arg2: String,
) -> String {
    format!("Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")
}

/// A prompt that carries a resource.
#[prompt]
async fn test_prompt_with_embedded_resource(
    /// URI of the resource to embed
    #[prompt(name = "resourceUri")]
    resource_uri: String,
) -> PromptMessages {
    PromptMessages::new()
        .user(embedded_text(resource_uri, "text/plain", "Embedded resource content for testing."))
        .user("Please process the embedded resource above.")
}

/// A prompt that carries an image.
#[prompt]
async fn test_prompt_with_image() -> PromptMessages {
    let png = BASE64_STANDARD.decode(PNG).unwrap_or_default();
    PromptMessages::new().user(image(png, "image/png")).user("Please analyze the image above.")
}

#[derive(Deserialize, JsonSchema)]
struct Context {
    context: String,
}

/// A prompt that asks the user what it is to be about.
#[prompt]
async fn test_input_required_result_prompt(cx: &ToolContext) -> ToolResult<String> {
    let question = cx.question("user_context");
    let context = question.elicit::<Context>("What context should the prompt use?").await?;
    let context = context.accepted().map_or_else(|| "none".to_owned(), |form| form.context);
    Ok(format!("Prompt with elicited context: {context}"))
}
