//! A server with a front door. What its flags do is in `docs/front-door.md`; what is decided here
//! is which scopes a tool needs, how many calls there may be, and what is recorded of them.

use std::{sync::Arc, time::Duration};

use mcp_layers::{AuditLayer, ConcurrencyLayer, RateLimitLayer, ResponseCacheLayer};
use mcp_serve::{
    Call, OrToolError as _, Server, Tool, ToolContext, ToolErrorKind, ToolPack, ToolResult, tool,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Names the caller, as the server knows it.
#[tool(read_only)]
async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or("nobody", |caller| caller.subject()).to_owned()
}

/// Looks up how many units of a product are in stock.
#[derive(Debug, Deserialize, JsonSchema, Tool)]
#[tool(read_only, idempotent, scopes = ["stock:read"])]
pub struct InStock {
    /// The product, such as "lamp".
    product: String,
}

/// What is in stock.
#[derive(Debug)]
pub struct Stock(Vec<(&'static str, u32)>);

impl Default for Stock {
    fn default() -> Self {
        Self(vec![("lamp", 12), ("chair", 4)])
    }
}

impl Call<Stock> for InStock {
    type Output = u32;

    async fn call(self, stock: &Stock, _: &ToolContext) -> ToolResult<u32> {
        let found = stock.0.iter().find(|(product, _)| *product == self.product);
        let units = found.map(|(_, units)| *units);
        units.or_tool_error(ToolErrorKind::NotFound, "there is no such product")
    }
}

/// The server.
pub fn server(stock: Stock) -> Server {
    let pack = ToolPack::new("stock", stock).tool::<InStock>().ready_check(is_filled);
    Server::builder("front-door", env!("CARGO_PKG_VERSION"))
        .tool::<whoami>()
        .pack(pack)
        .layer(AuditLayer::new().arguments_of::<InStock>())
        .layer(RateLimitLayer::per_caller(600, Duration::from_secs(60)))
        .layer(ConcurrencyLayer::new(64).queue(256))
        .layer(ResponseCacheLayer::new(Duration::from_secs(5)).tool::<InStock>())
        .build()
}

async fn is_filled(stock: Arc<Stock>) -> Result<(), &'static str> {
    if stock.0.is_empty() { Err("nothing is in stock") } else { Ok(()) }
}
