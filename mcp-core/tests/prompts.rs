//! Prompts, as bindings send requests for them.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod support;

use std::time::Duration;

use mcp_core::{
    BuildError, Completing, ErrorKind, GetPrompt, Prompt, PromptMessages, Server, ToolContext,
    ToolError, ToolErrorKind, ToolPack, ToolResult, content, prompt,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, assert_is, legacy, modern, send};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tone {
    #[default]
    Kind,
    Strict,
}

/// Asks for a review of code,
/// in any language.
#[derive(Prompt)]
#[prompt(title = "Review code", icons = ["https://example.com/review.png"], timeout = "5s")]
struct CodeReview {
    /// The code to review.
    code: String,
    /// The language that it is written in.
    #[prompt(complete, title = "Language")]
    language: Option<String>,
    /// How many faults to find at most.
    most: Option<u8>,
    /// How to say it.
    #[prompt(values = ["kind", "strict"], name = "how")]
    tone: Option<Tone>,
}

impl<S: Sync> GetPrompt<S> for CodeReview {
    async fn get(self, _: &S, cx: &ToolContext) -> ToolResult<PromptMessages> {
        cx.progress(0.5, "writing").await;
        match self.code.as_str() {
            "panic" => panic!("secret"),
            "hang" => std::future::pending().await,
            "fail" => Err(std::io::Error::other("password=hunter2"))?,
            "missing" => Err(ToolError::new(ToolErrorKind::NotFound, "no such code")),
            code => {
                let (language, most) = (self.language.unwrap_or_default(), self.most.unwrap_or(3));
                let tone = self.tone.unwrap_or_default();
                Ok(format!("{tone:?} review of {most} faults in {language}: {code}").into())
            }
        }
    }

    async fn complete(completing: &Completing, _: &S, _: &ToolContext) -> ToolResult<Vec<String>> {
        assert_eq!(completing.argument(), "language");
        let all = ["Rust", "Ruby", "Python"];
        Ok(match completing.given("code") {
            Some(code) if code.contains("def") => vec!["Python".into()],
            _ => completing.among(all),
        })
    }
}

/// Greets someone.
#[prompt]
async fn greet(
    /// Whom.
    #[prompt(values = ["Ada", "Grace"])]
    name: String,
) -> String {
    format!("Greet {name}.")
}

/// Shows all that a message can be.
#[prompt(name = "all-kinds")]
async fn all_kinds() -> PromptMessages {
    PromptMessages::new()
        .user("Look:")
        .user(content::image([1], "image/png"))
        .user(content::audio([2], "audio/wav"))
        .user(content::embedded_text("test://text", "text/plain", "text"))
        .user(content::embedded_blob("test://blob", "application/zip", [3]))
        .assistant(content::link("test://link", "link"))
        .description("All kinds")
}

struct Who(&'static str);

/// Fails if it is told to.
#[prompt]
async fn maybe(fail: bool, _cx: &ToolContext, #[state] who: &Who) -> ToolResult<String> {
    if fail {
        return Err(ToolError::new(ToolErrorKind::InvalidArguments, "told to fail"));
    }
    Ok(who.0.to_owned())
}

fn server() -> Server {
    Server::builder("test server", "1.2.3")
        .prompt::<CodeReview>()
        .prompt::<greet>()
        .prompt::<all_kinds>()
        .pack(ToolPack::new("stateful", Who("Ada")).prompt::<maybe>())
        .build()
}

async fn get(name: &str, arguments: Value) -> Answer {
    send(&server(), modern("prompts/get", json!({ "name": name, "arguments": arguments }))).await
}

async fn complete(prompt: &str, argument: &str, value: &str, given: Value) -> Answer {
    let params = json!({
        "ref": { "type": "ref/prompt", "name": prompt },
        "argument": { "name": argument, "value": value },
        "context": { "arguments": given },
    });
    send(&server(), modern("completion/complete", params)).await
}

fn text(answer: &Answer) -> &str {
    answer.result["messages"][0]["content"]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("no text: {}", answer.message))
}

