//! API keys over a socket: who is let in, what is told to the others, and what a caller sees.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{sync::Arc, time::Duration};

use mcp_auth::{ApiKeys, FileSource};
use mcp_transport_sse::{Authentication, ProtectedResource};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use support::{Listening, modern, request, serve, serve_with};

fn line(name: &str, key: &str, scopes: &str) -> String {
    let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{name} sha256:{digest} {scopes}\n")
}

fn keys() -> ApiKeys {
    let text = line("ci", "key-of-ci", "")
        + &line("reader", "key-of-reader", "sales:read")
        + &line("writer", "key-of-writer", "sales:read sales:write");
    ApiKeys::parse(&text).unwrap()
}

type Headers<'a> = &'a [(&'a str, &'a str)];

const CI: (&str, &str) = ("x-api-key", "key-of-ci");
const READER: (&str, &str) = ("x-api-key", "key-of-reader");
const WRITER: (&str, &str) = ("x-api-key", "key-of-writer");

#[tokio::test]
async fn a_key_is_taken_from_either_header() {
    let server = serve(keys()).await;
    assert_eq!(server.whoami(&[CI]).await.text(), "key:ci");
    for value in ["Bearer key-of-ci", "bearer key-of-ci", "BEARER  key-of-ci"] {
        assert_eq!(server.whoami(&[("authorization", value)]).await.text(), "key:ci");
    }
}

