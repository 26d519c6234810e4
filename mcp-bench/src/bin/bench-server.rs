//! Our side of the comparison: a server as any user writes it.
//!
//! `BENCH_TOOLS=N` adds tools until there are N. `BENCH_WITH=cache` answers `add` out of a cache where it
//! can, `BENCH_WITH=no-schema` has a schema for it that everything fits.

use std::{process::ExitCode, time::Duration};

use mcp_layers::ResponseCacheLayer;
use mcp_serve::{
    CallResult, DynTool, Server, ToolContext, ToolDefinition, ToolError, ToolErrorKind, ToolPack,
    ToolResult, model, tool,
};
use serde_json::{Map, Value};

/// Adds two integers.
#[tool(read_only, idempotent)]
async fn add(
    /// The first addend.
    a: i64,
    /// The second addend.
    b: i64,
) -> i64 {
    a.saturating_add(b)
}

/// Repeats a text exactly.
#[tool(read_only, idempotent)]
async fn echo(
    /// The text to repeat.
    text: String,
) -> String {
    text
}

/// Reports n steps as progress, one event each.
#[tool(read_only, idempotent)]
async fn stream(
    cx: &ToolContext,
    /// How many steps to report.
    n: u32,
) -> String {
    for step in 1..=n {
        cx.progress_of(step.into(), n.into(), format!("step {step}")).await;
    }
    format!("streamed {n}")
}

/// One of many tools that are there to be listed and to be looked past.
#[tool(read_only, idempotent)]
async fn generated(
    /// What to look for.
    query: String,
    /// How many to return at most.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
) -> String {
    format!("{query} {limit:?}")
}

/// `add`, whose arguments nothing checks but itself.
struct Unchecked;

impl DynTool for Unchecked {
    fn definition(&self) -> ToolDefinition {
        let schema = Map::from_iter([("type".to_owned(), Value::from("object"))]);
        model::Tool::new("add", "Adds two integers.", schema).into()
    }

    async fn call(&self, arguments: Map<String, Value>, _: &ToolContext) -> ToolResult<CallResult> {
        let addend = |name| {
            arguments.get(name).and_then(Value::as_i64).ok_or_else(|| {
                ToolError::new(ToolErrorKind::InvalidArguments, "`a` and `b` must be integers")
            })
        };
        CallResult::structured(&addend("a")?.saturating_add(addend("b")?))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let wanted =
        std::env::var("BENCH_TOOLS").ok().and_then(|tools| tools.parse().ok()).unwrap_or(3);
    let with = std::env::var("BENCH_WITH").unwrap_or_default();
    let mut server = Server::builder("bench", env!("CARGO_PKG_VERSION"));
    server = match &*with {
        "no-schema" => server.dyn_tool(Unchecked),
        _ => server.tool::<add>(),
    };
    server = server.tool::<echo>().tool::<stream>();
    if with == "cache" {
        server = server.layer(ResponseCacheLayer::new(Duration::from_secs(60)).tool::<add>());
    }
    for number in 4..=wanted {
        let name = format!("tool{number:03}");
        server = server.pack(ToolPack::new(name.as_str(), ()).tool::<generated>().namespaced(name));
    }
    mcp_serve::run(server.build()).await
}
