//! A server that asks for tokens, as a program: with the flags of the documentation, and an issuer
//! that is a real listener.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, unreachable_pub, reason = "another package's tests use the rest")]
#[path = "../../../mcp-auth/tests/support/issuer.rs"]
mod issuer;
mod support;

use issuer::{Issuer, Signer};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use support::{Listening, call, program, text};

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn start(issuer: &Issuer, more: &[&str]) -> Listening {
    let arguments =
        ["http", "--listen", "0.0.0.0:0", "--jwt-issuer", &issuer.url, "--resource", RESOURCE];
    Listening::start(program(&arguments).args(more))
}

async fn call_with(server: &Listening, token: &str, tool: &str, arguments: Value) -> Response {
    let request = Client::new().post(format!("{}/mcp", server.base)).bearer_auth(token);
    request.body(call(tool, arguments).to_string()).send().await.unwrap()
}

#[tokio::test]
async fn a_token_of_the_issuer_calls_a_tool_and_another_is_challenged() {
    let (issuer, signer, stranger) =
        (Issuer::start().await, Signer::new("one"), Signer::new("one"));
    issuer.publish(&[&signer]);
    let server = start(&issuer, &[]);
    let lamp = json!({"product": "lamp"});

    let token = signer.token(&issuer.claims_with("scope", json!("stock:read")));
    assert_eq!(text(call_with(&server, &token, "whoami", json!({})).await).await, "ada");
    assert_eq!(text(call_with(&server, &token, "in_stock", lamp.clone()).await).await, "12");

    let metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    for (token, reason) in [
        (stranger.token(&issuer.claims()), "wrong"),
        (signer.token(&issuer.claims_with("exp", json!(1))), "expired"),
        (
            signer.token(&issuer.claims_with("aud", json!("https://other.example.com"))),
            "another service",
        ),
    ] {
        let refused = call_with(&server, &token, "whoami", json!({})).await;
        assert_eq!(refused.status(), 401);
        let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{challenge}");
        assert!(challenge.contains(metadata) && challenge.contains(reason), "{challenge}");
    }

    // One without the scope of the tool is told which it needs.
    let token = signer.token(&issuer.claims_with("scope", json!("other")));
    let refused = call_with(&server, &token, "in_stock", lamp).await;
    assert_eq!(refused.status(), 403);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap().to_owned();
    assert!(challenge.contains(r#"error="insufficient_scope", scope="stock:read""#), "{challenge}");
}

#[tokio::test]
async fn tokens_without_an_audience_are_taken_of_the_clients_that_are_named() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("pool"));
    issuer.publish(&[&signer]);
    let server = start(&issuer, &["--jwt-client-id", "app", "--scope-claim", "cognito:groups"]);
    // As Amazon Cognito makes them.
    let mut claims = issuer.claims_with("aud", Value::Null);
    claims["client_id"] = json!("app");
    claims["token_use"] = json!("access");
    claims["cognito:groups"] = json!(["stock:read"]);
    let token = signer.token(&claims);
    let lamp = json!({"product": "lamp"});
    assert_eq!(text(call_with(&server, &token, "in_stock", lamp).await).await, "12");
    claims["client_id"] = json!("another");
    let token = signer.token(&claims);
    assert_eq!(call_with(&server, &token, "whoami", json!({})).await.status(), 401);
}