#[tokio::test]
async fn wrong_duplicate_and_conflicting_credentials_reach_no_tool() {
    let server = serve(keys()).await;
    let long = "k".repeat(17 * 1024);
    let cases: &[(Headers<'_>, u16, &str)] = &[
        (&[], 401, "authentication is required"),
        (&[("authorization", "Basic Y2k6a2V5")], 401, "authentication is required"),
        (&[("x-api-key", "key-of-c")], 401, "unknown"),
        (&[("x-api-key", "key-of-cii")], 401, "unknown"),
        (&[("authorization", "Bearer KEY-OF-CI")], 401, "unknown"),
        (&[("authorization", "Bearer")], 400, "empty"),
        (&[("x-api-key", "")], 400, "empty"),
        (&[("x-api-key", &long)], 401, "too long"),
        (&[CI, READER], 400, "more than once"),
        (&[CI, CI], 400, "more than once"),
        (&[CI, ("authorization", "Bearer key-of-ci")], 400, "either"),
        (
            &[("authorization", "Bearer key-of-ci"), ("authorization", "Bearer key-of-reader")],
            400,
            "more than once",
        ),
    ];
    for (headers, status, reason) in cases {
        let answer = server.whoami(headers).await;
        assert_eq!(answer.status, *status, "{headers:?}");
        assert_eq!(answer.text(), "", "a tool has answered");
        assert!(answer.reason().contains(reason), "{headers:?}: {}", answer.reason());
        assert!(answer.challenge.as_ref().unwrap().starts_with("Bearer"), "{answer:?}");
    }
    // Nor does a key in the URL.
    let url = format!("{}/mcp?api_key=key-of-ci&access_token=key-of-ci", server.url);
    let body = request("tools/call", json!({"name": "whoami", "arguments": {}})).to_string();
    assert_eq!(server.client.post(url).body(body).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn health_needs_no_key_and_every_method_of_the_endpoint_does() {
    let server = serve(keys()).await;
    assert_eq!(server.get("/health").await.status(), 200);
    let mcp = format!("{}/mcp", server.url);
    for method in ["GET", "DELETE", "PUT", "POST"] {
        let request = server.client.request(method.parse().unwrap(), &mcp);
        let response = request.header("mcp-session-id", "a-guess").send().await.unwrap();
        assert_eq!(response.status(), 401, "{method}");
    }
    // Without an authorization server there is no metadata to read.
    assert_eq!(server.get("/.well-known/oauth-protected-resource").await.status(), 404);
}

#[tokio::test]
async fn a_missing_scope_is_403_insufficient_scope_in_both_eras() {
    let resource = ProtectedResource::new("https://mcp.example.com/mcp").unwrap();
    let server = serve_with(Authentication::new(Arc::new(keys())).resource(resource)).await;
    let expected = "Bearer error=\"insufficient_scope\", scope=\"sales:read sales:write\", \
                    error_description=\"'write_sales' requires the scope 'sales:write'\", \
                    resource_metadata=\
                    \"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";
    let params = json!({"name": "write_sales", "arguments": {}});
    let (headers, body) = modern("tools/call", params.clone());
    let mut headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.push(READER);
    let session = server.open(READER).await;
    for answer in [
        server.post(&headers, body).await,
        server.post(&[READER], request("tools/call", params.clone())).await,
        server.post(&[READER, ("mcp-session-id", &session)], request("tools/call", params)).await,
    ] {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.challenge.as_deref(), Some(expected));
        assert_eq!(answer.message["id"], 1);
        assert_eq!(answer.message["error"]["code"], -31403);
    }
    assert_eq!(server.call(&[WRITER], "write_sales").await.text(), "written");
}

#[tokio::test]
async fn a_scope_can_be_required_of_everybody() {
    let authentication = Authentication::new(Arc::new(keys())).scope("sales:read");
    let server = serve_with(authentication).await;
    let refused = server.whoami(&[CI]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.challenge.unwrap().contains(r#"scope="sales:read""#));
    assert_eq!(server.whoami(&[READER]).await.text(), "key:reader");
    let unknown = server.whoami(&[]).await;
    assert_eq!(unknown.challenge.as_deref(), Some(r#"Bearer scope="sales:read""#));
}

#[tokio::test]
async fn a_session_of_another_caller_is_not_there() {
    let server = serve(keys()).await;
    let session = server.open(CI).await;
    let ping = || request("ping", json!({}));
    let with = |key, session| [key, ("mcp-session-id", session)];
    assert_eq!(server.post(&with(CI, &session), ping()).await.status, 200);
    assert_eq!(server.post(&with(READER, &session), ping()).await.status, 404);
    assert_eq!(server.post(&with(CI, "00000000-guessed"), ping()).await.status, 404);
    for (method, key, status) in
        [("GET", READER, 404), ("DELETE", READER, 404), ("DELETE", CI, 204)]
    {
        let request = server.client.request(method.parse().unwrap(), format!("{}/mcp", server.url));
        let request = request.header(key.0, key.1).header("mcp-session-id", &session);
        let request = request.header("accept", "text/event-stream");
        assert_eq!(request.send().await.unwrap().status(), status, "{method}");
    }
}

#[tokio::test]
async fn a_rotated_file_is_read_without_a_restart_and_a_broken_one_changes_nothing() {
    let folder = std::env::temp_dir().join(format!("mcp-auth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("keys");
    std::fs::write(&path, line("old", "old-key", "")).unwrap();
    let keys = Arc::new(ApiKeys::from_source(FileSource::new(&path)).await.unwrap());
    tokio::spawn(ApiKeys::keep_fresh(&keys, Duration::from_millis(5)));
    let server = serve_with(Authentication::new(keys)).await;
    assert_eq!(server.bearer("old-key").await.text(), "key:old");

    std::fs::write(&path, line("new", "new-key", "")).unwrap();
    until(&server, "new-key", "key:new").await;
    assert_eq!(server.bearer("old-key").await.status, 401);

    std::fs::write(&path, "new new-key").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.bearer("new-key").await.text(), "key:new");

    std::fs::write(&path, line("last", "last-key", "")).unwrap();
    until(&server, "last-key", "key:last").await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_secret_that_is_not_there_is_an_error_that_names_it() {
    let source = FileSource::new("/no/such/keys");
    let error = ApiKeys::from_source(source).await.unwrap_err().to_string();
    assert!(error.contains("/no/such/keys"), "{error}");
}

async fn until(server: &Listening, key: &str, subject: &str) {
    let known = async {
        while server.bearer(key).await.text() != subject {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), known).await.expect("the key stays unknown");
}
