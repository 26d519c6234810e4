//! One invocation at a time: what each event is answered with.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::{Duration, SystemTime},
};

use futures_core::Stream as _;
use lambda_runtime::{Context, FunctionResponse, LambdaEvent, MetadataPrelude};
use mcp_core::{
    Request, Response, Server, ServerBuilder, ToolContext, ToolResult, TraceContext, tool,
};
use mcp_transport_lambda::{BodyStream, Function, HttpConfig, LambdaConfig, ResponseMode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json, value::to_raw_value};

/// Repeats a text so many times.
#[tool]
async fn repeat(cx: &ToolContext, text: String, times: usize) -> String {
    cx.progress(0.5, "repeating").await;
    text.repeat(times)
}

/// Reports so many steps of progress, each with a long message.
#[tool]
async fn chatter(cx: &ToolContext, steps: u64) -> String {
    for step in 1..=steps {
        cx.progress_of(step, steps, "x".repeat(10_000)).await;
    }
    "done".to_owned()
}

/// Reports progress, and then never ends.
#[tool]
async fn hang(cx: &ToolContext, says_so: bool) -> u32 {
    if says_so {
        cx.progress(0.1, "hanging").await;
    }
    std::future::pending().await
}

/// Tells what it knows of its call.
#[tool]
async fn facts(cx: &ToolContext) -> String {
    let caller = cx.principal().map(|caller| caller.subject().to_owned());
    let trace = cx.trace_context().map(TraceContext::trace_id);
    format!("{caller:?} {:?} {trace:?}", cx.tenant())
}

/// Needs a scope.
#[tool(scopes = ["sales:read"])]
async fn scoped() -> u32 {
    1
}

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// Asks for a name.
#[tool]
async fn ask(cx: &ToolContext) -> ToolResult<bool> {
    Ok(cx.elicit::<Name>("Who?").await?.accepted().is_some_and(|form| !form.name.is_empty()))
}

fn builder() -> ServerBuilder {
    Server::builder("function", "1.0")
        .tool::<repeat>()
        .tool::<chatter>()
        .tool::<hang>()
        .tool::<facts>()
        .tool::<scoped>()
        .tool::<ask>()
}

fn config() -> LambdaConfig {
    LambdaConfig::new(HttpConfig::new()).allow_anonymous(true)
}

fn function(config: LambdaConfig) -> Function {
    Function::new(builder().build(), config)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum From {
    Url,
    Http,
    Rest,
    Alb,
    AlbMulti,
}

const ALL: [From; 5] = [From::Url, From::Http, From::Rest, From::Alb, From::AlbMulti];

/// An event that brings this HTTP request.
fn event(from: From, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let single: Value =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let multiple: Value =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    let domain = match from {
        From::Url => "id.lambda-url.us-east-1.on.aws",
        _ => "id.execute-api.us-east-1.amazonaws.com",
    };
    match from {
        From::Url | From::Http => json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": single,
            "requestContext": {
                "domainName": domain,
                "stage": "$default",
                "http": { "method": method, "path": path },
            },
            "body": body,
            "isBase64Encoded": false,
        }),
        From::Rest => json!({
            "httpMethod": method,
            "path": path,
            "headers": single,
            "multiValueHeaders": multiple,
            "queryStringParameters": null,
            "stageVariables": null,
            "requestContext": { "stage": "v1", "identity": {} },
            "body": body,
            "isBase64Encoded": false,
        }),
        From::Alb | From::AlbMulti => {
            let mut event = json!({
                "httpMethod": method,
                "path": path,
                "requestContext": { "elb": { "targetGroupArn": "arn" } },
                "body": body,
                "isBase64Encoded": false,
            });
            if from == From::Alb {
                event["headers"] = single;
            } else {
                event["multiValueHeaders"] = multiple;
            }
            event
        }
    }
}

const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

fn post(from: From, body: &str) -> Value {
    event(from, "POST", "/mcp", &[("content-type", "application/json"), BOTH], body)
}

