//! Resources and prompts that ask their client first.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use mcp_core::{
    Completing, Contents, GetPrompt, Prompt, PromptMessages, ReadResource, Resource,
    ResourceTemplate, Server, ToolContext, ToolPack, ToolResult,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, assert_is, modern, send};

#[derive(Debug, Deserialize, JsonSchema)]
struct Name {
    name: String,
}

async fn ask(cx: &ToolContext) -> ToolResult<String> {
    let answer = cx.question("who").elicit::<Name>("What is your name?").await?;
    Ok(answer.accepted().map_or_else(|| "nobody".to_owned(), |form| form.name))
}

/// Asks for a name.
#[derive(Prompt)]
struct Greet {
    /// How to greet.
    #[prompt(complete)]
    how: String,
}

impl GetPrompt<()> for Greet {
    async fn get(self, (): &(), cx: &ToolContext) -> ToolResult<PromptMessages> {
        Ok(format!("{}, {}!", self.how, ask(cx).await?).into())
    }

    async fn complete(_: &Completing, (): &(), cx: &ToolContext) -> ToolResult<Vec<String>> {
        Ok(vec![ask(cx).await?])
    }
}

/// The page of someone who is asked for.
#[derive(ResourceTemplate)]
#[resource(uri = "pages://{number}")]
struct Page {
    number: u32,
}

impl ReadResource<()> for Page {
    async fn read(self, (): &(), cx: &ToolContext) -> ToolResult<Contents> {
        Ok(Contents::text(format!("{} of {}", self.number, ask(cx).await?)))
    }
}

fn server() -> Server {
    Server::builder("asking", "1")
        .pack(ToolPack::new("asking", ()).prompt::<Greet>().template::<Page>().resource_fn(
            Resource::new("front://page", "front"),
            |_, cx| async move { ask(&cx).await },
        ))
        .build()
}

async fn answered(server: &Server, method: &str, params: &Value, extra: Value) -> Answer {
    let mut params = params.clone();
    params.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    params["_meta"] = json!({
        "io.modelcontextprotocol/clientCapabilities": { "elicitation": { "form": {} } },
    });
    send(server, modern(method, params)).await
}

#[tokio::test]
async fn prompts_and_resources_ask_and_are_asked_for_again() {
    let server = server();
    for (method, params, path, expected) in [
        (
            "prompts/get",
            json!({ "name": "greet", "arguments": { "how": "Hello" } }),
            "/messages/0/content/text",
            "Hello, Ada!",
        ),
        ("resources/read", json!({ "uri": "pages://7" }), "/contents/0/text", "7 of Ada"),
        ("resources/read", json!({ "uri": "front://page" }), "/contents/0/text", "Ada"),
    ] {
        let asked = answered(&server, method, &params, json!({})).await;
        assert_eq!(asked.result["resultType"], "input_required", "{}", asked.message);
        assert_is("InputRequiredResult", &asked.result);
        let state = asked.result["requestState"].clone();
        let responses = json!({ "who": { "action": "accept", "content": { "name": "Ada" } } });
        let extra = json!({ "inputResponses": responses, "requestState": state });
        let done = answered(&server, method, &params, extra).await;
        assert_eq!(done.result.pointer(path), Some(&expected.into()), "{}", done.message);

        let other = json!({ "name": "greet", "uri": "other://page", "arguments": { "how": "Hi" } });
        let extra = json!({ "inputResponses": responses, "requestState": state });
        let refused = answered(&server, "prompts/get", &other, extra).await;
        assert_eq!(refused.code(), -32602, "the state of {method} was taken for another request");
    }
}

#[tokio::test]
async fn a_client_that_is_typing_cannot_be_asked() {
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "greet" },
        "argument": { "name": "how", "value": "" },
    });
    let answer = answered(&server(), "completion/complete", &params, json!({})).await;
    assert_eq!(answer.code(), -32603, "{}", answer.message);
}
