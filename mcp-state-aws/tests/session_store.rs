//! Legacy sessions in DynamoDB, which is moto's.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

mod support;

use std::{sync::Arc, time::Duration};

use mcp_core::sessions::{SessionRecord, SessionStore};
use mcp_http::HttpConfig;
use mcp_stage::session_store::SessionPlace;
use mcp_state_aws::DynamoDbSessionStore;
use serde_json::json;
use support::{
    Stage, TABLE,
    fault_proxy::{Fault, FaultProxy},
};

impl SessionPlace for Stage {
    fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(DynamoDbSessionStore::new(TABLE).client(self.client.clone()))
    }
}

mcp_stage::session_store_tests!(Some(Stage::set().await));

#[tokio::test]
async fn a_session_that_is_there_is_never_replaced() {
    let place = Stage::set().await;
    let store = place.store();
    let record = |owner: &str| SessionRecord { initialize: "{}".into(), owner: Some(owner.into()) };
    let keep = Duration::from_secs(60);
    store.save("s", &record("ada"), keep).await.unwrap();
    assert!(store.save("s", &record("eve"), keep).await.is_err());
    assert_eq!(store.load("s").await.unwrap(), Some(record("ada")));
}

#[tokio::test]
async fn a_table_that_does_not_answer_is_an_error_and_no_hang() {
    let place = Stage::set().await;
    let missing = DynamoDbSessionStore::new("no-such-table").client(place.client.clone());
    assert!(missing.load("s").await.is_err());
    assert!(missing.touch("s", Duration::from_secs(1)).await.is_err());
}

/// A process of a function behind a Function URL, which answers a legacy client's POST.
async fn post(
    place: &Stage,
    session: Option<&str>,
    message: &serde_json::Value,
) -> serde_json::Value {
    use lambda_runtime::{Context, FunctionResponse, LambdaEvent};
    use mcp_transport_lambda::{Function, LambdaConfig};

    let stage = Arc::<mcp_stage::Stage>::default();
    let http = HttpConfig::new().session_store(place.store());
    let config = LambdaConfig::new(http).allow_anonymous(true);
    let function = Function::new(mcp_stage::server(&stage), config);
    let mut headers = json!({
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
    });
    if let Some(session) = session {
        headers["mcp-session-id"] = session.into();
    }
    let event = json!({
        "version": "2.0",
        "rawPath": "/mcp",
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "domainName": "id.lambda-url.us-east-1.on.aws",
            "stage": "$default",
            "http": { "method": "POST", "path": "/mcp" },
        },
        "body": message.to_string(),
        "isBase64Encoded": false,
    });
    let event =
        LambdaEvent::new(serde_json::value::to_raw_value(&event).unwrap(), Context::default());
    match function.answer(event).await.unwrap() {
        FunctionResponse::BufferedResponse(reply) => serde_json::to_value(&reply).unwrap(),
        FunctionResponse::StreamingResponse(_) => panic!("a stream"),
    }
}

#[tokio::test]
async fn each_request_of_a_session_may_be_another_functions_process() {
    let place = Stage::set().await;
    let opened = post(&place, None, &mcp_stage::initialize(0, "2025-11-25")).await;
    let session = opened["headers"]["mcp-session-id"].as_str().unwrap().to_owned();
    assert_eq!(post(&place, Some(&session), &mcp_stage::initialized()).await["statusCode"], 202);
    for id in 1..4 {
        let call = mcp_stage::legacy(id, "add", json!({ "a": 1, "b": 2 }));
        let reply = post(&place, Some(&session), &call).await;
        assert_eq!(reply["statusCode"], 200, "{reply}");
        assert!(reply["body"].as_str().unwrap().contains(r#""text":"3""#), "{reply}");
    }
    let call = mcp_stage::legacy(5, "add", json!({ "a": 1, "b": 2 }));
    assert_eq!(post(&place, Some("unknown"), &call).await["statusCode"], 404);
}

#[tokio::test]
async fn a_table_that_throttles_is_a_503_and_then_everything_works_again() {
    let proxy = FaultProxy::start().await;
    let place = Stage::set_at(&proxy.url).await;
    let stage = Arc::<mcp_stage::Stage>::default();
    let (first, second) = (place.replica(&stage), place.replica(&stage));
    let session = first.open().await;
    let add = |id| mcp_stage::legacy(id, "add", json!({ "a": 1, "b": 2 }));
    // Now and then is nothing that a client would notice.
    proxy.set(Fault::PassesOneOf(2));
    for id in 1..5 {
        assert_eq!(mcp_stage::text(&second.post(&session, &add(id)).await.message()), "3");
    }
    proxy.set(Fault::Throttled(""));
    let third = place.replica_with(&stage, HttpConfig::new());
    for answer in [
        third.ask("POST", None, Some(&mcp_stage::initialize(0, "2025-11-25"))).await,
        third.post(&session, &add(5)).await,
    ] {
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(mcp_stage::code(&answer.message()), -31503);
    }
    // What a replica has in memory goes on.
    assert_eq!(mcp_stage::text(&first.post(&session, &add(6)).await.message()), "3");
    proxy.set(Fault::None);
    assert_eq!(mcp_stage::text(&third.post(&session, &add(7)).await.message()), "3");
}
