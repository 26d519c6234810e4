//! What a model sees of the server: every tool with its description and schemas.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use mcp_testing::{__private::block_on, Harness};

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
