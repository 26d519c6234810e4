//! What a browser asks for a page, and what is told to Prometheus.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use mcp_core::{Credentials, Denied, Principal, TokenVerifier, Verification};
use mcp_transport_sse::{Authentication, HttpConfig};
use serde_json::json;
use support::{call, modern, start, start_with};

const PAGE: &str = "https://app.example.com";

#[derive(Debug)]
struct OneToken;

impl TokenVerifier for OneToken {
    fn verify(&self, credentials: &Credentials<'_>) -> Verification {
        Verification::ready(match credentials.token() {
            Some("token") => Ok(Principal::new("ada", [""; 0])),
            Some(_) => Err(Denied::invalid("the token is unknown")),
            None => Err(Denied::missing()),
        })
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_read_answers() {
    let server = start_with(|transport| {
        let config = HttpConfig::new().allow_origin(PAGE).unwrap();
        transport.config(config.authentication(Authentication::new(Arc::new(OneToken))))
    })
    .await;
    // The browser asks first, without the page's credential.
    let asked = format!(
        "origin: {PAGE}\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: authorization,content-type,mcp-param-region\r\n"
    );
    let reply = server.bare("OPTIONS", "/mcp", &asked).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, Some(PAGE)));
    assert_eq!(
        reply.header("access-control-allow-headers"),
        Some("authorization,content-type,mcp-param-region")
    );
    assert!(reply.header("access-control-allow-methods").unwrap().contains("POST"));
    assert_eq!(reply.header("access-control-allow-credentials"), None);

    let (headers, body) = modern("tools/call", call("whoami", json!({})));
    let with_token = format!("{headers}origin: {PAGE}\r\nauthorization: Bearer token\r\n");
    let reply = server.post(&with_token, &body).await;
    assert_eq!(reply.json()["result"]["content"][0]["text"], "ada");
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    // What tells the page to sign its visitor in can be read by it, too.
    let reply = server.post(&format!("{headers}origin: {PAGE}\r\n"), &body).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, Some(PAGE)));
    let exposed = reply.header("access-control-expose-headers").unwrap();
    assert!(
        exposed.contains("www-authenticate") && exposed.contains("mcp-session-id"),
        "{exposed}"
    );
}

#[tokio::test]
async fn a_page_of_another_origin_is_neither_answered_nor_may_it_read() {
    let server = start().await;
    for origin in ["https://evil.example", "null"] {
        let (headers, body) = modern("tools/call", call("whoami", json!({})));
        let reply = server.post(&format!("{headers}origin: {origin}\r\n"), &body).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (403, None));
        let asked = format!("origin: {origin}\r\naccess-control-request-method: POST\r\n");
        let reply = server.bare("OPTIONS", "/mcp", &asked).await;
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
    // Without a browser nothing of it is said.
    let reply = server.modern("tools/call", call("whoami", json!({}))).await;
    assert!(reply.headers.iter().all(|(name, _)| !name.starts_with("access-control")));
}

#[tokio::test]
async fn every_path_of_the_protocol_asks_for_the_credential() {
    let server = start_with(|transport| {
        let authentication = Authentication::new(Arc::new(OneToken));
        transport.legacy_sse(true).config(HttpConfig::new().authentication(authentication))
    })
    .await;
    for (method, path) in [
        ("POST", "/mcp"),
        ("GET", "/mcp"),
        ("POST", "/rpc"),
        ("GET", "/sse"),
        ("POST", "/sse"),
        ("POST", "/messages?sessionId=guess"),
    ] {
        for headers in ["", "authorization: Bearer guess\r\n"] {
            let reply = server.bare(method, path, headers).await;
            assert_eq!(reply.status, 401, "{method} {path} {headers}");
            assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
        }
        let reply = server.bare("DELETE", path, "authorization: Bearer token\r\n").await;
        assert_ne!(reply.status, 401, "{path}");
    }
}

#[tokio::test]
async fn metrics_are_told_to_whoever_may_call() {
    let closed = start().await;
    assert_eq!(closed.bare("GET", "/metrics", "").await.status, 404);

    let server = start_with(|transport| {
        let authentication = Authentication::new(Arc::new(OneToken));
        transport
            .config(HttpConfig::new().authentication(authentication))
            .metrics(|| "# EOF\n".to_owned())
    })
    .await;
    assert_eq!(server.bare("GET", "/metrics", "").await.status, 401);
    let reply = server.bare("GET", "/metrics", "authorization: Bearer token\r\n").await;
    assert_eq!((reply.status, reply.text()), (200, "# EOF\n"));
    let kind = reply.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let reply = server.bare("POST", "/metrics", "authorization: Bearer token\r\n").await;
    assert_eq!(reply.status, 405);
    for path in ["/health", "/ready"] {
        assert_eq!(server.bare("GET", path, "").await.status, 200);
    }
}
