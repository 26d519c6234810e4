//! Whom each event source has let in, and which tools they may use.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

#[allow(dead_code, unreachable_pub, reason = "another package's tests use the rest")]
#[path = "../../mcp-auth/tests/support/issuer.rs"]
mod issuer;

use std::sync::Arc;

use base64::prelude::*;
use issuer::{Issuer, Signer, now};
use lambda_runtime::{Context, FunctionResponse, LambdaEvent};
use mcp_auth::AlbIdentity;
use mcp_core::{Server, ToolContext, tool};
use mcp_http::Authentication;
use mcp_transport_lambda::{Function, HttpConfig, LambdaConfig};
use serde_json::{Value, json, value::to_raw_value};

/// Tells who calls.
#[tool]
async fn whoami(cx: &ToolContext) -> String {
    cx.principal().map_or_else(|| "nobody".to_owned(), |caller| caller.subject().to_owned())
}

/// Needs a scope.
#[tool(scopes = ["sales:read"])]
async fn read_sales() -> String {
    "sales".to_owned()
}

/// Needs another.
#[tool(scopes = ["sales:write"])]
async fn write_sales() -> String {
    "written".to_owned()
}

fn function(http: HttpConfig) -> Function {
    let server = Server::builder("identity", "1.0")
        .tool::<whoami>()
        .tool::<read_sales>()
        .tool::<write_sales>()
        .build();
    Function::new(server, LambdaConfig::new(http).iam_scopes(["sales:read"]))
}

/// The event with which a source brings a message.
fn event(source: Source, context: &Value, headers: &Value, message: &Value) -> Value {
    let body = message.to_string();
    let mut event = match source {
        Source::FunctionUrl | Source::HttpApi => json!({
            "version": "2.0",
            "rawPath": "/mcp",
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {
                "domainName": match source {
                    Source::FunctionUrl => "id.lambda-url.us-east-1.on.aws",
                    _ => "id.execute-api.us-east-1.amazonaws.com",
                },
                "stage": "$default",
                "http": { "method": "POST", "path": "/mcp" },
            },
        }),
        Source::HttpApiV1 => json!({
            "version": "1.0",
            "httpMethod": "POST",
            "path": "/mcp",
            "headers": headers,
            "requestContext": { "stage": "$default" },
        }),
        Source::RestApi => json!({
            "httpMethod": "POST",
            "path": "/mcp",
            "headers": headers,
            "requestContext": { "stage": "v1" },
        }),
        Source::Alb => json!({
            "httpMethod": "POST",
            "path": "/mcp",
            "headers": headers,
            "requestContext": { "elb": { "targetGroupArn": "arn" } },
        }),
    };
    for (name, value) in context.as_object().unwrap() {
        event["requestContext"][name] = value.clone();
    }
    event["body"] = body.into();
    event["isBase64Encoded"] = false.into();
    event
}

#[derive(Clone, Copy, Debug)]
enum Source {
    FunctionUrl,
    HttpApi,
    HttpApiV1,
    RestApi,
    Alb,
}

/// Asks the function as this caller; the status, and the message.
struct Caller<'a> {
    function: &'a Function,
    source: Source,
    context: Value,
    headers: Value,
}

impl Caller<'_> {
    async fn ask(&self, method: &str, params: Value) -> (u64, Value) {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let event = event(self.source, &self.context, &self.headers, &message);
        let mut context = Context::default();
        context.deadline = (now() + 60) * 1000;
        let event = LambdaEvent::new(to_raw_value(&event).unwrap(), context);
        let FunctionResponse::BufferedResponse(payload) =
            self.function.answer(event).await.unwrap()
        else {
            panic!("a stream")
        };
        let reply = serde_json::to_value(&payload).unwrap();
        let message = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap_or_default();
        (reply["statusCode"].as_u64().unwrap(), message)
    }

    async fn call(&self, tool: &str) -> (u64, Value) {
        self.ask("tools/call", json!({ "name": tool, "arguments": {} })).await
    }

    /// It is this subject, is shown these tools of those that need a scope, and may call them alone.
    async fn is(&self, subject: &str, tools: &[&str]) {
        let source = self.source;
        let (status, told) = self.call("whoami").await;
        assert_eq!(status, 200, "{source:?}: {told}");
        assert_eq!(told["result"]["content"][0]["text"], subject, "{source:?}");
        let (_, list) = self.ask("tools/list", json!({})).await;
        let listed = list["result"]["tools"].as_array().unwrap().iter();
        let listed: Vec<&str> = listed.map(|tool| tool["name"].as_str().unwrap()).collect();
        for tool in ["read_sales", "write_sales"] {
            let may = tools.contains(&tool);
            assert_eq!(listed.contains(&tool), may, "{source:?} {subject}: {listed:?}");
            let (status, answer) = self.call(tool).await;
            if may {
                assert_eq!(answer["result"]["isError"], Value::Null, "{source:?}: {answer}");
            } else {
                assert_eq!((status, &answer["error"]["code"]), (403, &json!(-31403)), "{source:?}");
            }
        }
    }
}

