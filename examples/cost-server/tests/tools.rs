//! What a model sees of the server: every tool with its description and schemas.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use mcp_testing::{__private::block_on, Harness};
use serde_json::json;

/// After an intended change, copy the file that this test names over `tools.json`.
#[test]
fn the_tools_are_those_of_the_snapshot() {
    block_on(async {
        let server = cost_server::server();
        let tools = Harness::in_memory(server).await.list_tools().await;
        let seen = format!("{}\n", serde_json::to_string_pretty(&tools).unwrap());
        if seen != include_str!("tools.json") {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools.json");
            std::fs::write(&path, seen).unwrap();
            panic!("the tools have changed; as they are now: {}", path.display());
        }
    });
}

/// As in the servers that this one follows: `get-cost-breakdown`, `text-analyzer` and so on.
#[test]
fn every_tool_answers_to_its_name_with_hyphens_and_is_listed_once() {
    block_on(async {
        let mcp = Harness::in_memory(cost_server::server()).await;
        let names: Vec<String> =
            mcp.list_tools().await.into_iter().map(|tool| tool.name.to_string()).collect();
        assert!(names.iter().all(|name| !name.contains('-')), "{names:?}");
        for name in names.iter().filter(|name| name.contains('_')) {
            // An argument that no tool has, so that nothing is asked of AWS.
            let outcome = mcp.try_call(&name.replace('_', "-"), json!({ "no-such": 1 })).await;
            let error = outcome.expect("the name is known").tool_error();
            assert!(error.contains("no-such"), "{name}: {error}");
        }
    });
}
