//! Putting a server together: names, namespaces, scopes, and what cannot be built.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::{
    cell::RefCell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use mcp_core::{
    BuildError, Call, ErrorKind, Principal, Server, Tool, ToolContext, ToolDefinition, ToolPack,
    ToolResult, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::support::{call, gather, listed, modern_call, request};

/// Answers.
#[tool(scopes = ["math:read", "math:answer"])]
async fn answer() -> u32 {
    42
}

/// Says who calls.
#[tool]
async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or("nobody", Principal::subject).to_owned()
}

fn pack(name: &'static str) -> ToolPack<()> {
    ToolPack::new(name, ()).tool::<answer>()
}

#[test]
fn two_packs_with_one_tool_are_both_named() {
    let error = Server::builder("test", "1")
        .pack(pack("algebra"))
        .pack(pack("trivia"))
        .try_build()
        .unwrap_err();
    assert!(matches!(error, BuildError::DuplicateTool { .. }));
    let text = error.to_string();
    for part in ["`answer`", "`algebra`", "`trivia`", "ToolPack::namespaced"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn the_servers_own_tools_count_too() {
    let error = Server::builder("test", "1").tool::<answer>().pack(pack("trivia")).try_build();
    assert!(matches!(error, Err(BuildError::DuplicateTool { first, second, .. })
        if first == "test" && second == "trivia"));
    let error = Server::builder("test", "1").pack(pack("a").tool::<answer>()).try_build();
    assert!(matches!(error, Err(BuildError::DuplicateTool { .. })));
}

#[tokio::test]
async fn a_namespace_tells_packs_apart() {
    let server = Server::builder("test", "1")
        .pack(pack("algebra").namespaced("algebra"))
        .pack(pack("trivia"))
        .build();
    assert_eq!(server.tool_names(), ["algebra_answer", "answer"]);
    assert_eq!(listed(&server).await[0]["name"], "algebra_answer");
    assert_eq!(call(&server, "algebra_answer", json!({})).await.text(), "42");
    let answer = call(&server, "algebra_answer", json!({ "n": 1 })).await;
    assert!(answer.tool_error().contains("`algebra_answer`"));
}

/// Totals.
#[tool(aliases = ["get-total", "sum"])]
async fn get_total() -> u32 {
    7
}

#[tokio::test]
async fn an_alias_is_called_and_not_listed() {
    let server = Server::builder("test", "1").tool::<get_total>().build();
    assert_eq!(server.tool_names(), ["get_total"]);
    assert_eq!(listed(&server).await.len(), 1);
    for name in ["get_total", "get-total", "sum"] {
        assert_eq!(call(&server, name, json!({})).await.text(), "7");
    }
    let answer = call(&server, "get-total", json!({ "n": 1 })).await;
    assert!(answer.tool_error().contains("`get_total`"));
}

#[tokio::test]
async fn a_namespace_prefixes_aliases() {
    let pack = ToolPack::new("math", ()).tool::<get_total>().namespaced("math");
    let server = Server::builder("test", "1").pack(pack).build();
    assert_eq!(call(&server, "math_get-total", json!({})).await.text(), "7");
    assert!(call(&server, "get-total", json!({})).await.kind.is_some());
}

#[test]
fn an_alias_that_is_another_tools_name_is_a_duplicate() {
    /// Sums.
    #[tool]
    async fn sum() -> u32 {
        1
    }

    for server in [
        Server::builder("test", "1").tool::<sum>().tool::<get_total>(),
        Server::builder("test", "1").tool::<get_total>().tool::<sum>(),
    ] {
        let error = server.try_build().unwrap_err();
        assert!(matches!(error, BuildError::DuplicateTool { tool, .. } if tool == "sum"));
    }
}

#[test]
fn a_namespace_makes_no_name_that_clients_refuse() {
    for namespace in ["sales & more", "größe", &"x".repeat(128)] {
        let error =
            Server::builder("test", "1").pack(pack("algebra").namespaced(namespace)).try_build();
        assert!(matches!(error, Err(BuildError::InvalidName { pack, .. }) if pack == "algebra"));
    }
}

/// Its definition is written by hand, and wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
struct NoObject(#[expect(dead_code, reason = "only its schema counts")] u32);

impl Tool for NoObject {
    const NAME: &'static str = "no_object";

    fn definition() -> ToolDefinition {
        ToolDefinition::new::<Self>(Self::NAME, "Takes a number.")
    }
}

impl Call<()> for NoObject {
    type Output = ();

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<()> {
        Ok(())
    }
}

#[test]
fn arguments_that_are_no_object_cannot_be_built() {
    let error = Server::builder("test", "1").tool::<NoObject>().try_build().unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, BuildError::InvalidSchema { .. }));
    assert!(text.contains("`test`") && text.contains("`no_object`"), "{text}");
}

/// A level.
#[derive(Debug, Deserialize, JsonSchema)]
enum Level {
    /// Low.
    Low,
    /// High.
    High,
}

/// Has a header that the macro cannot know to be wrong.
#[derive(Debug, Deserialize, JsonSchema, Tool)]
#[allow(dead_code, reason = "only its schema counts")]
struct WrongHeader {
    /// How much.
    #[tool(header = "Level")]
    level: Level,
}

impl Call<()> for WrongHeader {
    type Output = ();

    async fn call(self, (): &(), _: &ToolContext) -> ToolResult<()> {
        Ok(())
    }
}

/// Where `build` panics, and with what.
fn panic_of(build: impl FnOnce()) -> (String, u32, String) {
    thread_local!(static PLACE: RefCell<Option<(String, u32)>> = const { RefCell::new(None) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let place = info.location().map(|place| (place.file().to_owned(), place.line()));
            PLACE.set(place);
            usual(info);
        }));
    });
    let message = panic::catch_unwind(AssertUnwindSafe(build)).unwrap_err();
    let message = message
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| message.downcast_ref::<&str>().map(ToString::to_string));
    let (file, line) = PLACE.take().unwrap();
    (file, line, message.unwrap())
}

