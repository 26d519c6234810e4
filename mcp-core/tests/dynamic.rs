//! Tools, prompts and resources that come and go: names, namespaces, layers, states.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mcp_core::{
    BuildError, Completing, DynamicPrompts, DynamicResources, DynamicTools, GetPrompt, Prompt,
    PromptMessages, Request, Resource, Server, ToolContext, ToolPack, ToolResult, prompt, tool,
};
use serde_json::json;
use tower::ServiceBuilder;

use crate::support::{call, modern, send};

/// Is there from the start.
#[tool]
async fn fixed() -> &'static str {
    "fixed"
}

/// Counts.
#[tool]
async fn count(#[state] counter: &AtomicUsize) -> usize {
    counter.fetch_add(1, Ordering::Relaxed) + 1
}

/// Takes a while.
#[tool(task)]
async fn slow() -> &'static str {
    "done"
}

/// Greets.
#[prompt]
async fn greet() -> &'static str {
    "Hello."
}

fn read(uri: &str) -> String {
    modern("resources/read", json!({ "uri": uri }))
}

#[tokio::test]
async fn what_is_added_has_the_state_the_namespace_and_the_layers_of_its_pack() {
    let seen = Arc::new(AtomicUsize::new(0));
    let layer = ServiceBuilder::new().map_request({
        let seen = Arc::clone(&seen);
        move |request: Request| {
            seen.fetch_add(1, Ordering::Relaxed);
            request
        }
    });
    let (tools, prompts, resources) =
        (DynamicTools::new(), DynamicPrompts::new(), DynamicResources::new());
    let pack = ToolPack::new("counter", AtomicUsize::new(41))
        .tool::<fixed_with_state>()
        .dynamic_tools(&tools)
        .dynamic_prompts(&prompts)
        .dynamic_resources(&resources)
        .namespaced("shop")
        .layer(layer);
    let server = Server::builder("test", "1").pack(pack).build();
    tools.add::<count>().unwrap();
    prompts.add::<Ask>().unwrap();
    resources
        .add_fn(Resource::new("test://count", "count"), |counter, _| async move {
            Ok(counter.load(Ordering::Relaxed).to_string())
        })
        .unwrap();

    assert_eq!(server.tool_names(), ["shop_fixed_with_state", "shop_count"]);
    assert_eq!(call(&server, "shop_count", json!({})).await.text(), "42");
    assert_eq!(call(&server, "shop_fixed_with_state", json!({})).await.text(), "42");
    let read = send(&server, read("test://count")).await;
    assert_eq!(read.result["contents"][0]["text"], "42");
    let get = modern("prompts/get", json!({ "name": "shop_ask", "arguments": { "what": "x" } }));
    assert_eq!(send(&server, get).await.result["messages"][0]["content"]["text"], "x of 42");
    let complete = modern(
        "completion/complete",
        json!({
            "ref": { "type": "ref/prompt", "name": "shop_ask" },
            "argument": { "name": "what", "value": "" },
        }),
    );
    let completed = send(&server, complete).await;
    assert_eq!(completed.result["completion"]["values"], json!(["all"]));
    assert_eq!(seen.load(Ordering::Relaxed), 5, "the layer sees each of them once");

    assert!(tools.remove("count"));
    assert!(!tools.remove("shop_count"));
    assert_eq!(server.tool_names(), ["shop_fixed_with_state"]);
}

