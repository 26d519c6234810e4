//! A server with something of everything that a client has to show. The tests of `mcp` call it.

use std::process::ExitCode;

use mcp_serve::{
    CallResult, Elicited, OrToolError as _, Resource, Server, ToolContext, ToolErrorKind,
    ToolResult, content::image, prompt, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Adds two integers.
///
/// A sum that does not fit 64 bits is an error.
#[tool(read_only, idempotent)]
async fn add(
    /// The first number.
    a: i64,
    /// The second number.
    b: i64,
) -> ToolResult<i64> {
    a.checked_add(b).or_tool_error(ToolErrorKind::InvalidArguments, "the sum is too large")
}

/// Repeats a text.
#[tool(read_only, idempotent)]
async fn echo(text: String) -> String {
    text
}

/// Draws a dot.
#[tool(read_only, idempotent)]
async fn draw() -> CallResult {
    CallResult::default().with_content(image(b"a dot", "image/png"))
}

/// Counts, and says how far it is.
#[tool(read_only, idempotent)]
async fn count(n: u64, cx: &ToolContext) -> String {
    for step in 1..=n {
        cx.progress_of(step, n, format!("step {step}")).await;
    }
    format!("counted to {n}")
}

/// Never ends.
#[tool(read_only, idempotent)]
async fn wait() -> String {
    std::future::pending().await
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    /// How to call you.
    name: String,
}

/// Greets the user by name.
#[tool]
async fn greet(cx: &ToolContext) -> ToolResult<String> {
    Ok(match cx.elicit::<Name>("Who are you?").await? {
        Elicited::Accepted(Name { name }) => format!("Hello, {name}!"),
        _ => "Hello, whoever you are.".to_owned(),
    })
}

/// Asks for a review of a thing.
#[prompt]
async fn review(
    /// What to review.
    thing: String,
) -> String {
    format!("Please review {thing}.")
}

#[tokio::main]
async fn main() -> ExitCode {
    let server = Server::builder("desk", "1.0")
        .instructions("Ask for anything.")
        .tool::<add>()
        .tool::<echo>()
        .tool::<draw>()
        .tool::<count>()
        .tool::<wait>()
        .tool::<greet>()
        .resource(Resource::text("desk://note", "Note", "Do not forget.").mime_type("text/plain"))
        .prompt::<review>()
        .build();
    mcp_serve::run(server).await
}
