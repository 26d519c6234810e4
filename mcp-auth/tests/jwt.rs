//! JSON Web Tokens over sockets: a server, and an issuer that publishes its keys.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{sync::Arc, time::Duration};

use base64::prelude::*;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use mcp_auth::{ApiKeys, Jwt, SigningAlgorithm};
use mcp_core::{AnyVerifier, TokenVerifier};
use mcp_transport_sse::{Authentication, ProtectedResource};
use serde_json::{Value, json};
use support::{
    Listening,
    issuer::{Issuer, Mood, Signer, header, now},
    serve, serve_with,
};

const RESOURCE: &str = "https://mcp.example.com/mcp";

fn jwt(issuer: &Issuer) -> Jwt {
    Jwt::new(&issuer.url).audience(RESOURCE).refetch_after(Duration::ZERO)
}

async fn start() -> (Issuer, Signer, Listening) {
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    let server = serve(jwt(&issuer).build().unwrap()).await;
    (issuer, signer, server)
}

#[tokio::test]
async fn a_token_of_the_issuer_is_taken_and_its_scopes_count() {
    let (issuer, signer, server) = start().await;
    let token = signer.token(&issuer.claims());
    assert_eq!(server.bearer(&token).await.text(), "ada");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer)];
    assert_eq!(server.call(&headers, "read_sales").await.text(), "sales");
    assert_eq!(server.call(&headers, "write_sales").await.status, 403);

    for claims in [
        issuer.claims_with("aud", json!(["https://other.example", RESOURCE])),
        issuer.claims_with("exp", json!(now() - 30)),
        issuer.claims_with("nbf", json!(now() + 30)),
        issuer.claims_with("exp", json!(now() as f64 + 0.5)),
    ] {
        assert_eq!(server.bearer(&signer.token(&claims)).await.text(), "ada", "{claims}");
    }
    // Without an identifier the only key is meant.
    let token = signer.token_with(&header(), &issuer.claims());
    assert_eq!(server.bearer(&token).await.text(), "ada");
    let scp = issuer.claims_with("scp", json!(["sales:write"]));
    let bearer = format!("Bearer {}", signer.token(&scp));
    let answer = server.call(&[("authorization", &bearer)], "write_sales").await;
    assert_eq!(answer.text(), "written");
}

