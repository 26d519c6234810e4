//! What a caller sees and gets of tools, prompts and resources, by its scopes, in both eras.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use mcp_auth::ApiKeys;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Answer, Listening, modern, request, serve};

const CI: (&str, &str) = ("x-api-key", "key-of-ci");
const READER: (&str, &str) = ("x-api-key", "key-of-reader");
const WRITER: (&str, &str) = ("x-api-key", "key-of-writer");

fn keys() -> ApiKeys {
    let line = |name: &str, key: &str, scopes: &str| {
        let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name} sha256:{digest} {scopes}\n")
    };
    let text = line("ci", CI.1, "")
        + &line("reader", READER.1, "sales:read")
        + &line("writer", WRITER.1, "sales:read sales:write");
    ApiKeys::parse(&text).unwrap()
}

/// The same request in each form that clients have: modern, legacy, and within a legacy session.
async fn in_both_eras(
    server: &Listening,
    key: (&str, &str),
    method: &str,
    params: Value,
) -> [Answer; 3] {
    let (headers, body) = modern(method, params.clone());
    let mut headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.push(key);
    let session = server.open(key).await;
    [
        server.post(&headers, body).await,
        server.post(&[key], request(method, params.clone())).await,
        server.post(&[key, ("mcp-session-id", &session)], request(method, params)).await,
    ]
}

#[tokio::test]
async fn what_a_caller_may_not_use_is_not_listed_to_it() {
    let server = serve(keys()).await;
    let lists = [
        (
            "tools/list",
            "tools",
            "name",
            [&["whoami"][..], &["whoami", "read_sales"], &["whoami", "read_sales", "write_sales"]],
        ),
        ("prompts/list", "prompts", "name", [&["sum_up"], &["sum_up"], &["sum_up", "plan"]]),
        (
            "resources/list",
            "resources",
            "name",
            [&["terms"], &["terms", "today"], &["terms", "margins", "today"]],
        ),
        ("resources/templates/list", "resourceTemplates", "name", [&[], &["month"], &["month"]]),
    ];
    for (method, member, name, expected) in lists {
        for (key, expected) in [CI, READER, WRITER].into_iter().zip(expected) {
            let answers = in_both_eras(&server, key, method, json!({})).await;
            // What differs from caller to caller is nothing for shared caches.
            assert_eq!(answers[0].message["result"]["cacheScope"], "private", "{method}");
            for answer in answers {
                let items = answer.message["result"][member].as_array().unwrap();
                let names: Vec<_> = items.iter().map(|item| item[name].as_str().unwrap()).collect();
                assert_eq!(names, expected, "{method} {key:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_caller_may_not_use_is_403_insufficient_scope() {
    let server = serve(keys()).await;
    let argument = json!({"name": "month", "value": "m"});
    let by_prompt = json!({"ref": {"type": "ref/prompt", "name": "plan"}, "argument": argument});
    let by_template =
        json!({"ref": {"type": "ref/resource", "uri": "sales://{month}"}, "argument": argument});
    let plan = json!({"name": "plan", "arguments": {"month": "May"}});
    let cases = [
        (CI, "tools/call", json!({"name": "read_sales", "arguments": {}}), "sales:read"),
        (READER, "tools/call", json!({"name": "write_sales"}), "sales:read sales:write"),
        (READER, "prompts/get", plan.clone(), "sales:read sales:write"),
        (READER, "completion/complete", by_prompt.clone(), "sales:read sales:write"),
        (READER, "resources/read", json!({"uri": "paper://margins"}), "sales:write"),
        (CI, "resources/read", json!({"uri": "paper://today"}), "sales:read"),
        (CI, "resources/read", json!({"uri": "sales://may"}), "sales:read"),
        (CI, "completion/complete", by_template.clone(), "sales:read"),
    ];
    for (key, method, params, scopes) in cases {
        for answer in in_both_eras(&server, key, method, params.clone()).await {
            assert_eq!(answer.status, 403, "{method} {params}: {answer:?}");
            let challenge = answer.challenge.as_deref().unwrap();
            assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
            assert!(challenge.contains(&format!("scope=\"{scopes}\"")), "{challenge}");
            assert_eq!(answer.message["error"]["code"], -31403, "{answer:?}");
            assert_eq!(answer.message["id"], 1);
        }
        // Who has the scopes is served.
        for answer in in_both_eras(&server, WRITER, method, params).await {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.message["result"].is_object(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn what_a_caller_may_not_read_it_cannot_subscribe_to() {
    let server = serve(keys()).await;
    let session = server.open(CI).await;
    for (uri, status) in [("paper://today", 403), ("sales://may", 403), ("paper://terms", 200)] {
        let body = request("resources/subscribe", json!({"uri": uri}));
        let answer = server.post(&[CI, ("mcp-session-id", &session)], body).await;
        assert_eq!(answer.status, status, "{uri}: {answer:?}");
    }
}

#[tokio::test]
async fn all_scopes_stand_in_the_metadata() {
    let resource =
        mcp_transport_sse::ProtectedResource::new("https://mcp.example.com/mcp").unwrap();
    let resource = resource.authorization_server("https://auth.example.com");
    let keys: std::sync::Arc<dyn mcp_core::TokenVerifier> = std::sync::Arc::new(keys());
    let authentication = mcp_transport_sse::Authentication::new(keys).resource(resource);
    let server = support::serve_with(authentication).await;
    let metadata = server.get("/.well-known/oauth-protected-resource/mcp").await;
    let metadata: Value = serde_json::from_str(&metadata.text().await.unwrap()).unwrap();
    assert_eq!(metadata["scopes_supported"], json!(["sales:read", "sales:write"]));
}
