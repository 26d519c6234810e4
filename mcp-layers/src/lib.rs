//! Layers around a server or a pack: what stands between many callers and a tool.
//!
//! Depend on this crate to limit, cache or record calls. Each layer is a plain `tower::Layer` for
//! [`ServerBuilder::layer`](mcp_core::ServerBuilder::layer) and
//! [`ToolPack::layer`](mcp_core::ToolPack::layer), and works on every transport. `tower`'s own
//! timeout is in [`mcp_core::layers`].
//!
//! ```
//! use std::time::Duration;
//! use mcp_core::{Server, tool};
//! use mcp_layers::{AuditLayer, ConcurrencyLayer, RateLimitLayer, ResponseCacheLayer};
//!
//! /// Looks up the price of a product.
//! #[tool(read_only, idempotent)]
//! async fn price(product: String) -> u32 {
//!     42
//! }
//!
//! let server = Server::builder("shop", "1.0")
//!     .tool::<price>()
//!     .layer(AuditLayer::new())
//!     .layer(RateLimitLayer::per_caller(600, Duration::from_secs(60)))
//!     .layer(ConcurrencyLayer::new(64).queue(256))
//!     .layer(ResponseCacheLayer::new(Duration::from_secs(30)).tool::<price>())
//!     .build();
//! ```

mod audit;
mod cache;
mod concurrency;
mod outgoing;
mod rate_limit;
mod response_limit;

use std::pin::Pin;

use mcp_core::{BoxError, Principal, Request, Response};

pub use crate::{
    audit::{Audit, AuditLayer},
    cache::{ResponseCache, ResponseCacheLayer},
    concurrency::{Concurrency, ConcurrencyLayer},
    outgoing::Outgoing,
    rate_limit::{RateLimit, RateLimitLayer},
    response_limit::{ResponseLimit, ResponseLimitLayer},
};

/// What the layers' services return.
type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

/// Who a request is of: nobody in particular where nobody is authenticated.
fn caller(request: &Request) -> &str {
    request.extensions().get::<Principal>().map_or("", Principal::subject)
}