#[tokio::test]
async fn no_bad_token_reaches_a_tool() {
    let (issuer, signer, server) = start().await;
    let good = issuer.claims();
    let stranger = Signer::new("one");
    let unknown = Signer::new("two");
    let secret = EncodingKey::from_secret(signer.pem().as_bytes());
    let with_kid = |algorithm| Header { kid: Some("one".into()), ..Header::new(algorithm) };
    let url_safe = &BASE64_URL_SAFE_NO_PAD;
    let raw = |header: Value| signer.raw(url_safe, &header, &good);
    let token = signer.token(&good);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let other_claims = url_safe.encode(issuer.claims_with("sub", json!("eve")).to_string());
    let unsigned = url_safe.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let claim = |name: &str, value: Value| signer.token(&issuer.claims_with(name, value));

    let cases: Vec<(&str, String, &str)> = vec![
        ("no token at all", "nonsense".into(), "no JSON Web Token"),
        ("five parts", "a.b.c.d.e".into(), "no JSON Web Token"),
        ("no base64", "?.?.?".into(), "malformed"),
        ("no JSON", format!("{}.e30.e30", url_safe.encode("not json")), "malformed"),
        ("alg none", format!("{unsigned}.{}.", url_safe.encode(good.to_string())), "unsigned"),
        ("alg None", raw(json!({"alg": "None", "kid": "one"})), "malformed"),
        (
            "the public key as a secret",
            encode(&with_kid(Algorithm::HS256), &good, &secret).unwrap(),
            "not taken",
        ),
        ("an algorithm of another key", raw(json!({"alg": "RS256", "kid": "one"})), "unknown key"),
        ("an algorithm off the list", raw(json!({"alg": "ES384", "kid": "one"})), "not taken"),
        (
            "a critical header",
            raw(json!({"alg": "ES256", "kid": "one", "crit": ["b64"]})),
            "critical",
        ),
        (
            "its own key",
            stranger.raw(url_safe, &json!({"alg": "ES256", "jwk": stranger.jwk()}), &good),
            "wrong",
        ),
        (
            "a key elsewhere",
            unknown.raw(url_safe, &json!({"alg": "ES256", "kid": "two", "jku": issuer.url}), &good),
            "unknown key",
        ),
        ("another's signature", stranger.token(&good), "wrong"),
        ("an unknown key", unknown.token(&good), "unknown key"),
        ("a changed claim", format!("{head}.{other_claims}.{signature}"), "wrong"),
        ("a cut signature", token[..token.len() - 2].to_owned(), "wrong"),
        ("no signature", format!("{signed}."), "wrong"),
        ("expired", claim("exp", json!(now() - 120)), "expired"),
        ("without an end", claim("exp", Value::Null), "no `exp`"),
        ("an end that is a text", claim("exp", json!("tomorrow")), "malformed"),
        ("an end before time", claim("exp", json!(-1)), "no `exp`"),
        ("not yet valid", claim("nbf", json!(now() + 600)), "not valid yet"),
        ("issued in the future", claim("iat", json!(now() + 600)), "in the future"),
        ("another issuer", claim("iss", json!("https://evil.example")), "another issuer"),
        (
            "the issuer with a slash",
            claim("iss", json!(format!("{}/", issuer.url))),
            "another issuer",
        ),
        ("no issuer", claim("iss", Value::Null), "malformed"),
        ("for another service", claim("aud", json!("https://other.example")), "another service"),
        ("for others", claim("aud", json!(["https://other.example", ""])), "another service"),
        ("for nobody", claim("aud", Value::Null), "another service"),
        ("for a number", claim("aud", json!(7)), "malformed"),
        ("an ID token", claim("token_use", json!("id")), "no access token"),
        ("of nobody", claim("sub", Value::Null), "no subject"),
        ("of an empty subject", claim("sub", json!("")), "no subject"),
        ("oversized", claim("padding", json!("x".repeat(16 * 1024))), "too long"),
    ];
    for (what, token, reason) in cases {
        let answer = server.bearer(&token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(answer.reason().contains(reason), "{what}: {}", answer.reason());
        assert_eq!(answer.message["error"]["code"], -31401, "{what}");
        let challenge = answer.challenge.unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
        assert!(!challenge.contains(&token), "{what}");
    }
    // The server is none the worse for it.
    assert_eq!(server.bearer(&signer.token(&good)).await.text(), "ada");
}

#[tokio::test]
async fn keys_are_fetched_once_however_many_wait_for_them() {
    let (issuer, signer, server) = start().await;
    let token = signer.token(&issuer.claims());
    let calls = (0..32).map(|_| server.bearer(&token));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.text(), "ada");
    }
    // The metadata, and the keys.
    assert_eq!(issuer.requests(), 2);
}

#[tokio::test]
async fn a_rotated_key_is_found_and_an_unknown_one_asked_for_once_an_interval() {
    let (issuer, old, new) = (Issuer::start().await, Signer::new("old"), Signer::new("new"));
    issuer.publish(&[&old]);
    let verifier = jwt(&issuer).refetch_after(Duration::from_secs(10)).build().unwrap();
    let server = serve(verifier).await;
    let claims = issuer.claims();
    assert_eq!(server.bearer(&old.token(&claims)).await.text(), "ada");
    assert_eq!(issuer.requests(), 2);

    // Within the interval nothing is fetched, whatever is asked for.
    let unknown = Signer::new("unknown");
    for _ in 0..5 {
        assert_eq!(server.bearer(&unknown.token(&claims)).await.status, 401);
    }
    let so_far = issuer.requests();
    assert!(so_far <= 4, "{so_far} requests");

    issuer.publish(&[&new]);
    let found = async {
        while server.bearer(&new.token(&claims)).await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(90), found).await.expect("the new key is not found");
    // What is no longer published is no longer taken.
    assert_eq!(server.bearer(&old.token(&claims)).await.status, 401);
}

