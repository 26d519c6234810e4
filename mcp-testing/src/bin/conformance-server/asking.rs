//! Tools that ask the client something before they answer.

#![allow(deprecated, reason = "sampling and roots are deprecated, and the suites still test them")]

use mcp_core::{
    Elicited, ServerBuilder, ToolContext, ToolResult,
    model::{CreateMessageRequestParams, CreateMessageResult, SamplingMessage},
    tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool::<test_sampling>()
        .tool::<test_elicitation>()
        .tool::<test_elicitation_sep1034_defaults>()
        .tool::<test_elicitation_sep1330_enums>()
        .tool::<test_streaming_elicitation>()
        .tool::<test_missing_capability>()
        .tool::<test_input_required_result_elicitation>()
        .tool::<test_input_required_result_sampling>()
        .tool::<test_input_required_result_list_roots>()
        .tool::<test_input_required_result_request_state>()
        .tool::<test_input_required_result_tampered_state>()
        .tool::<test_input_required_result_multiple_inputs>()
        .tool::<test_input_required_result_multi_round>()
        .tool::<test_input_required_result_capabilities>()
}

/// What the user made of a question, as the suites want it told.
fn told<F: Serialize>(what: &str, elicited: &Elicited<F>) -> ToolResult<String> {
    let (action, content) = match elicited {
        Elicited::Accepted(form) => ("accept", serde_json::to_string(form)?),
        Elicited::Declined => ("decline", "{}".to_owned()),
        Elicited::Cancelled => ("cancel", "{}".to_owned()),
    };
    Ok(format!("{what}: action={action}, content={content}"))
}

fn prompt(text: &str) -> CreateMessageRequestParams {
    CreateMessageRequestParams::new(vec![SamplingMessage::user_text(text)], 100)
}

fn text_of(result: &CreateMessageResult) -> &str {
    let content = result.message.content.first();
    content.and_then(|content| content.as_text()).map_or("", |text| &text.text)
}

/// Asks the client's model.
#[tool]
async fn test_sampling(
    cx: &ToolContext,
    /// What to ask it.
    prompt: String,
) -> ToolResult<String> {
    let result = cx.sample(self::prompt(&prompt)).await?;
    Ok(format!("LLM response: {}", text_of(&result)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Person {
    /// User's response
    username: String,
    /// User's email address
    email: String,
}

/// Asks the user for a name and an address.
#[tool]
async fn test_elicitation(
    cx: &ToolContext,
    /// What to say to the user.
    message: String,
) -> ToolResult<String> {
    told("User response", &cx.elicit::<Person>(message).await?)
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default)]
struct Defaults {
    /// User's name
    name: String,
    /// User's age
    age: u32,
    /// User's score
    score: f64,
    /// User's status
    status: Status,
    /// Whether the user is verified
    verified: bool,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    Active,
    Inactive,
    Pending,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            name: "John Doe".to_owned(),
            age: 30,
            score: 95.5,
            status: Status::Active,
            verified: true,
        }
    }
}

