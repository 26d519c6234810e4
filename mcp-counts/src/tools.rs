//! The tools that the paths lead to.

use mcp_core::{Server, ServerBuilder, ToolContext, ToolPack, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// Where to deliver to.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
struct Address {
    /// Street and number.
    street: String,
    /// Two letters, as in ISO 3166-1.
    #[schemars(regex(pattern = "^[A-Z]{2}$"))]
    country: String,
}

/// A part of an order.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
struct Item {
    /// What it is.
    name: String,
    /// How many.
    #[schemars(range(min = 1, max = 100))]
    count: u32,
    /// In cents.
    price: Option<u64>,
}

/// What an order comes to.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Total {
    /// How many things.
    count: u32,
    /// In cents.
    price: u64,
    /// Where to.
    country: String,
}

/// Takes an order: nested arguments, and a nested result.
#[tool]
async fn order(
    /// Where to.
    address: Address,
    /// What.
    items: Vec<Item>,
    /// How fast: `standard` or `express`.
    speed: Option<String>,
) -> Total {
    let price: u64 = items.iter().map(|item| u64::from(item.count) * item.price.unwrap_or(0)).sum();
    let express =
        u64::from(speed.as_deref() == Some("express") && !address.street.is_empty()) * 500;
    let named = items.iter().filter(|item| !item.name.is_empty());
    Total {
        count: named.map(|item| item.count).sum(),
        price: price + express,
        country: address.country,
    }
}

/// One of many tools that are there to be listed and to be looked past.
#[tool(read_only, idempotent)]
async fn generated(
    /// What to look for.
    query: String,
) -> String {
    query
}

/// A server with a hundred tools.
pub(crate) fn server() -> Server {
    let server = Server::builder("counts", "1")
        .tool::<add>()
        .tool::<echo>()
        .tool::<stream>()
        .tool::<order>();
    let more = (4..100).map(|number| {
        let name = format!("tool{number}");
        ToolPack::new(name.as_str(), ()).tool::<generated>().namespaced(name)
    });
    more.fold(server, ServerBuilder::pack).build()
}