#[tokio::test]
async fn a_token_that_was_taken_is_refused_once_it_expires_or_its_key_is_withdrawn() {
    let refused = async |server: &Listening, token: &str| {
        while server.bearer(token).await.status != 401 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let refused = async |server: &Listening, token: &str| {
        tokio::time::timeout(Duration::from_secs(90), refused(server, token)).await
    };
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    let server = serve(jwt(&issuer).leeway(Duration::ZERO).build().unwrap()).await;
    let lasting = signer.token(&issuer.claims());
    // Long enough for a machine under load to see it taken.
    let short = signer.token(&issuer.claims_with("exp", json!(now() + 10)));
    for _ in 0..2 {
        assert_eq!(server.bearer(&lasting).await.text(), "ada");
        assert_eq!(server.bearer(&short).await.text(), "ada");
    }
    refused(&server, &short).await.expect("an expired token is taken");
    assert_eq!(server.bearer(&lasting).await.text(), "ada");

    // Another key under the same identifier.
    let server = serve(jwt(&issuer).max_age(Duration::ZERO).build().unwrap()).await;
    assert_eq!(server.bearer(&lasting).await.text(), "ada");
    let other = Signer::new("one");
    issuer.publish(&[&other]);
    refused(&server, &lasting).await.expect("a token of a withdrawn key is taken");
    assert_eq!(server.bearer(&other.token(&issuer.claims())).await.text(), "ada");
}

#[tokio::test]
async fn an_issuer_that_is_down_slow_or_talks_junk_is_503_and_recovers() {
    let oct = json!({"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0", "alg": "HS256"}]});
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    let evil = Issuer::start().await;
    evil.publish(&[&signer]);
    let elsewhere = json!({"issuer": evil.url, "jwks_uri": format!("{}/jwks", evil.url)});
    let plain = json!({"issuer": issuer.url, "jwks_uri": "http://keys.example/jwks"});
    for mood in [
        Mood::Down,
        Mood::Silent,
        Mood::Endless,
        Mood::Says(String::new()),
        Mood::Says("<html>".into()),
        Mood::Says("{}".into()),
        Mood::Says(json!({"issuer": issuer.url, "jwks_uri": issuer.url, "keys": []}).to_string()),
        Mood::Says(oct.to_string()),
        Mood::Says(elsewhere.to_string()),
        Mood::Says(plain.to_string()),
        Mood::Redirects(evil.url.clone()),
    ] {
        issuer.set(mood.clone());
        let verifier = jwt(&issuer).timeout(Duration::from_secs(5)).build().unwrap();
        let server = serve(verifier).await;
        let token = signer.token(&issuer.claims());
        let answer = server.bearer(&token).await;
        assert_eq!(answer.status, 503, "{mood:?}: {answer:?}");
        assert!(answer.retry_after.is_some() && answer.text().is_empty(), "{mood:?}: {answer:?}");
        // Nothing of why stands in the answer.
        assert!(!answer.message.to_string().contains("127.0.0.1"), "{answer:?}");

        issuer.set(Mood::Well);
        assert_eq!(server.bearer(&token).await.text(), "ada", "{mood:?}");
        // And once keys are known, an issuer that is down hurts nobody who has one.
        issuer.set(Mood::Down);
        assert_eq!(server.bearer(&token).await.text(), "ada", "{mood:?}");
    }
    assert_eq!(evil.requests(), 0);
}

