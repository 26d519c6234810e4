//! What clients are told of without a call, over every transport and in both eras.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Mutex;

use mcp_core::{
    Call, DynamicPrompts, DynamicResources, DynamicTools, Notifier, Resource, Server, Tool,
    ToolContext, ToolPack, ToolResult, prompt, tool,
};
use mcp_testing::{Changed, Harness};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Says hello.
#[tool]
async fn hello() -> &'static str {
    "Hello."
}

/// Greets.
#[prompt]
async fn greet() -> &'static str {
    "Say hello."
}

/// What the tools change.
struct Workshop {
    tools: DynamicTools,
    prompts: DynamicPrompts,
    resources: DynamicResources,
    note: Mutex<String>,
    notifier: Notifier,
}

/// Adds or removes everything that comes and goes.
#[derive(Deserialize, Serialize, JsonSchema, Tool)]
struct Change {
    /// Whether it comes.
    add: bool,
}

impl Call<Workshop> for Change {
    type Output = bool;

    async fn call(self, workshop: &Workshop, _: &ToolContext) -> ToolResult<bool> {
        let Workshop { tools, prompts, resources, .. } = workshop;
        if self.add {
            let added = tools
                .add::<hello>()
                .and_then(|()| prompts.add::<greet>())
                .and_then(|()| resources.add(Resource::text("test://new", "new", "Fresh.")));
            return Ok(added.is_ok());
        }
        Ok(tools.remove("hello") & prompts.remove("greet") & resources.remove("test://new"))
    }
}

/// Writes a note.
#[derive(Deserialize, Serialize, JsonSchema, Tool)]
struct Write {
    /// The note.
    text: String,
}

impl Call<Workshop> for Write {
    type Output = ();

    async fn call(self, workshop: &Workshop, _: &ToolContext) -> ToolResult<()> {
        *workshop.note.lock().unwrap() = self.text;
        workshop.notifier.resource_updated("test://note");
        workshop.notifier.resource_updated("test://unheard");
        Ok(())
    }
}

fn server() -> Server {
    let builder = Server::builder("workshop", "1.0");
    let workshop = Workshop {
        tools: DynamicTools::new(),
        prompts: DynamicPrompts::new(),
        resources: DynamicResources::new(),
        note: Mutex::default(),
        notifier: builder.notifier(),
    };
    let builder = builder
        .dynamic_tools(&workshop.tools)
        .dynamic_prompts(&workshop.prompts)
        .dynamic_resources(&workshop.resources);
    let pack = ToolPack::new("workshop", workshop).tool::<Change>().tool::<Write>().resource_fn(
        Resource::new("test://note", "note").mime_type("text/plain"),
        |workshop, _| async move { Ok(workshop.note.lock().unwrap().clone()) },
    );
    builder.pack(pack).build()
}

async fn names(mcp: &Harness) -> (Vec<String>, Vec<String>, Vec<String>) {
    let tools = mcp.list_tools().await.into_iter().map(|tool| tool.name.into_owned());
    let prompts = mcp.list_prompts().await.into_iter().map(|prompt| prompt.name);
    let resources = mcp.list_resources().await.into_iter().map(|resource| resource.uri);
    (tools.collect(), prompts.collect(), resources.collect())
}

#[mcp_testing::test(server())]
async fn what_comes_and_goes_is_told_listed_and_served(mcp: Harness) {
    assert_eq!(names(&mcp).await.0, ["change", "write"]);
    let unknown = mcp.try_call("hello", json!({})).await.unwrap_err();
    assert_eq!(unknown.code, -32602);

    let mut changes = mcp.listen(&[]).await;
    assert_eq!(mcp.call(Change { add: true }).await.text(), "true");
    for expected in [Changed::Tools, Changed::Prompts, Changed::Resources] {
        assert_eq!(changes.next().await, Some(expected));
    }
    let (tools, prompts, resources) = names(&mcp).await;
    assert_eq!(tools, ["change", "write", "hello"]);
    assert_eq!(prompts, ["greet"]);
    assert_eq!(resources, ["test://note", "test://new"]);
    assert_eq!(mcp.try_call("hello", json!({})).await.unwrap().text(), "Hello.");
    assert_eq!(mcp.get_prompt("greet", json!({})).await.messages.len(), 1);
    assert_eq!(mcp.read_resource("test://new").await.len(), 1);

    assert_eq!(mcp.call(Change { add: false }).await.text(), "true");
    for expected in [Changed::Tools, Changed::Prompts, Changed::Resources] {
        assert_eq!(changes.next().await, Some(expected));
    }
    assert_eq!(names(&mcp).await.0, ["change", "write"]);
    assert_eq!(mcp.try_call("hello", json!({})).await.unwrap_err().code, -32602);
    assert!(mcp.try_read_resource("test://new").await.is_err());
}

#[mcp_testing::test(server())]
async fn a_subscriber_hears_of_its_resources_only(mcp: Harness) {
    let mut changes = mcp.listen(&["test://note"]).await;
    mcp.call(Write { text: "one".to_owned() }).await;
    assert_eq!(changes.next().await, Some(Changed::Resource("test://note".to_owned())));
    let note: Value = serde_json::to_value(&mcp.read_resource("test://note").await[0]).unwrap();
    assert_eq!(note["text"], "one");
    // What nobody subscribed to would have come in between.
    mcp.call(Write { text: "two".to_owned() }).await;
    assert_eq!(changes.next().await, Some(Changed::Resource("test://note".to_owned())));
}