#[test]
fn panics_while_building_point_at_the_callers_line() {
    let twice = Server::builder("test", "1").pack(pack("a")).pack(pack("b"));
    let place = panic_of(|| drop(twice.build()));
    assert_eq!((place.0.as_str(), place.1), (file!(), line!() - 1));
    assert!(place.2.contains("two tools are named `answer`"));

    let place = panic_of(|| drop(Server::builder("test", "1").page_size(0)));
    assert_eq!((place.0.as_str(), place.1), (file!(), line!() - 1));

    let server = Server::builder("test", "1").tool::<WrongHeader>();
    let place = panic_of(|| drop(server.build()));
    assert_eq!(place.0, file!());
    assert!(place.2.contains("argument `level` of tool `wrong_header` cannot be a header"));
}

#[tokio::test]
async fn a_caller_needs_every_scope_of_a_tool() {
    let server = Server::builder("test", "1").tool::<answer>().tool::<whoami>().build();
    let ask = async |tool, scopes: Option<&[&'static str]>| {
        let mut request = request(modern_call(tool, json!({})));
        if let Some(scopes) = scopes {
            request.extensions_mut().insert(Principal::new("ada", scopes.iter().copied()));
        }
        gather(server.call(request)).await
    };
    assert_eq!(ask("answer", Some(&["math:read", "math:answer"])).await.text(), "42");
    assert_eq!(ask("whoami", Some(&[])).await.text(), "ada");
    for scopes in [&[][..], &["math:read"], &["math:answer"], &["MATH:READ", "math:answer"]] {
        let answer = ask("answer", Some(scopes)).await;
        assert_eq!((answer.code(), answer.kind), (-31403, Some(ErrorKind::Forbidden)));
        assert_eq!(answer.kind.unwrap().http_status(), 403);
        assert_eq!(answer.error["data"]["requiredScopes"], json!(["math:read", "math:answer"]));
    }
    // Where nobody is authenticated, there is nobody to refuse.
    assert_eq!(ask("answer", None).await.text(), "42");
    assert_eq!(ask("whoami", None).await.text(), "nobody");
}

#[tokio::test]
async fn scopes_are_checked_inside_the_layers() {
    let layer = tower::util::MapRequestLayer::new(|mut request: mcp_core::Request| {
        request.extensions_mut().insert(Principal::new("ada", ["math:read"]));
        request
    });
    let server = Server::builder("test", "1").tool::<answer>().layer(layer).build();
    assert_eq!(call(&server, "answer", json!({})).await.code(), -31403);
}
