//! What an Application Load Balancer says of the user that it has signed in, over sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use base64::prelude::*;
use mcp_auth::AlbIdentity;
use serde_json::{Value, json};
use support::{
    issuer::{Issuer, Mood, Signer, now},
    serve,
};

const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mcp/01";

fn header(signer: &Signer) -> Value {
    json!({
        "typ": "JWT",
        "kid": signer.id,
        "alg": "ES256",
        "iss": "https://auth.example.com",
        "client": "app-client",
        "signer": ARN,
        "exp": now() + 120,
    })
}

fn changed(mut value: Value, name: &str, to: Value) -> Value {
    value[name] = to;
    value
}

#[tokio::test]
async fn users_are_those_that_the_load_balancer_names() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("11112222-3333"));
    let (stranger, hidden) = (Signer::new("11112222-3333"), Signer::new("4444"));
    issuer.publish(&[&signer]);
    let verifier = AlbIdentity::new(ARN)
        .keys_url(format!("{}/pem/", issuer.url))
        .scope_claim("custom:roles")
        .build()
        .unwrap();
    let server = serve(verifier).await;
    let claims = json!({
        "sub": "ada", "email": "ada@example.com", "custom:roles": "sales:read", "exp": now() + 120,
        "iss": "https://auth.example.com",
    });
    // ALB pads its parts, and signs them so.
    let padded = &BASE64_URL_SAFE;
    let data = signer.raw(padded, &header(&signer), &claims);
    let headers = [("x-amzn-oidc-data", &*data)];
    for _ in 0..3 {
        assert_eq!(server.whoami(&headers).await.text(), "ada");
    }
    assert_eq!(issuer.requests(), 1);
    assert_eq!(server.call(&headers, "read_sales").await.text(), "sales");
    assert_eq!(server.call(&headers, "write_sales").await.status, 403);
    let unpadded = signer.raw(&BASE64_URL_SAFE_NO_PAD, &header(&signer), &claims);
    assert_eq!(server.whoami(&[("x-amzn-oidc-data", &unpadded)]).await.text(), "ada");

    let of = |header: &Value, claims: &Value| signer.raw(padded, header, claims);
    let with = |name: &str, to: Value| of(&changed(header(&signer), name, to), &claims);
    let another = ARN.replace("/mcp/", "/evil/");
    let cases = [
        ("another load balancer", with("signer", json!(another)), "another load balancer"),
        ("no signer", with("signer", Value::Null), "malformed"),
        ("another algorithm", with("alg", json!("HS256")), "ES256"),
        ("none", with("alg", json!("none")), "ES256"),
        ("expired", with("exp", json!(now() - 120)), "expired"),
        (
            "claims that have expired",
            of(&header(&signer), &changed(claims.clone(), "exp", json!(now() - 120))),
            "expired",
        ),
        ("a key that is a path", with("kid", json!("../jwks")), "malformed"),
        ("another's signature", stranger.raw(padded, &header(&signer), &claims), "signature"),
        ("an unknown key", hidden.raw(padded, &header(&hidden), &claims), "unknown key"),
        ("cut", data[..data.len() - 8].to_owned(), "signature"),
        ("nothing", "nonsense".to_owned(), "malformed"),
        ("of nobody", of(&header(&signer), &changed(claims.clone(), "sub", json!(""))), "subject"),
        (
            "too long",
            of(&header(&signer), &changed(claims.clone(), "x", json!("x".repeat(32 * 1024)))),
            "too long",
        ),
    ];
    for (what, data, reason) in cases {
        let answer = server.whoami(&[("x-amzn-oidc-data", &data)]).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(answer.reason().contains(reason), "{what}: {}", answer.reason());
    }
    let twice = [("x-amzn-oidc-data", &*data), ("x-amzn-oidc-data", &*data)];
    assert_eq!(server.whoami(&twice).await.status, 400);
    assert_eq!(server.whoami(&[]).await.status, 401);
    // A token that a client brings says nothing about a user of the load balancer.
    assert_eq!(server.bearer(&data).await.status, 401);
}

#[tokio::test]
async fn a_region_whose_keys_are_out_of_reach_is_503() {
    let (issuer, signer) = (Issuer::start().await, Signer::new("1"));
    issuer.publish(&[&signer]);
    let claims = json!({"sub": "ada", "exp": now() + 120});
    let data = signer.raw(&BASE64_URL_SAFE, &header(&signer), &claims);
    for mood in [Mood::Down, Mood::Says("-----BEGIN".into()), Mood::Redirects("/".into())] {
        issuer.set(mood);
        let verifier = AlbIdentity::new(ARN).keys_url(format!("{}/pem/", issuer.url));
        let server = serve(verifier.build().unwrap()).await;
        let headers = [("x-amzn-oidc-data", &*data)];
        assert_eq!(server.whoami(&headers).await.status, 503);
    }
}

#[test]
fn an_arn_of_something_else_is_an_error() {
    let error = AlbIdentity::new("arn:aws:s3:::bucket").build().err().unwrap().to_string();
    assert!(error.contains("loadbalancer/app/"), "{error}");
}