/// Looks.
#[tool]
async fn fixed_with_state(#[state] counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}

/// Asks.
#[derive(Debug, Prompt)]
struct Ask {
    /// For what.
    #[prompt(complete)]
    what: String,
}

impl GetPrompt<AtomicUsize> for Ask {
    async fn get(self, counter: &AtomicUsize, _: &ToolContext) -> ToolResult<PromptMessages> {
        Ok(format!("{} of {}", self.what, counter.load(Ordering::Relaxed)).into())
    }

    async fn complete(_: &Completing, _: &AtomicUsize, _: &ToolContext) -> ToolResult<Vec<String>> {
        Ok(vec!["all".to_owned()])
    }
}

#[tokio::test]
async fn what_is_added_before_the_server_is_built_is_there() {
    let tools = DynamicTools::new();
    tools.add::<fixed>().unwrap();
    tools.add::<slow>().unwrap();
    assert!(tools.remove("slow"));
    assert!(!tools.remove("slow"));
    let server = Server::builder("test", "1").dynamic_tools(&tools).build();
    assert_eq!(server.tool_names(), ["fixed"]);
    assert_eq!(call(&server, "fixed", json!({})).await.text(), "fixed");
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_and_changes_nothing() {
    let (tools, other) = (DynamicTools::new(), DynamicTools::new());
    let resources = DynamicResources::<()>::new();
    let server = Server::builder("test", "1")
        .tool::<fixed>()
        .dynamic_tools(&tools)
        .dynamic_resources(&resources)
        .pack(ToolPack::new("other", ()).dynamic_tools(&other))
        .build();
    assert!(matches!(tools.add::<fixed>(), Err(BuildError::DuplicateTool { .. })));
    tools.add::<slow>().unwrap();
    let taken = other.add::<slow>();
    assert!(matches!(taken, Err(BuildError::DuplicateTool { first, second, .. })
        if first == "test" && second == "other"));
    assert!(matches!(
        resources.add(Resource::text("no uri", "none", "")),
        Err(BuildError::InvalidUri { .. })
    ));
    assert_eq!(server.tool_names(), ["fixed", "slow"]);
}

#[test]
fn what_was_added_before_and_is_invalid_fails_the_building() {
    let tools = DynamicTools::new();
    tools.add::<fixed>().unwrap();
    let built = Server::builder("test", "1").tool::<fixed>().dynamic_tools(&tools).try_build();
    assert!(matches!(built, Err(BuildError::DuplicateTool { .. })));
}

#[test]
fn a_handle_has_one_place() {
    let tools = DynamicTools::new();
    let built = Server::builder("test", "1")
        .dynamic_tools(&tools)
        .pack(ToolPack::new("other", ()).dynamic_tools(&tools))
        .try_build();
    assert!(matches!(built, Err(BuildError::DynamicTwice { .. })));
}

#[tokio::test]
async fn prompts_that_may_come_are_prompts() {
    let prompts = DynamicPrompts::<()>::new();
    let server = Server::builder("test", "1").dynamic_prompts(&prompts).build();
    let listed = send(&server, modern("prompts/list", json!({}))).await;
    assert_eq!(listed.result["prompts"], json!([]));
    let get = modern("prompts/get", json!({ "name": "greet" }));
    assert_eq!(send(&server, get.clone()).await.code(), -32602);
    prompts.add::<greet>().unwrap();
    assert_eq!(send(&server, get).await.result["messages"][0]["content"]["text"], "Hello.");
}

#[tokio::test]
async fn a_handle_does_not_keep_its_server() {
    /// Tells of its end.
    struct State(Arc<AtomicUsize>, DynamicTools<State>);
    impl Drop for State {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let tools = DynamicTools::new();
    let state = State(Arc::clone(&dropped), tools.clone());
    let server = Server::builder("test", "1")
        .pack(ToolPack::new("state", state).dynamic_tools(&tools))
        .build();
    tools.add_dyn_of_state();
    assert_eq!(server.tool_names().len(), 1);
    drop(server);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    tools.add_dyn_of_state();

    trait AddOfState {
        fn add_dyn_of_state(&self);
    }
    impl AddOfState for DynamicTools<State> {
        fn add_dyn_of_state(&self) {
            self.add::<whose>().unwrap();
        }
    }
    /// Uses the state.
    #[tool]
    async fn whose(#[state] state: &State) -> bool {
        !state.1.remove("nothing")
    }
}

#[tokio::test]
async fn a_tool_that_is_added_may_make_tasks() {
    let tools = DynamicTools::new();
    let server = Server::builder("test", "1").dynamic_tools(&tools).build();
    let discovered = send(&server, modern("server/discover", json!({}))).await;
    let extensions = &discovered.result["capabilities"]["extensions"];
    assert!(extensions["io.modelcontextprotocol/tasks"].is_object(), "{extensions}");
    tools.add::<slow>().unwrap();
    let meta = json!({ "io.modelcontextprotocol/clientCapabilities": {
        "extensions": { "io.modelcontextprotocol/tasks": {} },
    }});
    let called = modern("tools/call", json!({ "name": "slow", "_meta": meta }));
    assert_eq!(send(&server, called).await.result["resultType"], "task");
}

#[tokio::test]
async fn pages_are_those_of_the_list_as_it_is_now() {
    let tools = DynamicTools::new();
    let server =
        Server::builder("test", "1").tool::<fixed>().dynamic_tools(&tools).page_size(1).build();
    let list = async |cursor: Option<&str>| {
        let mut params = json!({});
        if let Some(cursor) = cursor {
            params["cursor"] = cursor.into();
        }
        send(&server, modern("tools/list", params)).await
    };
    assert!(list(None).await.result.get("nextCursor").is_none());
    tools.add::<slow>().unwrap();
    let cursor = list(None).await.result["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(list(Some(&cursor)).await.result["tools"][0]["name"], "slow");
    tools.remove("slow");
    assert_eq!(list(Some(&cursor)).await.code(), -32602);
}