/// Asks the user with a form in which everything has a default.
#[tool]
async fn test_elicitation_sep1034_defaults(cx: &ToolContext) -> ToolResult<String> {
    let message = "Please provide values (all have defaults)";
    told("Elicitation completed", &cx.elicit::<Defaults>(message).await?)
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Choices {
    untitled_single: Option<Untitled>,
    titled_single: Option<Titled>,
    #[schemars(extend("enumNames" = ["Option One", "Option Two", "Option Three"]))]
    legacy_enum: Legacy,
    untitled_multi: Vec<Untitled>,
    titled_multi: Vec<Titled>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Untitled {
    Option1,
    Option2,
    Option3,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Titled {
    /// First Option
    Value1,
    /// Second Option
    Value2,
    /// Third Option
    Value3,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Legacy {
    Opt1,
    Opt2,
    Opt3,
}

/// Asks the user with a form of choices, one of each kind.
#[tool]
async fn test_elicitation_sep1330_enums(cx: &ToolContext) -> ToolResult<String> {
    told("Elicitation completed", &cx.elicit::<Choices>("Please choose").await?)
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Value {
    value: String,
}

/// Asks the user after it has reported progress.
#[tool]
async fn test_streaming_elicitation(cx: &ToolContext) -> ToolResult<String> {
    cx.progress(0.5, "about to ask").await;
    told("Elicitation completed", &cx.elicit::<Value>("Provide a value").await?)
}

/// Needs a client whose model can be asked.
#[tool]
async fn test_missing_capability(cx: &ToolContext) -> ToolResult<String> {
    let result = cx.sample(prompt("Say anything")).await?;
    Ok(format!("LLM response: {}", text_of(&result)))
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Color {
    color: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Confirmation {
    ok: bool,
}

async fn user_name(cx: &ToolContext) -> ToolResult<String> {
    let name = cx.question("user_name").elicit::<Name>("What is your name?").await?;
    Ok(name.accepted().map_or_else(|| "friend".to_owned(), |name| name.name))
}

/// Asks for a name.
#[tool]
async fn test_input_required_result_elicitation(cx: &ToolContext) -> ToolResult<String> {
    Ok(format!("Hello, {}!", user_name(cx).await?))
}

/// Asks the client's model for a capital.
#[tool]
async fn test_input_required_result_sampling(cx: &ToolContext) -> ToolResult<String> {
    let question = prompt("What is the capital of France?");
    let answer = cx.question("capital_question").sample(question).await?;
    Ok(format!("Sampling response: {}", text_of(&answer)))
}

async fn roots(cx: &ToolContext) -> ToolResult<String> {
    let roots = cx.question("client_roots").roots().await?;
    Ok(roots.iter().map(|root| root.uri.as_str()).collect::<Vec<_>>().join(", "))
}

/// Asks the client for its roots.
#[tool]
async fn test_input_required_result_list_roots(cx: &ToolContext) -> ToolResult<String> {
    Ok(format!("Client roots: [{}]", roots(cx).await?))
}

async fn confirmed(cx: &ToolContext) -> ToolResult<String> {
    // Kept in `requestState` while the client is asked.
    let stage: String = cx.step("stage", async { Ok("state-ok".to_owned()) }).await?;
    let answer = cx.question("confirm").elicit::<Confirmation>("Please confirm").await?;
    let ok = answer.accepted().is_some_and(|confirmation| confirmation.ok);
    Ok(format!("Confirmed ({ok}): {stage}"))
}

/// Asks for a confirmation, and remembers what it did before.
#[tool]
async fn test_input_required_result_request_state(cx: &ToolContext) -> ToolResult<String> {
    confirmed(cx).await
}

/// Asks for a confirmation; the suites change what it remembers.
#[tool]
async fn test_input_required_result_tampered_state(cx: &ToolContext) -> ToolResult<String> {
    confirmed(cx).await
}

async fn greeting(cx: &ToolContext) -> ToolResult<String> {
    let greeting = cx.question("greeting").sample(prompt("Generate a greeting")).await?;
    Ok(text_of(&greeting).to_owned())
}

/// Asks the user, the model and the client at once.
#[tool]
async fn test_input_required_result_multiple_inputs(cx: &ToolContext) -> ToolResult<String> {
    let (name, greeting, roots) = tokio::try_join!(user_name(cx), greeting(cx), roots(cx))?;
    Ok(format!("{greeting} {name}, with the roots [{roots}]"))
}

/// Asks twice, one after the other.
#[tool]
async fn test_input_required_result_multi_round(cx: &ToolContext) -> ToolResult<String> {
    let name = cx.question("step1").elicit::<Name>("Step 1: What is your name?").await?;
    let color =
        cx.question("step2").elicit::<Color>("Step 2: What is your favorite color?").await?;
    let name = name.accepted().map_or_else(String::new, |name| name.name);
    let color = color.accepted().map_or_else(String::new, |color| color.color);
    Ok(format!("{name} likes {color}"))
}

/// Asks for whatever the client can be asked.
#[tool]
async fn test_input_required_result_capabilities(cx: &ToolContext) -> ToolResult<String> {
    let client = cx.client_capabilities();
    let mut told = Vec::new();
    if client.elicitation.is_some() {
        told.push(user_name(cx).await?);
    }
    if client.sampling.is_some() {
        told.push(greeting(cx).await?);
    }
    if client.roots.is_some() {
        told.push(roots(cx).await?);
    }
    Ok(format!("The client said: {}", told.join("; ")))
}
