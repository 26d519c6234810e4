//! Tools of the tasks extension.

use std::{env, time::Duration};

use mcp_core::{
    Elicited, ServerBuilder, ToolContext, ToolError, ToolErrorKind, ToolResult, tasks::TaskOptions,
    tool,
};
use mcp_state_aws::{DynamoDbTaskStore, LambdaTaskRunner};
use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) fn add(server: ServerBuilder) -> ServerBuilder {
    server
        .tool::<greet>()
        .tool::<slow_compute>()
        .tool::<failing_job>()
        .tool::<protocol_error_job>()
        .tool::<confirm_delete>()
        .tool::<multi_input>()
        .tool::<test_tool_with_task>()
        .tasks(options())
}

/// Tasks in memory, or in the table of DynamoDB that `TASK_TABLE` names: where requests reach several
/// processes. A function of AWS Lambda works on them in invocations of their own.
fn options() -> TaskOptions {
    let Ok(table) = env::var("TASK_TABLE") else { return TaskOptions::new() };
    let tasks = TaskOptions::new().store(DynamoDbTaskStore::new(table));
    if env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        tasks.runner(LambdaTaskRunner::new())
    } else {
        tasks
    }
}

/// Greets someone, and is never a task.
#[tool(read_only, idempotent)]
async fn greet(
    /// Whom to greet.
    name: String,
) -> String {
    format!("Hello, {name}!")
}

/// Computes for some seconds.
#[tool(task, read_only, idempotent)]
async fn slow_compute(
    cx: &ToolContext,
    /// How long, in seconds.
    #[schemars(range(max = 3600))]
    seconds: u64,
    /// A name for the computation.
    label: Option<String>,
) -> String {
    let label = label.unwrap_or_else(|| "nameless".to_owned());
    cx.progress(0.0, format!("computing {label}")).await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    format!("computed {label} for {seconds} s")
}

/// Fails as a tool does, after a second; always a task.
#[tool(task = "required")]
async fn failing_job() -> ToolResult<String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Err(ToolError::new(ToolErrorKind::Unavailable, "the job failed"))
}

/// Fails as a server does: it panics.
#[tool(task)]
async fn protocol_error_job() -> String {
    tokio::time::sleep(Duration::from_millis(50)).await;
    panic!("this job always panics")
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    /// Whether to go on.
    confirm: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Person {
    /// What the user is called.
    name: String,
}

/// Deletes nothing, once the user has agreed to it.
#[tool(task, read_only, idempotent)]
async fn confirm_delete(
    cx: &ToolContext,
    /// The file that is not deleted.
    filename: String,
) -> ToolResult<String> {
    let question = format!("Delete {filename}?");
    Ok(match cx.elicit::<Confirmation>(question).await? {
        Elicited::Accepted(Confirmation { confirm: true }) => format!("deleted {filename}"),
        _ => format!("kept {filename}"),
    })
}

/// Asks two questions at once.
#[tool(task, read_only, idempotent)]
async fn multi_input(cx: &ToolContext) -> ToolResult<String> {
    let (person, confirmation) = tokio::try_join!(
        cx.elicit::<Person>("What is your name?"),
        cx.elicit::<Confirmation>("Do you agree?"),
    )?;
    let name = person.accepted().map_or_else(|| "somebody".to_owned(), |person| person.name);
    let agrees = confirmation.accepted().is_some_and(|confirmation| confirmation.confirm);
    Ok(format!("{name} {}", if agrees { "agrees" } else { "does not agree" }))
}

/// Asks for a name, then greets it as a task.
#[tool(task = "on_demand", read_only, idempotent)]
async fn test_tool_with_task(cx: &ToolContext) -> ToolResult<String> {
    let person = cx.question("user_name").elicit::<Person>("What is your name?").await?;
    cx.continue_as_task().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let name = person.accepted().map_or_else(|| "somebody".to_owned(), |person| person.name);
    Ok(format!("Hello, {name}!"))
}
