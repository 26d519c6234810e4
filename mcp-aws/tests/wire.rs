//! What is sent, and what becomes of bad answers, against a server of the test's own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use mcp_aws::{Client, ErrorKind, Page, Request, connector, service};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{Recording, answer};

fn get_parameter() -> Request {
    Request::new(&service::SSM, "GetParameter").with("Name", "/app/theme")
}

#[tokio::test]
async fn requests_are_signed_for_their_service_and_region() {
    let server = Recording::start(|_| answer(200, "{}")).await;
    let client = server.client();
    client.send(get_parameter().region("eu-west-1")).await.unwrap();
    client
        .send(
            Request::rest(&service::S3, "GetObject", "GET", "/").bucket("b.c").key("k").range(0, 9),
        )
        .await
        .unwrap();
    let post = Request::rest(
        &service::API_GATEWAY_MANAGEMENT,
        "PostToConnection",
        "POST",
        format!("/@connections/{}", mcp_aws::encode("AbC=")),
    )
    .at(format!("{}/stage", server.url))
    .allowed_by("execute-api:ManageConnections")
    .body("hello");
    client.send(post).await.unwrap();
    let asked = server.asked();
    let header = |index: usize, name: &str| {
        asked[index].headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    let signed = |index: usize| header(index, "authorization").unwrap();
    assert!(signed(0).contains("/eu-west-1/ssm/aws4_request"), "{}", signed(0));
    assert!(signed(0).contains("x-amz-target"), "{}", signed(0));
    assert_eq!(header(0, "x-amz-target").as_deref(), Some("AmazonSSM.GetParameter"));
    assert_eq!(header(0, "content-type").as_deref(), Some("application/x-amz-json-1.1"));
    assert_eq!(asked[0].body(), r#"{"Name":"/app/theme"}"#);
    assert!(signed(1).contains("/us-east-1/s3/aws4_request"), "{}", signed(1));
    assert!(signed(1).contains("range;"), "{}", signed(1));
    assert!(header(1, "x-amz-content-sha256").is_some());
    assert_eq!(asked[1].uri().path(), "/b.c/k");
    assert!(signed(2).contains("/us-east-1/execute-api/aws4_request"), "{}", signed(2));
    assert_eq!(asked[2].uri().path(), "/stage/@connections/AbC%3D");
    assert_eq!(asked[2].body(), "hello");
}

#[tokio::test]
async fn what_is_for_everybody_is_not_signed_and_needs_no_credentials() {
    let server = Recording::start(|_| answer(200, "a,b")).await;
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(&server.url)
        .build();
    let client = Client::new(&config);
    let request = Request::rest(&service::PRICE_LIST, "GetPriceListFile", "GET", "/offers/a.csv");
    let file = client.send(request.clone().unsigned()).await.unwrap();
    assert_eq!(file.body().as_ref(), b"a,b");
    let asked = server.asked();
    assert_eq!(asked[0].uri().path(), "/offers/a.csv");
    assert!(!asked[0].headers().contains_key("authorization"), "{asked:?}");
    let error = client.send(request).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoCredentials);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_failure_of_the_service_is_repeated_and_a_refusal_is_not() {
    for (status, body, requests, kind) in [
        (500, "<html>oh</html>", 3, ErrorKind::Failed),
        (503, "", 3, ErrorKind::Failed),
        (400, r#"{"__type":"ThrottlingException"}"#, 3, ErrorKind::Throttled),
        (403, "<E><Error><Code>RequestLimitExceeded</Code></Error></E>", 3, ErrorKind::Throttled),
        (403, r#"{"__type":"x#AccessDeniedException"}"#, 1, ErrorKind::AccessDenied),
        (400, r#"{"__type":"ExpiredTokenException"}"#, 1, ErrorKind::ExpiredCredentials),
        (
            403,
            "<E><Error><Code>SignatureDoesNotMatch</Code></Error></E>",
            1,
            ErrorKind::WrongSignature,
        ),
        (403, "<E><Error><Code>RequestTimeTooSkewed</Code></Error></E>", 1, ErrorKind::WrongClock),
        (403, "", 1, ErrorKind::AccessDenied),
        (418, "tea", 1, ErrorKind::Failed),
    ] {
        let server = Recording::start(move |_| answer(status, body)).await;
        let error = server.client().send(get_parameter()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}: {error}");
        assert_eq!(server.asked().len(), requests, "{status} {body}");
        assert_eq!(error.status(), Some(status));
        assert_eq!(error.is_retryable(), requests == 3, "{error}");
        assert_eq!(error.action(), "ssm:GetParameter");
        assert!(!error.advice().is_empty());
    }
}

#[tokio::test]
async fn a_request_that_fails_once_succeeds() {
    let server = Recording::start(|number| match number {
        0 => None,
        1 => answer(500, ""),
        _ => answer(200, r#"{"ok":true}"#),
    })
    .await;
    let answer: Value = server.client().call(get_parameter()).await.unwrap();
    assert_eq!(answer["ok"], true);
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_connection_that_is_always_cut_is_unreachable() {
    let server = Recording::start(|_| None).await;
    let error = server.client().send(get_parameter()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_given_up_and_not_asked_for_again() {
    let server = Recording::start(|_| answer(200, &"x".repeat(1_000_001))).await;
    let request = get_parameter().response_limit(1_000_000);
    let error = server.client().send(request.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    assert_eq!(server.asked().len(), 1);
    let whole = server.client().send(request.response_limit(1_000_001)).await.unwrap();
    assert_eq!(whole.body().len(), 1_000_001);
}

#[tokio::test]
async fn a_stream_that_is_cut_is_an_error_of_the_stream() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = socket.read(&mut request).await.unwrap();
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    });
    let client =
        Client::new(&support::config(&url, aws_credential_types::Credentials::for_tests()));
    let request = Request::rest(&service::S3, "GetObject", "GET", "/").bucket("bucket").key("k");
    let stream = client.stream(request).await.unwrap();
    assert_eq!(stream.content_length(), Some(100));
    assert!(stream.into_body().collect().await.is_err());
    server.await.unwrap();
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let server = Recording::start(|_| answer(200, "{}")).await;
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(&server.url)
        .http_client(connector())
        .build();
    let error = Client::new(&config).send(get_parameter()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoCredentials, "{error}");
    assert!(error.advice().contains("AWS_PROFILE"));
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn secrets_are_in_no_debug_and_no_error() {
    let server = Recording::start(|number| match number {
        0 => answer(200, r#"{"SecretString":"hush"}"#),
        1 => answer(200, r#"{"SecretString":"hush""#),
        _ => answer(400, r#"{"__type":"X","Parameters":"hush"}"#),
    })
    .await;
    let client = server.client();
    let request = Request::new(&service::SECRETS_MANAGER, "PutSecretValue")
        .with("SecretString", "hush")
        .header("x-secret", "hush")
        .body("hush");
    let response = client.send(request.clone()).await.unwrap();
    let unreadable = client.call::<Value>(request.clone()).await.unwrap_err();
    let refused = client.send(request.clone()).await.unwrap_err();
    assert_eq!(unreadable.kind(), ErrorKind::Unreadable);
    for shown in [
        format!("{client:?} {request:?} {response:?}"),
        format!("{unreadable} {unreadable:?} {}", unreadable.advice()),
        format!("{refused} {refused:?} {}", refused.advice()),
    ] {
        assert!(!shown.contains("hush"), "{shown}");
    }
}

#[tokio::test]
async fn a_token_that_comes_again_ends_the_pages() {
    #[derive(Deserialize)]
    struct Numbers {
        next: Option<String>,
    }
    impl Page for Numbers {
        const TOKEN: &'static str = "Token";

        fn next_token(&mut self) -> Option<String> {
            self.next.take()
        }
    }
    let server = Recording::start(|number| match number {
        0 => answer(200, r#"{"next":"a"}"#),
        _ => answer(200, r#"{"next":"b"}"#),
    })
    .await;
    let mut pages = server.client().pages::<Numbers>(get_parameter());
    let mut count = 0;
    while pages.next().await.unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 3);
    let bodies: Vec<Value> = server
        .asked()
        .iter()
        .map(|request| serde_json::from_slice(request.body()).unwrap())
        .collect();
    assert_eq!(bodies[1], json!({ "Name": "/app/theme", "Token": "a" }));
    assert_eq!(bodies[2], json!({ "Name": "/app/theme", "Token": "b" }));
}

#[tokio::test]
async fn a_region_or_header_that_is_none_fails_the_request() {
    let server = Recording::start(|_| answer(200, "{}")).await;
    let client = server.client();
    let error = client.send(get_parameter().region("evil.example/x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.advice().contains("us-east-1"), "{}", error.advice());
    let error = client.send(get_parameter().header("x-a", "b\r\nc: d")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(server.asked().is_empty());
}
