//! What the harness's client can be asked.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(deprecated, reason = "sampling and roots are deprecated, and clients still have them")]

use mcp_core::{
    Era, Server, ToolContext, ToolResult,
    model::{
        ClientCapabilities, CreateMessageRequestParams, CreateMessageResult, Root, SamplingMessage,
    },
    tool,
};
use mcp_testing::{__private::block_on, Answer, Asked, Harness};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Name {
    name: String,
}

/// Asks everything.
#[tool]
async fn ask_all(cx: &ToolContext) -> ToolResult<String> {
    cx.progress(0.1, "asking").await;
    let params = CreateMessageRequestParams::new(vec![SamplingMessage::user_text("Hi")], 10);
    let (name, page, message, roots) = tokio::try_join!(
        cx.elicit::<Name>("Name?"),
        cx.elicit_url("Pay", "https://example.com/pay"),
        cx.sample(params),
        cx.roots(),
    )?;
    let name = name.accepted().map(|form| form.name);
    Ok(format!("{name:?} {page:?} {} {}", message.model, roots[0].uri))
}

fn server() -> Server {
    Server::builder("asking", "1").tool::<ask_all>().build()
}

fn answer(asked: Asked) -> Answer {
    match asked {
        Asked::Form { message, .. } if message == "Name?" => {
            Answer::Accept(json!({ "name": "Ada" }))
        }
        Asked::Url { url, .. } if url == "https://example.com/pay" => Answer::Decline,
        Asked::Sample(_) => {
            let message = SamplingMessage::assistant_text("Hello");
            Answer::Sampled(Box::new(CreateMessageResult::new(message, "model".to_owned())))
        }
        Asked::Roots => Answer::Roots(vec![Root::new("file:///home")]),
        other => panic!("not to be asked: {other:?}"),
    }
}

#[mcp_testing::test(server(), web_socket_api)]
async fn a_client_can_be_asked_everything_at_once(mcp: Harness) {
    let mcp = mcp.answering(answer);
    let outcome = mcp.call(ask_all {}).await;
    assert_eq!(outcome.text(), r#"Some("Ada") Declined model file:///home"#);
    // Once for each time that the tool was run.
    let runs = if mcp.era() == Era::Modern { 2 } else { 1 };
    assert_eq!(outcome.progress().len(), runs);
}

#[mcp_testing::test(server(), web_socket_api)]
async fn without_answers_a_question_fails(mcp: Harness) {
    let result = mcp.try_call("ask_all", json!({})).await;
    match mcp.era() {
        Era::Modern => assert!(result.unwrap_err().message.contains("does not say")),
        Era::Legacy => assert!(result.unwrap().is_error()),
    }
}

#[test]
fn what_a_client_does_not_declare_it_is_not_asked() {
    block_on(async {
        fn unasked(asked: Asked) -> Answer {
            panic!("not to be asked: {asked:?}")
        }
        let connect = || Harness::over_http(server()).capabilities(ClientCapabilities::default());
        let modern = connect().await.answering(unasked);
        assert_eq!(modern.try_call("ask_all", json!({})).await.unwrap_err().code, -32021);
        let legacy = connect().legacy().await.answering(unasked);
        assert!(legacy.call(ask_all {}).await.tool_error().contains("capability"));
    });
}
