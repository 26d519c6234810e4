//! Calls that ask: rounds of questions and answers with a modern client, and what is refused.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mcp_core::{
    Call, CallResult, Elicited, ErrorKind, OrToolError as _, Principal, Server, ServerBuilder,
    StateKeys, Tool, ToolContext, ToolErrorKind, ToolPack, ToolResult,
    model::{CreateMessageRequestParams, SamplingMessage},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, gather, modern, request, send};

#[derive(Debug, PartialEq, Eq, Deserialize, JsonSchema)]
struct Name {
    /// What to call you.
    #[schemars(length(min = 1))]
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Size {
    #[schemars(range(min = 1, max = 12))]
    size: u8,
}

/// How often things were done.
#[derive(Default)]
struct Counts {
    runs: AtomicUsize,
    steps: AtomicUsize,
    price: AtomicUsize,
}

type State = Arc<Counts>;

macro_rules! tools {
    ($($(#[$doc:meta])* $name:ident($input:ident, $counts:ident, $cx:ident) $body:block)*) => {
        $(
            $(#[$doc])*
            #[derive(Deserialize, JsonSchema, Tool)]
            struct $name {
                /// Anything.
                #[serde(default)]
                #[allow(dead_code, reason = "the binding of arguments alone is tested")]
                note: Option<String>,
                /// Anything else.
                #[serde(default)]
                #[allow(dead_code, reason = "as above")]
                count: Option<i64>,
            }

            impl Call<State> for $name {
                type Output = CallResult;

                async fn call($input, $counts: &State, $cx: &ToolContext) -> ToolResult<CallResult> {
                    $counts.runs.fetch_add(1, Ordering::SeqCst);
                    let text: String = $body;
                    Ok(CallResult::text(text))
                }
            }
        )*

        fn builder(counts: &State) -> ServerBuilder {
            Server::builder("asking", "1").pack(
                ToolPack::new("asking", Arc::clone(counts))$(.tool::<$name>())*,
            )
        }
    };
}

tools! {
    /// Asks for a name.
    Greet(self, counts, cx) {
        match cx.question("user_name").elicit::<Name>("What is your name?").await? {
            Elicited::Accepted(form) => format!("Hello, {}!", form.name),
            Elicited::Declined => "declined".to_owned(),
            Elicited::Cancelled => "cancelled".to_owned(),
        }
    }

    /// Asks without naming its questions, one after the other.
    Three(self, counts, cx) {
        let name = cx.elicit::<Name>("Name?").await?.accepted().unwrap();
        let size = cx.elicit::<Size>("Size?").await?.accepted().unwrap();
        let again = cx.elicit::<Size>("Size?").await?.accepted().unwrap();
        format!("{} {} {}", name.name, size.size, again.size)
    }

    /// Asks all kinds of questions at once.
    AtOnce(self, counts, cx) {
        let params = CreateMessageRequestParams::new(
            vec![SamplingMessage::user_text("What is the capital of France?")],
            100,
        );
        let (name, page, message, roots) = tokio::try_join!(
            cx.elicit::<Name>("Name?"),
            cx.elicit_url("Pay", "https://example.com/pay"),
            cx.sample(params),
            cx.roots(),
        )?;
        let text = message.message.content.first().unwrap().as_text().unwrap().text.clone();
        format!("{:?} {:?} {text} {}", name.accepted(), page.accepted(), roots[0].uri)
    }

    /// Does work, asks, and does more.
    Steps(self, counts, cx) {
        let first: usize = cx
            .step("work", async { Ok(counts.steps.fetch_add(1, Ordering::SeqCst)) })
            .await?;
        let name = cx.elicit::<Name>("Name?").await?.accepted().unwrap();
        let second: usize = cx
            .step("work", async { Ok(counts.steps.fetch_add(1, Ordering::SeqCst)) })
            .await?;
        let size = cx.elicit::<Size>("Size?").await?.accepted().unwrap();
        format!("{first} {} {second} {}", name.name, size.size)
    }

    /// Takes a step that has to wait beside a question.
    StepBeside(self, counts, cx) {
        let step = cx.step("slow", async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            Ok(counts.steps.fetch_add(1, Ordering::SeqCst))
        });
        let (name, step) = tokio::join!(cx.elicit::<Name>("Name?"), step);
        format!("{} {}", name?.accepted().unwrap().name, step?)
    }

    /// Fails in a step the first time.
    FailingStep(self, counts, cx) {
        let step = cx
            .step("try", async {
                let count = counts.steps.fetch_add(1, Ordering::SeqCst);
                (count > 0).then_some(count).or_tool_error(ToolErrorKind::Unavailable, "not yet")
            })
            .await;
        let name = cx.elicit::<Name>("Name?").await?.accepted().unwrap();
        format!("{} {}", name.name, step.map_or(0, |count: usize| count))
    }

    /// Asks in a step, which is a mistake.
    AskInStep(self, counts, cx) {
        let name = cx.step("ask", async { Ok(cx.elicit::<Name>("Name?").await?.accepted().unwrap().name) });
        name.await?
    }

    /// Asks about a price that changes.
    Price(self, counts, cx) {
        let price = counts.price.load(Ordering::SeqCst);
        let name = cx.question("price").elicit::<Name>(format!("It is {price}. Name?")).await?;
        format!("{} for {price}", name.accepted().unwrap().name)
    }

    /// Asks for what no form can ask for.
    NoForm(self, counts, cx) {
        let _ = cx.elicit::<Vec<String>>("What?").await?;
        String::new()
    }

    /// Asks where it can, and does without where it cannot.
    Falls(self, counts, cx) {
        match cx.elicit::<Name>("Name?").await {
            Ok(name) => name.accepted().unwrap().name,
            Err(error) if error.kind() == ToolErrorKind::ClientLacksCapability => "nobody".to_owned(),
            Err(error) => return Err(error),
        }
    }

    /// Asks to have a tool called.
    SampleTools(self, counts, cx) {
        let mut params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("Hi")], 1);
        params.tools = Some(vec![]);
        cx.sample(params).await?.model
    }

    /// Keeps too much.
    TooMuch(self, counts, cx) {
        let text: String = cx.step("text", async { Ok("x".repeat(300_000)) }).await?;
        let _ = cx.elicit::<Name>("Name?").await?;
        text
    }

    /// Takes back a question.
    TakesBack(self, counts, cx) {
        tokio::select! {
            biased;
            _ = cx.elicit::<Name>("Name?") => "answered".to_owned(),
            () = std::future::ready(()) => "not asked".to_owned(),
        }
    }

    /// Never asks.
    Plain(self, counts, cx) {
        let _ = cx;
        "plain".to_owned()
    }
}

const ALL: &str = r#"{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}"#;

fn all() -> Value {
    serde_json::from_str(ALL).unwrap()
}

fn server() -> (Server, State) {
    let counts = State::default();
    (builder(&counts).build(), counts)
}

/// A call as a client with these capabilities makes it.
fn text(tool: &str, capabilities: &Value, mut params: Value) -> String {
    params["name"] = tool.into();
    params["_meta"] = json!({ "io.modelcontextprotocol/clientCapabilities": capabilities });
    modern("tools/call", params)
}

async fn call(server: &Server, tool: &str, params: Value) -> Answer {
    send(server, text(tool, &all(), params)).await
}

/// The key of the only question.
#[track_caller]
fn only_key(answer: &Answer) -> String {
    let keys: Vec<_> = answer.result["inputRequests"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 1, "{}", answer.message);
    keys[0].clone()
}

fn accept(content: Value) -> Value {
    json!({ "action": "accept", "content": content })
}

/// What a client sends after this answer.
fn retry(answer: &Answer, responses: Value) -> Value {
    json!({ "inputResponses": responses, "requestState": answer.result["requestState"] })
}

/// Answers the only question.
async fn answer_to(server: &Server, tool: &str, answer: &Answer, content: Value) -> Answer {
    let responses = json!({ (only_key(answer)): accept(content) });
    call(server, tool, retry(answer, responses)).await
}

fn validate(definition: &str, value: &Value) {
    let mut schema: Value = serde_json::from_str(include_str!("schema/2026-07-28.json")).unwrap();
    assert!(schema["$defs"][definition].is_object());
    schema["$ref"] = format!("#/$defs/{definition}").into();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let faults: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(faults.is_empty(), "{definition}: {faults:?}: {value:#}");
}

#[tokio::test]
async fn a_question_is_the_result_until_it_is_answered() {
    let (server, counts) = server();
    let asked = call(&server, "greet", json!({})).await;
    assert_eq!(
        asked.result["inputRequests"],
        json!({ "user_name": {
            "method": "elicitation/create",
            "params": {
                "mode": "form",
                "message": "What is your name?",
                "requestedSchema": {
                    "type": "object",
                    "properties": {
                        "name": {
                            "type": "string",
                            "minLength": 1,
                            "description": "What to call you.",
                        },
                    },
                    "required": ["name"],
                },
            },
        }})
    );
    assert_eq!(asked.result["resultType"], "input_required");
    assert_eq!(asked.result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "asking");
    assert_eq!(asked.result.as_object().unwrap().len(), 4, "no hints for caches: {asked:?}");

    let answered = answer_to(&server, "greet", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(answered.text(), "Hello, Ada!");
    assert_eq!(answered.result["resultType"], "complete");
    assert_eq!(counts.runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn questions_and_results_satisfy_the_schema_of_the_protocol() {
    let (server, _) = server();
    for tool in ["greet", "three", "at_once"] {
        let asked = call(&server, tool, json!({})).await;
        validate("InputRequiredResult", &asked.result);
        for request in asked.result["inputRequests"].as_object().unwrap().values() {
            let definition = match request["method"].as_str().unwrap() {
                "elicitation/create" => "ElicitRequest",
                "sampling/createMessage" => "CreateMessageRequest",
                "roots/list" => "ListRootsRequest",
                other => panic!("{other}"),
            };
            validate(definition, request);
        }
        validate("JSONRPCResultResponse", &asked.message);
    }
    let lacking = send(&server, text("greet", &json!({}), json!({}))).await;
    validate("MissingRequiredClientCapabilityError", &lacking.message);
}

#[tokio::test]
async fn declining_and_cancelling_are_answers() {
    let (server, _) = server();
    for (action, text) in [("decline", "declined"), ("cancel", "cancelled")] {
        let asked = call(&server, "greet", json!({})).await;
        let responses = json!({ "user_name": { "action": action } });
        assert_eq!(call(&server, "greet", retry(&asked, responses)).await.text(), text);
    }
}

#[tokio::test]
async fn each_round_asks_what_the_last_one_led_to() {
    let (server, counts) = server();
    let first = call(&server, "three", json!({})).await;
    let second = answer_to(&server, "three", &first, json!({ "name": "Ada" })).await;
    let third = answer_to(&server, "three", &second, json!({ "size": 2 })).await;
    assert_ne!(only_key(&second), only_key(&third), "one question asked twice has two answers");
    let done = answer_to(&server, "three", &third, json!({ "size": 3 })).await;
    assert_eq!(done.text(), "Ada 2 3");
    assert_eq!(counts.runs.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn keys_are_the_same_for_the_same_question() {
    let (one, _) = server();
    let (two, _) = server();
    assert_eq!(
        only_key(&call(&one, "three", json!({})).await),
        only_key(&call(&two, "three", json!({ "arguments": { "note": "x" } })).await)
    );
}

#[tokio::test]
async fn questions_that_are_awaited_together_are_asked_together() {
    let (server, counts) = server();
    let asked = call(&server, "at_once", json!({})).await;
    let mut responses = json!({});
    for (key, request) in asked.result["inputRequests"].as_object().unwrap() {
        let mode = request["params"]["mode"].as_str();
        responses[key] = match (request["method"].as_str().unwrap(), mode) {
            ("elicitation/create", Some("form")) => accept(json!({ "name": "Ada" })),
            ("elicitation/create", Some("url")) => {
                assert_eq!(request["params"]["url"], "https://example.com/pay");
                json!({ "action": "accept" })
            }
            ("sampling/createMessage", _) => json!({
                "role": "assistant",
                "content": { "type": "text", "text": "Paris" },
                "model": "m",
                "stopReason": "endTurn",
            }),
            ("roots/list", _) => json!({ "roots": [{ "uri": "file:///home" }] }),
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(responses.as_object().unwrap().len(), 4);
    let done = call(&server, "at_once", retry(&asked, responses.clone())).await;
    assert_eq!(done.text(), r#"Some(Name { name: "Ada" }) Some(()) Paris file:///home"#);
    assert_eq!(counts.runs.load(Ordering::SeqCst), 2);

    // In parts, and what is missing is asked again.
    let (key, response) = responses.as_object().unwrap().iter().next().unwrap();
    let rest = call(&server, "at_once", retry(&asked, json!({ key.clone(): response }))).await;
    let left = rest.result["inputRequests"].as_object().unwrap();
    assert_eq!(left.len(), 3, "{rest:?}");
    assert!(!left.contains_key(key));
    let mut others = responses.clone();
    others.as_object_mut().unwrap().remove(key);
    assert_eq!(call(&server, "at_once", retry(&rest, others)).await.text(), done.text());
}

#[tokio::test]
async fn what_was_not_asked_is_ignored() {
    let (server, _) = server();
    let asked = call(&server, "greet", json!({})).await;
    let responses = json!({
        "user_name": accept(json!({ "name": "Ada" })),
        "other": accept(json!({ "x": 1 })),
        "third": 7,
    });
    assert_eq!(call(&server, "greet", retry(&asked, responses)).await.text(), "Hello, Ada!");
    let wrong = json!({ "other": accept(json!({ "name": "Ada" })) });
    let again = call(&server, "greet", retry(&asked, wrong)).await;
    assert_eq!(only_key(&again), "user_name");
    let none = call(&server, "greet", retry(&asked, json!({}))).await;
    assert_eq!(only_key(&none), "user_name");
    let null = json!({ "inputResponses": null, "requestState": asked.result["requestState"] });
    assert_eq!(only_key(&call(&server, "greet", null).await), "user_name");
}

#[tokio::test]
async fn a_single_round_needs_no_state() {
    let (server, _) = server();
    let params = json!({ "inputResponses": { "user_name": accept(json!({ "name": "Ada" })) } });
    assert_eq!(call(&server, "greet", params).await.text(), "Hello, Ada!");
}

#[tokio::test]
async fn answers_that_are_none_are_invalid_params() {
    let (server, _) = server();
    let asked = call(&server, "greet", json!({})).await;
    for response in [
        json!(12345),
        json!({}),
        json!({ "action": "perhaps" }),
        json!({ "action": "accept" }),
        accept(json!({ "name": 1 })),
        accept(json!({ "name": "" })),
        accept(json!([])),
    ] {
        let refused = call(&server, "greet", retry(&asked, json!({ "user_name": response }))).await;
        assert_eq!(refused.code(), -32602, "{response}");
        assert!(refused.error_message().contains("user_name"), "{refused:?}");
    }
    for responses in [json!([]), json!("x"), json!(1)] {
        let refused = call(&server, "greet", retry(&asked, responses)).await;
        assert_eq!((refused.code(), refused.kind), (-32602, Some(ErrorKind::MalformedParams)));
    }
    // The client can mend it and go on.
    let mended = answer_to(&server, "greet", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(mended.text(), "Hello, Ada!");
}

#[tokio::test]
async fn an_answer_cannot_be_changed_later() {
    let (server, _) = server();
    let first = call(&server, "three", json!({})).await;
    let key = only_key(&first);
    let second = answer_to(&server, "three", &first, json!({ "name": "Ada" })).await;
    let responses = json!({
        (key): accept(json!({ "name": "Eve" })),
        (only_key(&second)): accept(json!({ "size": 2 })),
    });
    let third = call(&server, "three", retry(&second, responses)).await;
    let done = answer_to(&server, "three", &third, json!({ "size": 3 })).await;
    assert_eq!(done.text(), "Ada 2 3");
}

#[tokio::test]
async fn an_answer_belongs_to_the_question_as_it_was_asked() {
    let (server, counts) = server();
    counts.price.store(10, Ordering::SeqCst);
    let asked = call(&server, "price", json!({})).await;
    counts.price.store(99, Ordering::SeqCst);
    let again = answer_to(&server, "price", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(again.result["inputRequests"]["price"]["params"]["message"], "It is 99. Name?");
    let done = answer_to(&server, "price", &again, json!({ "name": "Ada" })).await;
    assert_eq!(done.text(), "Ada for 99");
}

#[tokio::test]
async fn a_finished_step_is_not_taken_again() {
    let (server, counts) = server();
    let first = call(&server, "steps", json!({})).await;
    assert_eq!(counts.steps.load(Ordering::SeqCst), 1);
    let second = answer_to(&server, "steps", &first, json!({ "name": "Ada" })).await;
    assert_eq!(counts.steps.load(Ordering::SeqCst), 2, "steps of one name are told apart");
    let done = answer_to(&server, "steps", &second, json!({ "size": 2 })).await;
    assert_eq!(done.text(), "0 Ada 1 2");
    assert_eq!(counts.steps.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_does_not_end_to_ask_while_a_step_is_under_way() {
    let (server, counts) = server();
    let asked = call(&server, "step_beside", json!({})).await;
    assert_eq!(counts.steps.load(Ordering::SeqCst), 1);
    let done = answer_to(&server, "step_beside", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(done.text(), "Ada 0");
    assert_eq!(counts.steps.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failed_step_is_taken_again() {
    let (server, counts) = server();
    let asked = call(&server, "failing_step", json!({})).await;
    let done = answer_to(&server, "failing_step", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(done.text(), "Ada 1");
    assert_eq!(counts.steps.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn mistakes_of_the_author_are_for_the_log() {
    let (server, _) = server();
    for tool in ["ask_in_step", "no_form"] {
        let failed = call(&server, tool, json!({})).await;
        assert!(failed.tool_error().contains("the server's log"), "{failed:?}");
    }
}

#[tokio::test]
async fn a_question_that_is_taken_back_is_not_asked() {
    let (server, _) = server();
    assert_eq!(call(&server, "takes_back", json!({})).await.text(), "not asked");
}

#[tokio::test]
async fn state_has_a_greatest_length() {
    let (server, counts) = server();
    let failed = call(&server, "too_much", json!({})).await;
    assert_eq!(failed.code(), -32603);
    let runs = counts.runs.load(Ordering::SeqCst);
    let long = json!({ "requestState": "x".repeat(300_000) });
    assert_eq!(call(&server, "greet", long).await.code(), -32602);
    assert_eq!(counts.runs.load(Ordering::SeqCst), runs);
}

#[tokio::test]
async fn altered_state_is_refused_and_the_tool_not_run() {
    let (server, counts) = server();
    let asked = call(&server, "greet", json!({})).await;
    let state = asked.result["requestState"].as_str().unwrap();
    let responses = json!({ "user_name": accept(json!({ "name": "Ada" })) });
    let altered = |at: usize| {
        let mut state = state.as_bytes().to_vec();
        state[at] = if state[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(state).unwrap()
    };
    let mut states = vec![
        format!("{state}-TAMPERED"),
        String::new(),
        "A".to_owned(),
        state[..state.len() - 8].to_owned(),
        "not base64 at all".to_owned(),
        "{}".to_owned(),
    ];
    states.extend((0..state.len() - 1).step_by(7).map(altered));
    for tampered in states {
        let params = json!({ "inputResponses": responses, "requestState": tampered });
        let refused = call(&server, "greet", params).await;
        assert_eq!(refused.code(), -32602, "{tampered}");
        assert!(refused.error_message().contains("requestState"));
    }
    for wrong in [json!(1), json!({}), json!(true)] {
        let params = json!({ "inputResponses": responses, "requestState": wrong });
        assert_eq!(call(&server, "greet", params).await.code(), -32602);
    }
    assert_eq!(counts.runs.load(Ordering::SeqCst), 1);

    // A tool that never asks does not let it pass either.
    let plain = call(&server, "plain", json!({ "requestState": "forged" })).await;
    assert_eq!(plain.code(), -32602);
}

#[tokio::test]
async fn state_is_good_for_one_tool_and_its_arguments_only() {
    let (server, counts) = server();
    let arguments = json!({ "note": "a", "count": 1 });
    let asked = call(&server, "three", json!({ "arguments": arguments })).await;
    let go_on = |tool: &'static str, arguments: Value| {
        let mut params = retry(&asked, json!({ (only_key(&asked)): accept(json!({"name": "A"})) }));
        params["arguments"] = arguments;
        let server = server.clone();
        async move { call(&server, tool, params).await }
    };
    for arguments in [
        json!({}),
        json!({ "note": "b", "count": 1 }),
        json!({ "note": "a" }),
        json!({ "note": "a", "count": 1.0 }),
    ] {
        assert_eq!(go_on("three", arguments).await.code(), -32602);
    }
    assert_eq!(go_on("greet", arguments.clone()).await.code(), -32602);
    assert_eq!(counts.runs.load(Ordering::SeqCst), 1);
    // Written otherwise, they are the same.
    let text = text("three", &all(), retry(&asked, json!({}))).replace(
        r#""name":"three""#,
        r#""name":"three","arguments":{ "count" : 1, "note":"\u0061" }"#,
    );
    assert_eq!(send(&server, text).await.result["resultType"], "input_required");
    assert_eq!(go_on("three", arguments).await.result["resultType"], "input_required");
}

#[tokio::test]
async fn state_is_good_for_one_caller_only() {
    let (server, counts) = server();
    let call_as = |subject: Option<&str>, params: Value| {
        let mut request = request(text("greet", &all(), params));
        if let Some(subject) = subject {
            request.extensions_mut().insert(Principal::new(subject, [""; 0]));
        }
        let server = server.clone();
        async move { gather(server.call(request)).await }
    };
    let responses = json!({ "user_name": accept(json!({ "name": "Ada" })) });
    let callers = [None, Some(""), Some("alice"), Some("bob")];
    for asker in callers {
        let asked = call_as(asker, json!({})).await;
        counts.runs.store(0, Ordering::SeqCst);
        for caller in callers {
            let answer = call_as(caller, retry(&asked, responses.clone())).await;
            if caller == asker {
                assert_eq!(answer.text(), "Hello, Ada!");
            } else {
                assert_eq!(answer.code(), -32602, "{asker:?} {caller:?}");
            }
        }
        assert_eq!(counts.runs.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn state_expires() {
    let counts = State::default();
    let server = builder(&counts).answer_within(Duration::ZERO).build();
    let asked = call(&server, "greet", json!({})).await;
    let late = answer_to(&server, "greet", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(late.code(), -32602);
    assert!(late.error_message().contains("expired"));
    assert_eq!(counts.runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_are_shared_by_replicas_and_can_be_changed() {
    let counts = State::default();
    let with = |keys: &[u8]| {
        let keys = StateKeys::from_bytes(keys.iter().map(|key| [*key; 32])).unwrap();
        builder(&counts).state_keys(keys).build()
    };
    let asked = call(&with(&[1]), "greet", json!({})).await;
    let go_on = |server: Server| {
        let asked = &asked;
        async move { answer_to(&server, "greet", asked, json!({ "name": "Ada" })).await }
    };
    for keys in [&[1][..], &[1, 2], &[2, 1]] {
        assert_eq!(go_on(with(keys)).await.text(), "Hello, Ada!", "{keys:?}");
    }
    for server in [with(&[2]), builder(&counts).build()] {
        assert_eq!(go_on(server).await.code(), -32602);
    }
    // The first seals.
    let asked = call(&with(&[2, 1]), "greet", json!({})).await;
    assert_eq!(
        answer_to(&with(&[1]), "greet", &asked, json!({ "name": "Ada" })).await.code(),
        -32602
    );
    // Another server's state is not for this one, even if they share a key.
    let keys = StateKeys::from_bytes([[1; 32]]).unwrap();
    let other = Server::builder("other", "1")
        .state_keys(keys)
        .pack(ToolPack::new("asking", Arc::clone(&counts)).tool::<Greet>())
        .build();
    assert_eq!(go_on(other).await.code(), -32602);
}

#[tokio::test]
async fn keys_of_the_builder_stay_and_missing_ones_can_be_set_until_they_are_needed() {
    let key = |byte: u8| StateKeys::from_bytes([[byte; 32]]).unwrap();
    let counts = State::default();
    let server = builder(&counts).state_keys(key(1)).build();
    assert!(server.has_state_keys() && !server.set_state_keys(key(2)));
    let server = builder(&counts).build();
    assert!(!server.has_state_keys() && server.set_state_keys(key(2)));
    let asked = call(&server, "greet", json!({})).await;
    let same = builder(&counts).state_keys(key(2)).build();
    let answered = answer_to(&same, "greet", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(answered.text(), "Hello, Ada!");
    let server = builder(&counts).build();
    call(&server, "greet", json!({})).await;
    assert!(!server.set_state_keys(key(2)), "a key has been made up");
}

#[tokio::test]
async fn state_tells_its_client_nothing() {
    let (server, _) = server();
    let first = call(&server, "three", json!({})).await;
    let second = answer_to(&server, "three", &first, json!({ "name": "Marguerite" })).await;
    let state = second.result["requestState"].as_str().unwrap();
    let bytes =
        base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, state).unwrap();
    assert!(!bytes.windows(10).any(|window| window == b"Marguerite"));
    let same = answer_to(&server, "three", &first, json!({ "name": "Marguerite" })).await;
    assert_ne!(state, same.result["requestState"], "a nonce is used once");
}

#[tokio::test]
async fn clients_are_asked_only_what_they_declared() {
    let (server, _) = server();
    let form = json!({ "elicitation": { "form": {} } });
    let url = json!({ "elicitation": { "url": {} } });
    let tools = json!({ "sampling": { "tools": {} } });
    for (tool, capabilities, required) in [
        ("greet", json!({}), &form),
        ("greet", url.clone(), &form),
        ("greet", json!({ "elicitation": true }), &form),
        ("at_once", form.clone(), &url),
        ("sample_tools", json!({ "sampling": {} }), &tools),
    ] {
        let lacking = send(&server, text(tool, &capabilities, json!({}))).await;
        assert_eq!(lacking.code(), -32021, "{tool} {capabilities}");
        assert_eq!(lacking.kind.unwrap().http_status(), 400);
        assert_eq!(lacking.error["data"], json!({ "requiredCapabilities": required }));
    }
    for (tool, capabilities) in
        [("greet", json!({ "elicitation": {} })), ("greet", form), ("sample_tools", tools)]
    {
        let asked = send(&server, text(tool, &capabilities, json!({}))).await;
        assert_eq!(asked.result["resultType"], "input_required", "{tool} {capabilities}");
    }
}

#[tokio::test]
async fn a_tool_may_do_without_an_answer() {
    let (server, _) = server();
    let lacking = send(&server, text("falls", &json!({}), json!({}))).await;
    assert_eq!(lacking.text(), "nobody");
}

#[tokio::test]
async fn a_legacy_call_without_a_session_cannot_ask() {
    let (server, _) = server();
    let params = json!({ "name": "greet", "inputResponses": 1, "requestState": "ignored" });
    let failed = send(&server, support::legacy("tools/call", params)).await;
    assert!(failed.tool_error().contains("session"), "{failed:?}");
}

#[tokio::test]
async fn layers_see_that_input_is_required() {
    use mcp_core::{Response, ResultBody};
    use tower::{Layer as _, ServiceExt as _};

    let counts = State::default();
    let seen = Arc::new(AtomicUsize::new(0));
    let saw = Arc::clone(&seen);
    let layer = tower::layer::layer_fn(move |service| {
        let saw = Arc::clone(&saw);
        tower::util::MapResponseLayer::new(move |response: Response| {
            if let Ok(ResultBody::InputRequired(asked)) = response.as_result() {
                assert_eq!(asked.requests().map(|(key, _)| key).collect::<Vec<_>>(), ["user_name"]);
                assert!(!asked.state().is_empty());
                saw.fetch_add(1, Ordering::SeqCst);
            }
            response
        })
        .layer(service)
        .map_err(mcp_core::BoxError::from)
    });
    let server = builder(&counts).layer(layer).build();
    let asked = call(&server, "greet", json!({})).await;
    assert_eq!(seen.load(Ordering::SeqCst), 1);
    let done = answer_to(&server, "greet", &asked, json!({ "name": "Ada" })).await;
    assert_eq!(done.text(), "Hello, Ada!");
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}