#[tokio::test]
async fn every_authorizer_names_a_caller_with_scopes_for_tools() {
    let function = function(HttpConfig::new());
    let arn = "arn:aws:iam::123456789012:user/ada";
    let (read, both) = (["read_sales"], ["read_sales", "write_sales"]);
    let cases: [(Source, Value, &str, &[&str]); 12] = [
        // IAM has no scopes: they are a setting.
        (Source::FunctionUrl, json!({"authorizer": {"iam": {"userArn": arn}}}), arn, &read),
        (Source::HttpApi, json!({"authorizer": {"iam": {"userArn": arn}}}), arn, &read),
        (Source::RestApi, json!({"identity": {"userArn": arn}}), arn, &read),
        // Cognito.
        (
            Source::RestApi,
            json!({"authorizer": {"claims": {"sub": "ada", "scope": "openid sales:read"}}}),
            "ada",
            &read,
        ),
        (
            Source::RestApi,
            json!({"authorizer": {"claims": {"sub": "ada", "scope": "openid"}}}),
            "ada",
            &[],
        ),
        // JSON Web Tokens.
        (
            Source::HttpApi,
            json!({"authorizer": {"jwt": {
                "claims": {"sub": "ada", "scope": "sales:read sales:write"}, "scopes": null,
            }}}),
            "ada",
            &both,
        ),
        (
            Source::HttpApi,
            json!({"authorizer": {"jwt": {
                "claims": {"sub": "ada"}, "scopes": ["sales:write"],
            }}}),
            "ada",
            &["write_sales"],
        ),
        (
            Source::HttpApiV1,
            json!({"authorizer": {"claims": {"sub": "ada"}, "scopes": ["sales:read"]}}),
            "ada",
            &read,
        ),
        // A Lambda authorizer's context.
        (
            Source::HttpApi,
            json!({"authorizer": {"lambda": {"principalId": "ada", "scope": "sales:write"}}}),
            "ada",
            &["write_sales"],
        ),
        (
            Source::RestApi,
            json!({"authorizer": {"principalId": "ada", "scope": "sales:read sales:write"}}),
            "ada",
            &both,
        ),
        (
            Source::HttpApiV1,
            json!({"authorizer": {"principalId": "ada", "integrationLatency": 3}}),
            "ada",
            &[],
        ),
        // An API key of API Gateway's stands for no scopes.
        (
            Source::RestApi,
            json!({"identity": {"apiKeyId": "k1", "apiKey": "secret", "userArn": null}}),
            "api-key/k1",
            &[],
        ),
    ];
    let headers = json!({ "content-type": "application/json" });
    for (source, context, subject, tools) in cases {
        let caller = Caller { function: &function, source, context, headers: headers.clone() };
        caller.is(subject, tools).await;
    }
    for source in [Source::FunctionUrl, Source::HttpApi, Source::RestApi, Source::Alb] {
        let context = json!({});
        let nobody = Caller { function: &function, source, context, headers: headers.clone() };
        assert_eq!(nobody.call("whoami").await.0, 401, "{source:?}");
    }
}

#[tokio::test]
async fn a_load_balancers_users_are_callers_with_scopes_for_tools() {
    const ARN: &str =
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mcp/01";
    let (issuer, signer) = (Issuer::start().await, Signer::new("11112222-3333"));
    issuer.publish(&[&signer]);
    let verifier = AlbIdentity::new(ARN)
        .keys_url(format!("{}/pem/", issuer.url))
        .scope_claim("custom:roles")
        .build()
        .unwrap();
    let verifiers = Authentication::new(Arc::new(verifier));
    let function = function(HttpConfig::new().authentication(verifiers));
    let header = |signer: &Signer, arn: &str| {
        json!({
            "typ": "JWT",
            "kid": signer.id,
            "alg": "ES256",
            "iss": "https://auth.example.com",
            "client": "app-client",
            "signer": arn,
            "exp": now() + 120,
        })
    };
    let claims = json!({
        "sub": "ada",
        "custom:roles": "sales:read",
        "exp": now() + 120,
        "iss": "https://auth.example.com",
    });
    let with = |data: String| Caller {
        function: &function,
        source: Source::Alb,
        context: json!({}),
        headers: json!({ "content-type": "application/json", "x-amzn-oidc-data": data }),
    };
    // ALB pads its parts, and signs them so.
    let said = signer.raw(&BASE64_URL_SAFE, &header(&signer, ARN), &claims);
    with(said).is("ada", &["read_sales"]).await;
    let another = ARN.replace("/mcp/", "/evil/");
    let evil = signer.raw(&BASE64_URL_SAFE, &header(&signer, &another), &claims);
    assert_eq!(with(evil).call("whoami").await.0, 401);
}