fn call(tool: &str, arguments: Value) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": tool,
            "arguments": arguments,
            "_meta": { "progressToken": "p" },
        },
    })
    .to_string()
}

enum Reply {
    Whole(Value),
    Stream(MetadataPrelude, BodyStream),
}

impl Reply {
    fn whole(self) -> Value {
        match self {
            Self::Whole(reply) => reply,
            Self::Stream(prelude, _) => panic!("a stream: {prelude:?}"),
        }
    }

    /// The JSON-RPC message in the body of a whole reply.
    fn message(self) -> Value {
        let reply = self.whole();
        let body = reply["body"].as_str().unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"))
    }
}

fn context(left: Duration) -> Context {
    let mut context = Context::default();
    let ends = SystemTime::now() + left;
    let ends = ends.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from(ends.as_millis()).unwrap();
    context
}

async fn answer_within(function: &Function, event: &Value, context: Context) -> Reply {
    let event = LambdaEvent::new(to_raw_value(event).unwrap(), context);
    match function.answer(event).await.unwrap() {
        FunctionResponse::BufferedResponse(payload) => {
            Reply::Whole(serde_json::to_value(&payload).unwrap())
        }
        FunctionResponse::StreamingResponse(stream) => {
            Reply::Stream(stream.metadata_prelude, stream.stream)
        }
    }
}

async fn answer(function: &Function, event: &Value) -> Reply {
    answer_within(function, event, context(Duration::from_secs(60))).await
}

