//! Our side of the comparison: a server as any user writes it.
//!
//! `BENCH_TOOLS=N` adds tools until there are N.

use std::process::ExitCode;

use mcp_serve::{Server, ToolContext, ToolPack, tool};

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

#[tokio::main]
async fn main() -> ExitCode {
    let wanted =
        std::env::var("BENCH_TOOLS").ok().and_then(|tools| tools.parse().ok()).unwrap_or(3);
    let mut server = Server::builder("bench", env!("CARGO_PKG_VERSION"))
        .tool::<add>()
        .tool::<echo>()
        .tool::<stream>();
    for number in 4..=wanted {
        let name = format!("tool{number:03}");
        server = server.pack(ToolPack::new(name.as_str(), ()).tool::<generated>().namespaced(name));
    }
    mcp_serve::run(server.build()).await
}
