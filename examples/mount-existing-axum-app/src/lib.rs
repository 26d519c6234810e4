//! A shop that has its routes, its state and its sign-in already, and now has tools beside them.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use mcp_core::{
    Call, OrToolError as _, Principal, Server, Tool, ToolContext, ToolErrorKind, ToolPack,
    ToolResult,
};
use mcp_http::{HttpConfig, HttpService};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// The application as it has been: its orders, and who may see them.
#[derive(Debug)]
pub struct Shop {
    orders: Mutex<Vec<&'static str>>,
}

impl Default for Shop {
    fn default() -> Self {
        Self { orders: Mutex::new(vec!["packed", "sent", "delivered"]) }
    }
}

impl Shop {
    fn status(&self, order: usize) -> Option<&'static str> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).get(order).copied()
    }
}

/// The application's routes, and `/mcp` beside them. Cancelling the token ends streams, so that the
/// listener can end, too.
pub fn app(shop: Arc<Shop>, shutdown: CancellationToken) -> Router {
    let tools = ToolPack::new("shop", Arc::clone(&shop)).tool::<OrderStatus>();
    let server = Server::builder("shop", env!("CARGO_PKG_VERSION")).pack(tools).build();
    let mcp = HttpService::new(server, HttpConfig::new().shutdown(shutdown));
    Router::new()
        .route("/orders/{order}", get(order))
        .with_state(shop)
        .route_service("/mcp", mcp)
        .layer(middleware::from_fn(sign_in))
}

async fn order(
    State(shop): State<Arc<Shop>>,
    Path(order): Path<usize>,
) -> Result<&'static str, StatusCode> {
    shop.status(order).ok_or(StatusCode::NOT_FOUND)
}

/// The application's own sign-in, a list of tokens here. To tools it says who is calling by a
/// [`Principal`] in the request's extensions; nobody is asked a second time.
async fn sign_in(mut request: Request, next: Next) -> Result<Response, StatusCode> {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let caller = match token.and_then(|value| value.strip_prefix("Bearer ")) {
        Some("token-of-ada") => Principal::new("ada", ["orders:read"]),
        Some("token-of-guest") => Principal::new("guest", [""; 0]),
        _ => return Err(StatusCode::UNAUTHORIZED),
    };
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Tells how far an order is.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Tool)]
#[tool(read_only, idempotent, scopes = ["orders:read"])]
pub struct OrderStatus {
    /// The order's number.
    pub order: usize,
}

impl Call<Arc<Shop>> for OrderStatus {
    type Output = String;

    async fn call(self, shop: &Arc<Shop>, _cx: &ToolContext) -> ToolResult<String> {
        let status = shop.status(self.order);
        let status = status.or_tool_error(ToolErrorKind::NotFound, "there is no such order")?;
        Ok(status.to_owned())
    }
}