async fn next(stream: &mut BodyStream) -> Option<String> {
    let chunk = std::future::poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await?;
    Some(String::from_utf8(chunk.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn each_source_gets_a_reply_of_its_form() {
    let function = function(config());
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for from in ALL {
        let reply = answer(&function, &post(from, list)).await.whole();
        assert_eq!(reply["statusCode"], 200, "{from:?}");
        assert_eq!(reply["isBase64Encoded"], false);
        let message: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(message["result"]["tools"].as_array().unwrap().len(), 6);
        let kind = match from {
            From::Url | From::Http | From::Alb => &reply["headers"]["content-type"],
            From::Rest | From::AlbMulti => &reply["multiValueHeaders"]["content-type"][0],
        };
        assert_eq!(kind, "application/json", "{from:?}");
        let is_alb = matches!(from, From::Alb | From::AlbMulti);
        assert_eq!(reply["statusDescription"] == "200 OK", is_alb);
        let forms = ["headers", "multiValueHeaders"].map(|form| reply.get(form).is_some());
        assert!(forms[0] != forms[1], "{from:?}: one form of headers, not {forms:?}");
    }
}

#[tokio::test]
async fn there_are_no_sessions() {
    let function = function(config());
    for from in ALL {
        for method in ["GET", "DELETE"] {
            let event = event(from, method, "/mcp", &[("mcp-session-id", "s")], "");
            assert_eq!(answer(&function, &event).await.whole()["statusCode"], 405, "{from:?}");
        }
        let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let reply = answer(&function, &post(from, initialized)).await.whole();
        assert_eq!((&reply["statusCode"], &reply["body"]), (&json!(202), &json!("")));
    }
    for (asked, agreed) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let initialize = json!({
            "jsonrpc": "2.0",
            "id": "i",
            "method": "initialize",
            "params": {
                "protocolVersion": asked,
                "capabilities": {},
                "clientInfo": { "name": "c", "version": "1" },
            },
        });
        let reply = answer(&function, &post(From::Url, &initialize.to_string())).await.whole();
        assert!(reply["headers"].get("mcp-session-id").is_none(), "{reply}");
        let message: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(message["id"], "i");
        assert_eq!(message["result"]["protocolVersion"], agreed);
        assert_eq!(message["result"]["serverInfo"]["name"], "function");
        // Nothing that would need a session.
        assert_eq!(message["result"]["capabilities"], json!({ "tools": {} }));
    }
}

#[tokio::test]
async fn a_legacy_client_cannot_be_asked() {
    let function = function(config());
    let reply = answer(&function, &post(From::Url, &call("ask", json!({})))).await.message();
    assert_eq!(reply["result"]["isError"], true);
    assert!(reply["result"]["content"][0]["text"].as_str().unwrap().contains("session"));
}

#[tokio::test]
async fn notifications_come_with_the_result_to_those_who_take_events() {
    let function = function(config());
    let text = call("repeat", json!({ "text": "ab", "times": 2 }));
    for from in ALL {
        let reply = answer(&function, &post(from, &text)).await.whole();
        let body = reply["body"].as_str().unwrap();
        let events: Vec<&str> = body.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 2, "{from:?}: {body}");
        assert!(events[0].contains("notifications/progress"), "{body}");
        assert!(events[1].contains(r#""text":"abab""#), "{body}");

        let json_only = [("accept", "application/json")];
        let event = event(from, "POST", "/mcp", &json_only, &text);
        let message = answer(&function, &event).await.message();
        assert_eq!(message["result"]["content"][0]["text"], "abab", "{from:?}");
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_first_notification() {
    let function = function(config().response(ResponseMode::Stream));
    for from in [From::Url, From::Rest] {
        let text = call("hang", json!({ "says_so": true }));
        let Reply::Stream(prelude, mut stream) = answer(&function, &post(from, &text)).await else {
            panic!("no stream");
        };
        assert_eq!(prelude.headers["content-type"], "text/event-stream");
        assert!(!prelude.headers.contains_key("content-length"));
        // The tool never ends: what is here was not held back for its result.
        assert!(next(&mut stream).await.unwrap().contains(r#""message":"hanging""#));
        let mut cx = TaskContext::from_waker(std::task::Waker::noop());
        assert!(matches!(Pin::new(&mut stream).poll_next(&mut cx), Poll::Pending));
    }
}

#[tokio::test]
async fn without_a_notification_a_stream_is_one_text_with_its_length() {
    let function = function(config().response(ResponseMode::Stream));
    let Reply::Stream(prelude, mut stream) =
        answer(&function, &post(From::Url, &call("facts", json!({})))).await
    else {
        panic!("no stream");
    };
    let body = next(&mut stream).await.unwrap();
    assert_eq!(prelude.status_code, 200);
    assert_eq!(prelude.headers["content-type"], "application/json");
    assert_eq!(prelude.headers["content-length"], body.len().to_string());
    assert!(next(&mut stream).await.is_none());
}

#[tokio::test]
async fn only_those_who_can_stream_get_streams() {
    let streaming = function(config().response(ResponseMode::Stream));
    let auto = function(config());
    let text = call("facts", json!({}));
    for from in ALL {
        let is_stream = |reply: &Reply| matches!(reply, Reply::Stream(..));
        let reply = answer(&streaming, &post(from, &text)).await;
        assert_eq!(is_stream(&reply), matches!(from, From::Url | From::Rest), "{from:?}");
        assert!(!is_stream(&answer(&auto, &post(from, &text)).await), "{from:?}");

        // A stage says it for itself.
        let mut staged = post(from, &text);
        staged["stageVariables"] = json!({ "MCP_LAMBDA_RESPONSE": "stream" });
        let reply = answer(&auto, &staged).await;
        assert_eq!(is_stream(&reply), matches!(from, From::Url | From::Rest), "{from:?}");
    }
}

#[tokio::test]
async fn a_call_ends_before_its_invocation() {
    let function = function(config());
    for from in ALL {
        let event = post(from, &call("hang", json!({ "says_so": false })));
        let reply = answer_within(&function, &event, context(Duration::from_millis(200))).await;
        let message = reply.message();
        assert_eq!(message["error"]["code"], -31504, "{from:?}");
        assert_eq!(message["id"], 1);
    }
}

#[tokio::test]
async fn a_stream_ends_before_its_invocation() {
    let function = function(config().response(ResponseMode::Stream));
    let event = post(From::Url, &call("hang", json!({ "says_so": true })));
    let reply = answer_within(&function, &event, context(Duration::from_millis(200))).await;
    let Reply::Stream(_, mut stream) = reply else { panic!("no stream") };
    let mut body = String::new();
    while let Some(chunk) = next(&mut stream).await {
        body.push_str(&chunk);
    }
    assert!(body.contains(r#""code":-31504"#), "{body}");
}

#[tokio::test]
async fn what_hangs_around_a_call_is_cut_off_too() {
    let stuck = tower::layer::layer_fn(|_| {
        tower::service_fn(|_: Request| {
            std::future::pending::<Result<Response, mcp_core::BoxError>>()
        })
    });
    let function = Function::new(builder().layer(stuck).build(), config());
    let event = post(From::Url, &call("facts", json!({})));
    let reply = answer_within(&function, &event, context(Duration::from_millis(200))).await;
    assert_eq!(reply.message()["error"]["code"], -31504);
}

#[tokio::test]
async fn too_large_an_answer_is_a_tool_error_that_says_the_limit() {
    let function = function(config());
    for (from, text, times, limit) in [
        (From::Alb, "x", 1 << 20, "1 MB"),
        (From::AlbMulti, "x", 1 << 20, "1 MB"),
        (From::Url, "x", 7 << 20, "6 MB"),
        (From::Rest, "x", 7 << 20, "6 MB"),
        (From::Http, "x", 7 << 20, "6 MB"),
        // Each of them takes four bytes in a string inside of a string.
        (From::Url, "\"", 2 << 20, "6 MB"),
    ] {
        let text = call("repeat", json!({ "text": text, "times": times }));
        let event = event(from, "POST", "/mcp", &[("accept", "application/json")], &text);
        let message = answer(&function, &event).await.message();
        assert_eq!(message["result"]["isError"], true, "{from:?}");
        let text = message["result"]["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("too large") && text.contains(limit), "{from:?}: {text}");
    }
}

#[tokio::test]
async fn an_answer_within_the_limit_comes_whole() {
    let function = function(config());
    for (from, times) in [(From::Alb, 1_000_000), (From::Url, 6_200_000)] {
        let text = call("repeat", json!({ "text": "x", "times": times }));
        let event = event(from, "POST", "/mcp", &[("accept", "application/json")], &text);
        let reply = answer(&function, &event).await.whole();
        let limit = if from == From::Alb { 1024 * 1024 } else { 6_291_556 };
        assert!(reply.to_string().len() <= limit);
        let message: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        assert_eq!(message["result"]["content"][0]["text"].as_str().unwrap().len(), times);
    }
}

#[tokio::test]
async fn a_stream_carries_more() {
    let function = function(config().response(ResponseMode::Stream));
    let text = call("repeat", json!({ "text": "x", "times": 7 << 20 }));
    let Reply::Stream(_, mut stream) = answer(&function, &post(From::Url, &text)).await else {
        panic!("no stream");
    };
    let mut size = 0;
    while let Some(chunk) = next(&mut stream).await {
        size += chunk.len();
    }
    assert!(size > 7 << 20);
}

#[tokio::test]
async fn more_notifications_than_a_reply_holds_are_left_out() {
    let function = function(config());
    let text = call("chatter", json!({ "steps": 150 }));
    let reply = answer(&function, &post(From::Alb, &text)).await.whole();
    assert!(reply.to_string().len() <= 1024 * 1024);
    let body = reply["body"].as_str().unwrap();
    assert!(body.starts_with("data: ") && body.ends_with("\n\n"), "{body:.80}");
    assert!(body.contains(r#""text":"done""#));
}

#[tokio::test]
async fn who_is_not_authenticated_is_refused_unless_anyone_is_allowed() {
    let function = function(LambdaConfig::new(HttpConfig::new()).iam_scopes(["sales:read"]));
    for from in ALL {
        let reply = answer(&function, &post(from, &call("facts", json!({})))).await.whole();
        assert_eq!(reply["statusCode"], 401, "{from:?}");
        assert!(reply["body"].as_str().unwrap().contains("MCP_ALLOW_ANONYMOUS"));
    }
    let mut signed = post(From::Url, &call("scoped", json!({})));
    signed["requestContext"]["authorizer"] =
        json!({ "iam": { "userArn": "arn:aws:iam::1:user/ada" } });
    let message = answer(&function, &signed).await.message();
    assert_eq!(message["result"]["content"][0]["text"], "1");

    let mut token = post(From::Http, &call("scoped", json!({})));
    token["requestContext"]["authorizer"] =
        json!({ "jwt": { "claims": { "sub": "ada", "scope": "other" }, "scopes": null } });
    assert_eq!(answer(&function, &token).await.message()["error"]["code"], -31403);

    // Whoever may invoke the function has been let in by IAM.
    let direct: Value = serde_json::from_str(&call("facts", json!({}))).unwrap();
    let reply = answer(&function, &direct).await.whole();
    assert_eq!(reply["result"]["isError"], Value::Null);
}

#[tokio::test]
async fn health_checks_are_answered() {
    let function = function(LambdaConfig::new(HttpConfig::new()));
    for from in ALL {
        let event = event(from, "GET", "/health", &[], "");
        let reply = answer(&function, &event).await.whole();
        assert_eq!(
            (&reply["statusCode"], &reply["body"]),
            (&json!(200), &json!(r#"{"status":"ok"}"#))
        );
    }
    let checker = [("user-agent", "ELB-HealthChecker/2.0")];
    let balancer = event(From::Alb, "GET", "/", &checker, "");
    assert_eq!(answer(&function, &balancer).await.whole()["statusCode"], 200);
    let visitor = event(From::Url, "GET", "/", &checker, "");
    assert_eq!(answer(&function, &visitor).await.whole()["statusCode"], 401);
}

#[tokio::test]
async fn tenant_and_trace_reach_the_tool() {
    let function = function(config());
    let mut context = context(Duration::from_secs(60));
    context.tenant_id = Some("blue".to_owned());
    context.xray_trace_id = Some(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
    );
    let event = post(From::Url, &call("facts", json!({})));
    let message = answer_within(&function, &event, context.clone()).await.message();
    assert_eq!(
        message["result"]["content"][0]["text"],
        r#"None Some("blue") Some("5759e988bd862e3fe1be46a994272793")"#
    );
    // The client's own trace goes before that of the platform.
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let own = [("traceparent", traceparent)];
    let event = self::event(From::Url, "POST", "/", &own, &call("facts", json!({})));
    let message = answer_within(&function, &event, context).await.message();
    let text = message["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("0af7651916cd43dd8448eb211c80319c"), "{text}");
}

/// Keeps what is to be done, for a test to deliver it.
#[derive(Clone, Default)]
struct Outbox(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl mcp_core::tasks::TaskRunner for Outbox {
    async fn run(&self, work: mcp_core::tasks::TaskWork) -> Result<(), mcp_core::BoxError> {
        let handover = serde_json::to_string(&work.handover())?;
        self.0.lock().unwrap().push(handover);
        Ok(())
    }
}

/// A task.
#[tool(task)]
async fn chore() -> u32 {
    7
}

#[tokio::test]
async fn of_a_queues_batch_those_that_failed_are_told() {
    let outbox = Outbox::default();
    let options = mcp_core::tasks::TaskOptions::new().runner(outbox.clone());
    let server = Server::builder("queue", "1").tool::<chore>().tasks(options).build();
    let function = Function::new(server, config());
    let request = |method: &str, mut params: Value| {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {
                "extensions": { "io.modelcontextprotocol/tasks": {} },
            },
        });
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    };
    let call = request("tools/call", json!({ "name": "chore" }));
    let task = answer(&function, &call).await.whole();
    let id = task["result"]["taskId"].as_str().unwrap().to_owned();
    let work = outbox.0.lock().unwrap().pop().unwrap();

    // AWS's own sample, with bodies of ours.
    let sample: Value =
        serde_json::from_str(include_str!("events/example-sqs-event.json")).unwrap();
    let record = |id: &str, body: &str| {
        let mut record = sample["Records"][0].clone();
        (record["messageId"], record["body"]) = (id.into(), body.into());
        record
    };
    let batch = json!({ "Records": [record("id1", &work), record("id2", "no work")] });
    let reply = answer(&function, &batch).await.whole();
    assert_eq!(reply, json!({ "batchItemFailures": [{ "itemIdentifier": "id2" }] }));
    let documented: Value =
        serde_json::from_str(include_str!("events/example-sqs-batch-response.json")).unwrap();
    let members = |value: &Value| value["batchItemFailures"][0].as_object().unwrap().len();
    assert_eq!(members(&reply), members(&documented));
    assert!(documented["batchItemFailures"][0]["itemIdentifier"].is_string());

    let get = request("tasks/get", json!({ "taskId": id }));
    let task = answer(&function, &get).await.whole();
    assert_eq!(task["result"]["status"], "completed", "{task}");

    // A mapping that does not read the reply must not take a batch for done that has failed.
    let event = json!({ "Records": [record("id3", "no work")] });
    let event = LambdaEvent::new(to_raw_value(&event).unwrap(), context(Duration::from_secs(60)));
    assert!(function.answer(event).await.is_err());
}

#[tokio::test]
async fn a_deadline_that_was_over_before_the_event_came_is_none() {
    let function = function(config());
    // 600,000 ms after 1970, as `cargo lambda watch` has it.
    let context = Context::default();
    let text = call("chatter", json!({ "steps": 3 }));
    let reply = answer_within(&function, &post(From::Url, &text), context).await.whole();
    assert!(reply["body"].as_str().unwrap().contains(r#""text":"done""#), "{reply}");
}

#[tokio::test]
async fn a_body_that_is_none_is_a_bad_request() {
    let function = function(config());
    let mut event = post(From::Url, "not base64");
    event["isBase64Encoded"] = json!(true);
    assert_eq!(answer(&function, &event).await.whole()["statusCode"], 400);
    let reply = answer(&function, &post(From::Url, "{")).await.whole();
    assert_eq!(reply["statusCode"], 400);
}

#[tokio::test]
async fn an_array_whose_answers_do_not_fit_says_so_for_each() {
    let function = function(config());
    let large: Value =
        serde_json::from_str(&call("repeat", json!({ "text": "x", "times": 4 << 20 }))).unwrap();
    let small: Value = serde_json::from_str(&call("facts", json!({}))).unwrap();
    let replies = answer(&function, &json!([large, large, small])).await.whole();
    assert!(replies.to_string().len() <= 6_291_556);
    assert_eq!(replies[0]["result"]["content"][0]["text"].as_str().unwrap().len(), 4 << 20);
    assert_eq!(replies[1]["error"]["code"], -31413);
    assert_eq!(replies[1]["id"], 1);
    assert!(replies[2]["result"].is_object());
    let many = Value::Array(vec![small; 101]);
    assert_eq!(answer(&function, &many).await.whole()["error"]["code"], -32600);
}

#[tokio::test]
async fn a_subscription_holds_no_invocation_of_whom_it_cannot_tell_of_changes() {
    let listen = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "subscriptions/listen",
        "params": {
            "notifications": { "toolsListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let headers =
        [BOTH, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", "subscriptions/listen")];
    let event = event(From::Url, "POST", "/mcp", &headers, &listen.to_string());
    let reply = answer(&function(config()), &event).await.whole();
    let body = reply["body"].as_str().unwrap();
    let events: Vec<&str> = body.split_terminator("\n\n").collect();
    assert_eq!(events.len(), 2, "{body}");
    assert!(events[0].contains("notifications/subscriptions/acknowledged"), "{body}");
    assert!(events[1].contains(r#""result":"#), "{body}");

    // A stream goes on, and ends before its invocation.
    let streaming = function(config().response(ResponseMode::Stream));
    let reply = answer_within(&streaming, &event, context(Duration::from_millis(300))).await;
    let Reply::Stream(_, mut stream) = reply else { panic!("no stream") };
    let mut body = String::new();
    while let Some(chunk) = next(&mut stream).await {
        body.push_str(&chunk);
    }
    assert!(body.contains("acknowledged") && body.contains(r#""result":"#), "{body}");
}
