//! The smallest server: three tools as plain functions.

use mcp_serve::{Server, ToolContext, tool};

/// The server, for `main` and for tests.
pub fn server() -> Server {
    Server::builder("hello", env!("CARGO_PKG_VERSION"))
        .tool::<add>()
        .tool::<echo>()
        .tool::<count>()
        .build()
}

/// Adds two integers.
#[tool(read_only, idempotent)]
pub async fn add(
    /// The first addend.
    a: i64,
    /// The second addend.
    b: i64,
) -> i64 {
    // `a + b` would panic at the limits of 64 bits; a tool answers whatever it is asked.
    a.saturating_add(b)
}

/// Repeats a text exactly.
#[tool(read_only, idempotent)]
pub async fn echo(
    /// The text to repeat.
    text: String,
) -> String {
    text
}

/// Counts from 1 to n, reporting each step as progress.
#[tool(read_only, idempotent)]
pub async fn count(
    cx: &ToolContext,
    /// How far to count.
    #[schemars(range(max = 10_000))]
    n: u32,
) -> String {
    for step in 1..=n {
        cx.progress_of(step.into(), n.into(), format!("step {step}")).await;
    }
    format!("counted to {n}")
}