#[tokio::test]
async fn a_list_satisfies_the_schema() {
    let answer = send(&server(), modern("prompts/list", json!({}))).await;
    assert_is("ListPromptsResultResponse", &answer.message);
    assert_eq!(answer.result["ttlMs"], 300_000);
    assert_eq!(
        answer.result["prompts"][0],
        json!({
            "name": "code_review",
            "title": "Review code",
            "description": "Asks for a review of code, in any language.",
            "icons": [{ "src": "https://example.com/review.png" }],
            "arguments": [
                { "name": "code", "description": "The code to review.", "required": true },
                {
                    "name": "language", "title": "Language", "required": false,
                    "description": "The language that it is written in.",
                },
                {
                    "name": "most", "required": false,
                    "description": "How many faults to find at most.",
                },
                { "name": "how", "description": "How to say it.", "required": false },
            ],
        })
    );
    let names: Vec<_> = answer.result["prompts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["code_review", "greet", "all-kinds", "maybe"]);
    assert_eq!(answer.result["prompts"][3]["arguments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn arguments_are_read_into_their_types() {
    let answer = get(
        "code_review",
        json!({ "code": "x", "language": "Rust", "most": "7", "how": "strict" }),
    )
    .await;
    assert_is("GetPromptResultResponse", &answer.message);
    assert_eq!(text(&answer), "Strict review of 7 faults in Rust: x");
    assert_eq!(answer.result["description"], "Asks for a review of code, in any language.");
    assert_eq!(answer.result["messages"][0]["role"], "user");
    let answer = get("code_review", json!({ "code": "x", "most": "" })).await;
    assert_eq!(text(&answer), "Kind review of 3 faults in : x");
    assert_eq!(text(&get("greet", json!({ "name": "Ada" })).await), "Greet Ada.");
    assert_eq!(text(&get("maybe", json!({ "fail": "false" })).await), "Ada");
}

#[tokio::test]
async fn messages_can_hold_any_content() {
    let answer = send(&server(), modern("prompts/get", json!({ "name": "all-kinds" }))).await;
    assert_is("GetPromptResultResponse", &answer.message);
    assert_eq!(answer.result["description"], "All kinds");
    let messages = answer.result["messages"].as_array().unwrap();
    let kinds: Vec<_> =
        messages.iter().map(|message| message["content"]["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image", "audio", "resource", "resource", "resource_link"]);
    assert_eq!(messages[5]["role"], "assistant");
    assert_eq!(
        messages[4]["content"]["resource"],
        json!({ "uri": "test://blob", "mimeType": "application/zip", "blob": "Aw==" })
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_named() {
    for (arguments, message) in [
        (json!({}), "the argument `code` of `code_review` is required, but missing"),
        (
            json!({ "code": "x", "most": "300" }),
            "the argument `most` of `code_review` does not fit: expected a whole number from 0 to \
             255, found `300`",
        ),
        (
            json!({ "code": "x", "lang": "Rust" }),
            "the prompt `code_review` has no argument `lang`; expected code, language, most, how",
        ),
        (json!({ "code": 1 }), "`params.arguments.code` must be a string"),
        (json!([]), "`params.arguments` must be an object"),
    ] {
        let answer = get("code_review", arguments).await;
        assert_eq!((answer.code(), answer.error_message()), (-32602, message));
    }
    let tone = get("code_review", json!({ "code": "x", "how": "loud" })).await;
    assert!(tone.error_message().contains("unknown variant `loud`"), "{}", tone.error_message());
}

#[tokio::test]
async fn a_prompt_that_does_not_exist_is_invalid() {
    assert_eq!(get("none", json!({})).await.kind, Some(ErrorKind::InvalidParams));
    let answer = send(&server(), modern("prompts/get", json!({}))).await;
    assert_eq!(answer.kind, Some(ErrorKind::MalformedParams));
    assert!(get(&"x".repeat(100_000), json!({})).await.message.to_string().len() < 1_000);
}

#[tokio::test]
async fn failures_are_errors_that_tell_no_secret() {
    let failed = get("code_review", json!({ "code": "fail" })).await;
    assert_eq!(failed.code(), -32603);
    assert!(!failed.message.to_string().contains("hunter2"));
    let panicked = get("code_review", json!({ "code": "panic" })).await;
    assert_eq!(panicked.code(), -32603);
    assert_eq!(panicked.error_message(), "internal error in `code_review`");
    let missing = get("code_review", json!({ "code": "missing" })).await;
    assert_eq!((missing.code(), missing.error_message()), (-32602, "no such code"));
    let told = get("maybe", json!({ "fail": "true" })).await;
    assert_eq!((told.code(), told.error_message()), (-32602, "told to fail"));
}

#[tokio::test(start_paused = true)]
async fn a_prompt_has_a_deadline_of_its_own() {
    let begun = tokio::time::Instant::now();
    let answer = get("code_review", json!({ "code": "hang" })).await;
    assert_eq!(answer.kind, Some(ErrorKind::DeadlineExceeded));
    assert_eq!(begun.elapsed().as_secs(), Duration::from_secs(5).as_secs());
}

#[tokio::test]
async fn a_prompt_can_tell_of_its_progress() {
    let params = json!({
        "name": "code_review", "arguments": { "code": "x" }, "_meta": { "progressToken": 1 },
    });
    assert_eq!(send(&server(), modern("prompts/get", params)).await.progress(), [0.5]);
}

#[tokio::test]
async fn arguments_are_completed_by_their_values_or_by_the_author() {
    let answer = complete("code_review", "language", "ru", json!({})).await;
    assert_is("CompleteResultResponse", &answer.message);
    assert_eq!(
        answer.result["completion"],
        json!({ "values": ["Rust", "Ruby"], "total": 2, "hasMore": false })
    );
    let values = |answer: Answer| answer.result["completion"]["values"].clone();
    let given = json!({ "code": "def f(): pass" });
    assert_eq!(values(complete("code_review", "language", "", given).await), json!(["Python"]));
    assert_eq!(values(complete("code_review", "how", "st", json!({})).await), json!(["strict"]));
    assert_eq!(values(complete("code_review", "code", "", json!({})).await), json!([]));
    assert_eq!(values(complete("greet", "name", "g", json!({})).await), json!(["Grace"]));
    assert_eq!(complete("greet", "none", "", json!({})).await.code(), -32602);
    assert_eq!(complete("none", "name", "", json!({})).await.code(), -32602);
}

#[tokio::test]
async fn legacy_results_have_nothing_of_the_modern_era() {
    let keys = |result: &Value| result.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let list = send(&server(), legacy("prompts/list", json!({}))).await.result;
    assert_eq!(keys(&list), ["prompts"]);
    let params = json!({ "name": "greet", "arguments": { "name": "Ada" } });
    let got = send(&server(), legacy("prompts/get", params)).await.result;
    assert_eq!(keys(&got), ["description", "messages"]);
    let params = json!({
        "ref": { "type": "ref/prompt", "name": "greet" },
        "argument": { "name": "name", "value": "" },
    });
    let completed = send(&server(), legacy("completion/complete", params)).await.result;
    assert_eq!(
        completed,
        json!({ "completion": { "values": ["Ada", "Grace"], "total": 2, "hasMore": false } })
    );
}

#[tokio::test]
async fn capabilities_are_those_of_what_is_there() {
    let capabilities =
        send(&server(), modern("server/discover", json!({}))).await.result["capabilities"].clone();
    assert_eq!(capabilities["prompts"], json!({}));
    assert_eq!(capabilities["completions"], json!({}));
    assert_eq!(capabilities.get("resources"), None);
    let empty = Server::builder("test", "1").build();
    for method in ["prompts/list", "prompts/get", "completion/complete"] {
        assert_eq!(send(&empty, modern(method, json!({}))).await.code(), -32601, "{method}");
    }
}

#[tokio::test]
async fn a_namespace_prefixes_the_names() {
    let pack = || ToolPack::new("greetings", ()).prompt::<greet>();
    let server = Server::builder("test", "1").pack(pack()).pack(pack().namespaced("more")).build();
    let list = send(&server, modern("prompts/list", json!({}))).await.result;
    assert_eq!(list["prompts"][1]["name"], "more_greet");
    let params = json!({ "name": "more_greet", "arguments": { "name": "Ada" } });
    assert_eq!(text(&send(&server, modern("prompts/get", params)).await), "Greet Ada.");
}

#[test]
fn two_prompts_of_one_name_do_not_make_a_server() {
    let error = Server::builder("test", "1")
        .pack(ToolPack::new("one", ()).prompt::<greet>())
        .pack(ToolPack::new("two", ()).prompt::<greet>())
        .try_build()
        .unwrap_err();
    let BuildError::DuplicatePrompt { prompt, first, second } = &error else { panic!("{error}") };
    assert_eq!((prompt.as_str(), first.as_str(), second.as_str()), ("greet", "one", "two"));

    let error = Server::builder("test", "1")
        .pack(ToolPack::new("one", ()).prompt::<greet>().namespaced("no space"))
        .try_build()
        .unwrap_err();
    assert!(matches!(error, BuildError::InvalidPromptName { .. }), "{error}");
}
