//! The events that AWS documents, and what is made of them.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use mcp_core::Principal;
use serde_json::json;

use crate::{
    event::{Event, HttpEvent, RequestContext, SocketEvent},
    identity::principal,
    request::{body, headers, request},
    shape::Shape,
};

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../tests/events/", $name, ".json"))
    };
}

struct Read {
    shape: Shape,
    principal: Option<Principal>,
    request: Request<Bytes>,
}

fn read(text: &str) -> Read {
    let Ok(Event::Http(shape, event)) = Event::parse(text) else { panic!("no HTTP event: {text}") };
    let principal = event.request_context.as_ref().and_then(|context| principal(context, &[]));
    let (parts, body) = request(shape, *event).unwrap().into_parts();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(body.collect()).unwrap().to_bytes();
    Read { shape, principal, request: Request::from_parts(parts, body) }
}

impl Read {
    fn header(&self, name: &str) -> Vec<&str> {
        self.request.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    fn line(&self) -> String {
        format!("{} {}", self.request.method(), self.request.uri())
    }
}

#[test]
fn function_url() {
    let read = read(sample!("lambda_function_url_request"));
    assert_eq!(read.shape, Shape::FunctionUrl);
    assert_eq!(read.line(), "GET /my/path?parameter1=value1&parameter1=value2&parameter2=value");
    assert_eq!(read.header("cookie"), ["test=hi"]);
    assert_eq!(read.header("host"), ["id.lambda-url.eu-west-2.on.aws"]);
    assert!(read.request.body().is_empty() && read.principal.is_none());
}

#[test]
fn http_api_with_iam() {
    let read = read(sample!("example-apigw-v2-request-iam"));
    assert_eq!(read.shape, Shape::HttpApi);
    assert_eq!(read.header("cookie"), ["cookie1; cookie2"]);
    assert_eq!(read.header("header1"), ["value1"]);
    assert_eq!(&read.request.body()[..], b"{\r\n\t\"a\": 1\r\n}");
    assert_eq!(read.principal.unwrap().subject(), "arn:aws:iam::1234567890:user/Admin");
}

#[test]
fn http_api_with_a_jwt_authorizer() {
    let caller = read(sample!("example-apigw-v2-request-jwt-authorizer")).principal.unwrap();
    assert!(caller.has_scope("scope1") && caller.has_scope("scope2"));
    assert!(!caller.has_scope("value1"));
}

#[test]
fn http_api_with_a_lambda_authorizer() {
    let read = read(sample!("example-apigw-v2-request-lambda-authorizer"));
    assert_eq!(read.principal.unwrap().subject(), "lambda-authorizer");
}

#[test]
fn http_api_without_an_authorizer() {
    let read = read(sample!("example-apigw-v2-request-no-authorizer"));
    assert_eq!(read.shape, Shape::HttpApi);
    assert!(read.principal.is_none());
}

#[test]
fn the_stage_of_an_http_api_is_no_part_of_the_path() {
    let read = read(sample!("apigw_v2_proxy_request_with_stage_in_path"));
    assert_eq!(read.line(), "POST /my/path?parameter1=value1&parameter1=value2&parameter2=value");
    assert_eq!(read.header("cookie"), ["cookie1=value1; cookie2=value2"]);
}

#[test]
fn a_space_in_a_path_is_encoded() {
    let read = read(sample!("apigw_request_path_with_space"));
    assert_eq!(read.request.uri().path(), "/my/path-with%20space");
}

#[test]
fn rest_api() {
    let read = read(sample!("example-apigw-request"));
    assert_eq!(read.shape, Shape::RestApi);
    assert_eq!(read.line(), "POST /hello/world?name=me");
    assert_eq!(read.header("headername"), ["headerValue"]);
    assert_eq!(&read.request.body()[..], b"{\r\n\t\"a\": 1\r\n}");
    assert_eq!(read.principal.unwrap().subject(), "admin");
}

#[test]
fn rest_api_with_iam() {
    let text = sample!("example-apigw-console-test-request");
    let Ok(Event::Http(shape, event)) = Event::parse(text) else { panic!("no HTTP event") };
    assert_eq!(shape, Shape::RestApi);
    let caller = principal(&event.request_context.unwrap(), &["iam".into()]).unwrap();
    assert_eq!(caller.subject(), "arn:aws:sts::xxxxx:assumed-role/xxxxx/xxxxx");
    assert!(caller.has_scope("iam"));
}

#[test]
fn rest_api_with_cognito() {
    let claims = sample!("cognito-access-token");
    let context = format!(r#"{{"authorizer":{{"claims":{claims}}}}}"#);
    let caller = caller(&context).unwrap();
    assert_eq!(caller.subject(), "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
    assert!(caller.has_scope("resourceserver.1/appclient2") && caller.has_scope("email"));
    assert!(!caller.has_scope("testgroup"));
}

#[test]
fn rest_api_with_several_values() {
    let read = read(sample!("example-apigw-request-multi-value-parameters"));
    assert_eq!(read.line(), "POST /hello/world?name=me&name=me2");
    assert_eq!(read.header("headername"), ["headerValue", "headerValue2"]);
}

#[test]
fn load_balancer() {
    let read = read(sample!("example-alb-lambda-target-request-headers-only"));
    assert_eq!(read.shape, Shape::Alb { multi_value: false });
    assert_eq!(read.line(), "GET /?key=hello");
    assert_eq!(read.header("x-myheader"), ["123"]);
    assert!(read.request.body().is_empty() && read.principal.is_none());
}

#[test]
fn load_balancer_with_multi_value_headers() {
    let read = read(sample!("example-alb-lambda-target-request-multivalue-headers"));
    assert_eq!(read.shape, Shape::Alb { multi_value: true });
    assert_eq!(read.line(), "GET /?key=hello");
    assert_eq!(read.header("x-forwarded-for"), ["72.21.198.67"]);
    assert_eq!(&read.request.body()[..], b"Some text");
}

#[test]
fn a_load_balancer_passes_encoded_parameters_on() {
    let single = read(sample!("alb_request_encoded_query_parameters"));
    assert_eq!(single.line(), "GET /?myKey=%3FshowAll%3Dtrue");
    let multiple = read(sample!("alb_multi_value_request_encoded_query_parameters"));
    assert_eq!(multiple.line(), "GET /?myKey=%3FshowAll%3Dtrue&myKey=%3FshowAll%3Dfalse");
    assert_eq!(multiple.header("cookie"), ["name1=value1", "name2=value2"]);
}

#[test]
fn load_balancers_health_check() {
    let read = read(sample!("alb_health_check"));
    assert_eq!(read.header("user-agent"), ["ELB-HealthChecker/2.0"]);
    assert_eq!(read.line(), "GET /");
}

#[test]
fn schedule() {
    let event = Event::parse(sample!("example-eventbridge-schedule"));
    assert!(matches!(event, Ok(Event::Schedule)));
}

#[test]
fn queue() {
    let event = Event::parse(sample!("example-sqs-event"));
    assert!(matches!(event, Ok(Event::Queue(_))));
    // Another service's batch is no queue of ours.
    let other = sample!("example-sqs-event").replace("aws:sqs", "aws:kinesis");
    assert!(Event::parse(&other).is_err());
}

#[test]
fn base64_bodies_are_decoded_and_others_refused() {
    let event = |body: &str| {
        json!({
            "httpMethod": "POST",
            "path": "/mcp",
            "requestContext": { "elb": {} },
            "headers": {},
            "body": body,
            "isBase64Encoded": true,
        })
        .to_string()
    };
    assert_eq!(&read(&event("eyJhIjoxfQ==")).request.body()[..], br#"{"a":1}"#);
    let text = event("no base64!");
    let Ok(Event::Http(shape, event)) = Event::parse(&text) else { panic!() };
    assert!(request(shape, *event).is_err());
}

/// `requestContext` with an authorizer of API Gateway's documentation.
fn caller(context: &str) -> Option<Principal> {
    let context: RequestContext<'_> = serde_json::from_str(context).unwrap();
    principal(&context, &["iam".into()])
}

#[test]
fn callers_are_who_the_source_says() {
    // "Use Amazon Cognito user pools as authorizer": the claims of an access token.
    let cognito = caller(
        r#"{"authorizer":{"claims":{"sub":"a1b2","scope":"sales:read sales:write","cognito:username":"ada"}}}"#,
    )
    .unwrap();
    assert_eq!(cognito.subject(), "a1b2");
    assert!(cognito.has_scope("sales:write") && !cognito.has_scope("sales"));

    // "JWT authorizers": lists stand in claims as text in brackets.
    let jwt =
        caller(r#"{"authorizer":{"jwt":{"claims":{"sub":"s","scp":"[a b]"},"scopes":["c"]}}}"#)
            .unwrap();
    assert!(["a", "b", "c"].iter().all(|scope| jwt.has_scope(scope)));

    let lambda =
        caller(r#"{"authorizer":{"lambda":{"principalId":"ada","scope":"x y","n":1}}}"#).unwrap();
    assert_eq!(lambda.subject(), "ada");
    assert!(lambda.has_scope("y"));

    let lambda_v1 =
        caller(r#"{"authorizer":{"principalId":"ada","scope":"x","integrationLatency":3}}"#);
    assert!(lambda_v1.unwrap().has_scope("x"));

    // A REST API with IAM authorization, and a Function URL with it.
    for context in [
        r#"{"identity":{"userArn":"arn:aws:iam::1:user/a","apiKeyId":"k"}}"#,
        r#"{"authorizer":{"iam":{"userArn":"arn:aws:iam::1:user/a","userId":"AIDA"}}}"#,
    ] {
        let iam = caller(context).unwrap();
        assert_eq!(iam.subject(), "arn:aws:iam::1:user/a");
        assert!(iam.has_scope("iam"));
    }

    let key = caller(r#"{"identity":{"userArn":null,"apiKeyId":"k1","apiKey":"secret"}}"#).unwrap();
    assert_eq!(key.subject(), "api-key/k1");
    assert!(!key.has_scope("iam"));
}

#[test]
fn nobody_is_nobody() {
    for context in [
        "{}",
        r#"{"authorizer":null,"identity":null}"#,
        r#"{"authorizer":{"integrationLatency":21}}"#,
        r#"{"authorizer":{"iam":null},"identity":{"userArn":null,"sourceIp":"1.2.3.4"}}"#,
        r#"{"authorizer":{"claims":null}}"#,
        r#"{"authorizer":[1,2]}"#,
    ] {
        assert_eq!(caller(context), None, "{context}");
    }
}

#[test]
fn what_is_no_event_is_an_error() {
    for text in [
        "null",
        "1",
        "\"text\"",
        "{}",
        r#"{"Records":[]}"#,
        r#"{"requestContext":{}}"#,
        r#"{"requestContext":{"connectionId":"x","eventType":"CONNECT"}}"#,
        r#"{"headers":1}"#,
        r#"{"httpMethod":"GET","path":"/"}"#,
    ] {
        assert!(Event::parse(text).is_err(), "{text}");
    }
}

fn socket(text: &str) -> (SocketEvent, Box<HttpEvent<'_>>) {
    let Ok(Event::Socket(happened, event)) = Event::parse(text) else {
        panic!("no event of a WebSocket API: {text}")
    };
    (happened, event)
}

#[test]
fn web_socket_api_connect() {
    let (happened, event) = socket(sample!("apiGatewayWebSocketApiConnect"));
    assert_eq!(happened, SocketEvent::Connect);
    let context = event.request_context.unwrap();
    assert_eq!(context.connection_id.as_deref(), Some("BFHPhfCWIAMCKlQ="));
    assert_eq!(
        context.domain_name.as_deref(),
        Some("asasasas.execute-api.us-east-1.amazonaws.com")
    );
    assert_eq!(context.stage.as_deref(), Some("prod"));
    assert_eq!(principal(&context, &[]), None);
    let headers = headers(event.multi_value_headers, event.headers);
    assert_eq!(headers["sec-websocket-version"], "13");
}

#[test]
fn web_socket_api_connect_with_an_api_key() {
    let (happened, event) = socket(sample!("example-apigw-websocket-request-without-method"));
    assert_eq!(happened, SocketEvent::Connect);
    let caller = principal(&event.request_context.unwrap(), &[]).unwrap();
    assert_eq!(caller.subject(), "api-key/asdf");
}

#[test]
fn web_socket_api_connect_with_an_authorizer() {
    // It has all that an event of a REST API has, too.
    let (happened, event) = socket(sample!("example-apigw-websocket-request"));
    assert_eq!(happened, SocketEvent::Connect);
    let caller = principal(&event.request_context.unwrap(), &[]).unwrap();
    assert_eq!(caller.subject(), "admin");
}

#[test]
fn web_socket_api_message() {
    let (happened, event) = socket(sample!("apiGatewayWebSocketApiMessage"));
    assert_eq!(happened, SocketEvent::Message);
    let context = event.request_context.as_ref().unwrap();
    assert_eq!(context.connection_id.as_deref(), Some("BFaT_fALIAMCKug="));
    let body = body(event.body, event.is_base64_encoded).unwrap();
    assert_eq!(&body[..], br#"{"action": "chat", "message": "Hello from client"}"#);
}

#[test]
fn web_socket_api_disconnect() {
    for (sample, connection) in [
        (sample!("apiGatewayWebSocketApiDisconnect"), "BFaT_fALIAMCKug="),
        (sample!("example-apigw-websocket-request-disconnect-route"), "AAAA1234="),
    ] {
        let (happened, event) = socket(sample);
        assert_eq!(happened, SocketEvent::Disconnect);
        let context = event.request_context.unwrap();
        assert_eq!(context.connection_id.as_deref(), Some(connection));
    }
}

#[test]
fn what_an_authorizer_is_asked_with_is_no_connection() {
    let event = sample!("example-apigw-v2-custom-authorizer-websocket-request");
    assert!(Event::parse(event).is_err());
}
