//! What browsers ask before they let a page of another origin call the server.

use std::time::Duration;

use http::{HeaderName, Method, header};
use mcp_http::HttpConfig;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

/// For how long a browser need not ask again.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Lets pages of the origins that may call the server read its answers.
pub(crate) fn layer(config: &HttpConfig) -> CorsLayer {
    let config = config.clone();
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, _| config.allows_origin(origin)))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        // Tools may have headers of their own (`Mcp-Param-…`).
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([
            HeaderName::from_static("mcp-session-id"),
            HeaderName::from_static("mcp-protocol-version"),
            header::WWW_AUTHENTICATE,
            header::RETRY_AFTER,
        ])
        .max_age(MAX_AGE)
}