#[tokio::test]
async fn a_set_with_keys_of_unknown_kinds_is_used_for_the_others() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[]);
    for jwk in [
        json!({"kty": "future", "kid": "f"}),
        json!({"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}),
        json!("nonsense"),
        signer.jwk(),
    ] {
        issuer.publish_also(jwk);
    }
    let mut for_encryption = Signer::new("enc").jwk();
    for_encryption["use"] = "enc".into();
    issuer.publish_also(for_encryption);
    let url = format!("{}/jwks", issuer.url);
    let server = serve(jwt(&issuer).jwks_url(url).build().unwrap()).await;
    assert_eq!(server.bearer(&signer.token(&issuer.claims())).await.text(), "ada");
    assert_eq!(issuer.requests(), 1);
    let hmac = Header { kid: Some("secret".into()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(b"secret");
    let token = encode(&hmac, &issuer.claims(), &secret).unwrap();
    assert_eq!(server.bearer(&token).await.status, 401);
    let encryption = Signer::new("enc").token(&issuer.claims());
    assert_eq!(server.bearer(&encryption).await.status, 401);
}

#[tokio::test]
async fn access_tokens_of_cognito_are_known_by_their_client() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    let verifier = Jwt::new(&issuer.url)
        .client_id("app-client")
        .scope_claim("cognito:groups")
        .algorithms([SigningAlgorithm::Es256])
        .build()
        .unwrap();
    let server = serve(verifier).await;
    let cognito = |client: &str| {
        let mut claims = issuer.claims_with("aud", Value::Null);
        claims["client_id"] = client.into();
        claims["token_use"] = "access".into();
        claims["scope"] = "openid".into();
        claims["cognito:groups"] = json!(["sales:read"]);
        format!("Bearer {}", signer.token(&claims))
    };
    let token = cognito("app-client");
    let headers = [("authorization", &*token)];
    assert_eq!(server.whoami(&headers).await.text(), "ada");
    assert_eq!(server.call(&headers, "read_sales").await.text(), "sales");
    let token = cognito("another-client");
    assert_eq!(server.whoami(&[("authorization", &token)]).await.status, 401);
    // A token with an audience is not taken for its client.
    let mut claims = issuer.claims_with("aud", json!("https://other.example"));
    claims["client_id"] = "app-client".into();
    assert_eq!(server.bearer(&signer.token(&claims)).await.status, 401);
}

#[tokio::test]
async fn a_client_is_told_where_to_get_a_token() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    let resource =
        ProtectedResource::new(RESOURCE).unwrap().authorization_server(&*issuer.url).name("Sales");
    let verifier = Arc::new(jwt(&issuer).build().unwrap());
    let authentication = Authentication::new(verifier).resource(resource).scope("sales:read");
    let server = serve_with(authentication).await;

    let url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
    let answer = server.whoami(&[]).await;
    assert_eq!(answer.status, 401);
    let expected = format!(r#"Bearer resource_metadata="{url}", scope="sales:read""#);
    assert_eq!(answer.challenge.as_deref(), Some(&*expected));
    let answer = server.bearer("nonsense").await;
    let expected = format!(
        r#"Bearer error="invalid_token", error_description="the token is no JSON Web Token", resource_metadata="{url}", scope="sales:read""#
    );
    assert_eq!(answer.challenge.as_deref(), Some(&*expected));

    let expected = json!({
        "resource": RESOURCE,
        "resource_name": "Sales",
        "authorization_servers": [issuer.url],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["sales:read", "sales:write"],
    });
    for path in ["", "/", "/mcp"] {
        let response = server.get(&format!("/.well-known/oauth-protected-resource{path}")).await;
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let text = response.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
    assert_eq!(server.get("/.well-known/oauth-protected-resource/other").await.status(), 404);
}

#[tokio::test]
async fn keys_and_tokens_go_together() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("one"));
    issuer.publish(&[&signer]);
    // The digest of `k`.
    let digest = "8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a";
    let keys: Arc<dyn TokenVerifier> =
        Arc::new(ApiKeys::parse(&format!("ci sha256:{digest}")).unwrap());
    let verifier = AnyVerifier::new([keys, Arc::new(jwt(&issuer).build().unwrap())]);
    let server = serve(verifier).await;
    assert_eq!(server.bearer(&signer.token(&issuer.claims())).await.text(), "ada");
    assert_eq!(server.bearer("k").await.text(), "key:ci");
    assert_eq!(server.whoami(&[("x-api-key", "k")]).await.text(), "key:ci");
    let expired = signer.token(&issuer.claims_with("exp", json!(1)));
    assert!(server.bearer(&expired).await.reason().contains("expired"));
    assert_eq!(server.whoami(&[]).await.status, 401);
}

#[test]
fn a_verifier_that_would_take_any_token_is_not_built() {
    let said = |jwt: Jwt| jwt.build().err().unwrap().to_string();
    assert!(said(Jwt::new("https://auth.example.com")).contains("no audience"));
    for url in ["http://auth.example.com", "auth.example.com", "ftp://auth.example.com", ""] {
        assert!(said(Jwt::new(url).audience("x")).contains("https"), "{url}");
    }
    let keys = Jwt::new("https://auth.example.com").audience("x").jwks_url("http://keys.example");
    assert!(said(keys).contains("http://keys.example"));
}
