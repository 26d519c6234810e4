//! A server that asks for tokens, as a program: with the flags of the documentation, and an issuer
//! that is a real listener.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, unreachable_pub, reason = "another package's tests use the rest")]
#[path = "../../../mcp-auth/tests/support/issuer.rs"]
mod issuer;
mod support;

use issuer::{Issuer, Signer};
use mcp_testing::lambda::{Door, Emulator};
use reqwest::{Client, Response};
use serde_json::{Value, json};
use support::{Listening, PROGRAM, call, program, text};

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
async fn tokens_are_checked_by_the_server_where_a_door_of_lambda_lets_anyone_in() {
    let (issuer, signer, stranger) =
        (Issuer::start().await, Signer::new("one"), Signer::new("one"));
    issuer.publish(&[&signer]);
    for door in [Door::FunctionUrlStream, Door::RestApi, Door::HttpApi, Door::Alb] {
        let mode = if door.streams() { "stream" } else { "buffered" };
        let function = Emulator::new(PROGRAM)
            .env("MCP_JWT_ISSUER", &issuer.url)
            .env("MCP_RESOURCE", RESOURCE)
            .env("MCP_LAMBDA_RESPONSE", mode)
            .env("MCP_STATE_KEY", &"ab".repeat(32));
        let url = function.open(door).await.unwrap();
        let call = async |token: &str, tool: &str| {
            let request = Client::new().post(&url).bearer_auth(token);
            let body = call(tool, json!({"product": "lamp"})).to_string();
            let request = request.header("content-type", "application/json").body(body);
            request.send().await.unwrap()
        };
        let reads = signer.token(&issuer.claims_with("scope", json!("stock:read")));
        assert_eq!(text(call(&reads, "in_stock").await).await, "12", "{door:?}");
        let other = signer.token(&issuer.claims_with("scope", json!("other")));
        assert_eq!(call(&other, "in_stock").await.status(), 403, "{door:?}");

        let refused = call(&stranger.token(&issuer.claims()), "in_stock").await;
        assert_eq!(refused.status(), 401, "{door:?}");
        // API Gateway's REST APIs give that header another name.
        let name = match door {
            Door::RestApi => "x-amzn-remapped-www-authenticate",
            _ => "www-authenticate",
        };
        let challenge = refused.headers()[name].to_str().unwrap();
        assert!(challenge.contains("oauth-protected-resource/mcp"), "{door:?}: {challenge}");
        assert_eq!(function.faults(), [""; 0], "{door:?}");
    }
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
