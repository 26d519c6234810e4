//! Resources, prompts and completions over every transport, in both protocol eras.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use mcp_core::{
    Completing, Contents, Era, GetPrompt, Prompt, PromptMessages, ReadResource, Resource,
    ResourceTemplate, Server, ToolContext, ToolError, ToolErrorKind, ToolPack, ToolResult, content,
    model::{ContentBlock, ResourceContents, Role},
    prompt,
};
use mcp_testing::Harness;
use serde_json::json;

/// What the pack's parts share.
struct Notes(Vec<&'static str>);

/// A note, by its number.
#[derive(ResourceTemplate)]
#[resource(uri = "notes://{id}", title = "Note", mime_type = "text/markdown")]
struct Note {
    #[resource(complete)]
    id: usize,
}

impl ReadResource<Notes> for Note {
    async fn read(self, notes: &Notes, cx: &ToolContext) -> ToolResult<Contents> {
        cx.progress(0.5, "reading").await;
        let note = notes.0.get(self.id);
        let note = note.ok_or_else(|| ToolError::new(ToolErrorKind::NotFound, "no such note"))?;
        Ok(Contents::text(*note))
    }

    async fn complete(
        completing: &Completing,
        notes: &Notes,
        _cx: &ToolContext,
    ) -> ToolResult<Vec<String>> {
        Ok(completing.among((0..notes.0.len()).map(|id| id.to_string())))
    }
}

/// Asks for a summary of a note.
#[derive(Prompt)]
#[prompt(title = "Summarize")]
struct Summarize {
    /// The note's number.
    id: usize,
    /// The language of the summary.
    #[prompt(complete)]
    language: Option<String>,
}

impl GetPrompt<Notes> for Summarize {
    async fn get(self, notes: &Notes, _cx: &ToolContext) -> ToolResult<PromptMessages> {
        let note = notes.0.get(self.id).copied().unwrap_or_default();
        let language = self.language.unwrap_or_else(|| "English".into());
        Ok(PromptMessages::new()
            .user(format!("Summarize this in {language}:"))
            .user(content::embedded_text(format!("notes://{}", self.id), "text/markdown", note))
            .assistant("Gladly."))
    }

    async fn complete(
        completing: &Completing,
        _: &Notes,
        _cx: &ToolContext,
    ) -> ToolResult<Vec<String>> {
        match completing.given("id") {
            Some("1") => Ok(vec!["French".into()]),
            _ => Ok(completing.among(["English", "Esperanto", "French"])),
        }
    }
}

/// Greets someone.
#[prompt]
async fn greet(name: String) -> String {
    format!("Greet {name}.")
}

fn server() -> Server {
    let notes = Notes(vec!["# Zero", "# Un"]);
    Server::builder("notes", "1.0")
        .page_size(2)
        .prompt::<greet>()
        .pack(
            ToolPack::new("notes", notes)
                .resource(Resource::text("notes://terms", "terms", "Pay \"first\".\n"))
                .resource(
                    Resource::blob("notes://logo", "logo", (0..=255).collect::<Vec<u8>>())
                        .mime_type("image/png"),
                )
                .resource_fn(Resource::new("notes://count", "count"), |notes, _cx| async move {
                    Ok(notes.0.len().to_string())
                })
                .template::<Note>()
                .prompt::<Summarize>(),
        )
        .build()
}

fn text_of(contents: &ResourceContents) -> (&str, &str) {
    match contents {
        ResourceContents::TextResourceContents { uri, text, .. } => (uri, text),
        other => panic!("no text: {other:?}"),
    }
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn resources_are_listed_over_all_pages(mcp: Harness) {
    let resources = mcp.list_resources().await;
    let uris: Vec<_> = resources.iter().map(|resource| resource.uri.as_str()).collect();
    assert_eq!(uris, ["notes://terms", "notes://logo", "notes://count"]);
    assert_eq!((resources[0].size, resources[1].size), (Some(13), Some(256)));
    let templates = mcp.list_resource_templates().await;
    assert_eq!(templates.len(), 1);
    assert_eq!(templates[0].uri_template, "notes://{id}");
    assert_eq!(templates[0].title.as_deref(), Some("Note"));
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn resources_are_read(mcp: Harness) {
    let read = mcp.read_resource("notes://terms").await;
    assert_eq!(text_of(&read[0]), ("notes://terms", "Pay \"first\".\n"));
    assert_eq!(text_of(&mcp.read_resource("notes://count").await[0]), ("notes://count", "2"));
    let note = mcp.read_resource("notes://1").await;
    assert_eq!(text_of(&note[0]), ("notes://1", "# Un"));
    let logo = mcp.read_resource("notes://logo").await;
    let ResourceContents::BlobResourceContents { mime_type, blob, .. } = &logo[0] else {
        panic!("no bytes: {logo:?}")
    };
    assert_eq!(mime_type.as_deref(), Some("image/png"));
    assert!(blob.starts_with("AAECAwQF") && blob.ends_with("/P3+/w=="), "{blob}");
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn only_modern_clients_are_told_how_long_they_may_keep_what_they_read(mcp: Harness) {
    let known = mcp.try_read_resource("notes://terms").await.unwrap();
    let read = mcp.try_read_resource("notes://1").await.unwrap();
    match mcp.era() {
        Era::Modern => assert_eq!((known.ttl_ms, read.ttl_ms), (Some(300_000), Some(0))),
        Era::Legacy => assert_eq!((known.ttl_ms, read.ttl_ms), (None, None)),
    }
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn a_resource_that_does_not_exist_has_the_eras_code(mcp: Harness) {
    let code = match mcp.era() {
        Era::Modern => -32602,
        Era::Legacy => -32002,
    };
    for uri in ["notes://7", "notes://x", "other://x"] {
        assert_eq!(mcp.try_read_resource(uri).await.unwrap_err().code, code, "{uri}");
    }
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn prompts_are_listed_and_filled_in(mcp: Harness) {
    let prompts = mcp.list_prompts().await;
    let names: Vec<_> = prompts.iter().map(|prompt| prompt.name.as_str()).collect();
    assert_eq!(names, ["greet", "summarize"]);
    let arguments = prompts[1].arguments.as_ref().unwrap();
    assert_eq!((arguments[0].required, arguments[1].required), (Some(true), Some(false)));

    let greeting = mcp.get_prompt("greet", json!({ "name": "Ada" })).await;
    assert_eq!(greeting.description.as_deref(), Some("Greets someone."));
    assert_eq!(greeting.messages[0].content, ContentBlock::text("Greet Ada."));

    let summary = mcp.get_prompt("summarize", json!({ "id": "1", "language": "French" })).await;
    let roles: Vec<_> = summary.messages.iter().map(|message| message.role.clone()).collect();
    assert_eq!(roles, [Role::User, Role::User, Role::Assistant]);
    let embedded = summary.messages[1].content.as_resource().unwrap();
    assert_eq!(text_of(&embedded.resource), ("notes://1", "# Un"));
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn arguments_of_prompts_that_do_not_fit_are_named(mcp: Harness) {
    let missing = mcp.try_get_prompt("summarize", json!({})).await.unwrap_err();
    assert_eq!(missing.code, -32602);
    assert!(missing.message.contains("`id`"), "{}", missing.message);
    let misfit = mcp.try_get_prompt("summarize", json!({ "id": "one" })).await.unwrap_err();
    assert!(misfit.message.contains("`id`"), "{}", misfit.message);
    assert_eq!(mcp.try_get_prompt("none", json!({})).await.unwrap_err().code, -32602);
}

#[mcp_testing::test(server(), lambda, web_socket_api)]
async fn arguments_and_variables_are_completed(mcp: Harness) {
    let language = mcp.complete_prompt("summarize", "language", "e", &[]).await.unwrap();
    assert_eq!(language.values, ["English", "Esperanto"]);
    assert_eq!((language.total, language.has_more), (Some(2), Some(false)));
    let given = [("id", "1")];
    let language = mcp.complete_prompt("summarize", "language", "", &given).await.unwrap();
    assert_eq!(language.values, ["French"]);
    let id = mcp.complete_resource("notes://{id}", "id", "", &[]).await.unwrap();
    assert_eq!(id.values, ["0", "1"]);
    let unknown = mcp.complete_prompt("none", "x", "", &[]).await.unwrap_err();
    assert_eq!(unknown.code, -32602);
}

fn bare() -> Server {
    Server::builder("bare", "1.0").build()
}

#[mcp_testing::test(bare())]
async fn what_a_server_does_not_have_is_no_method_of_it(mcp: Harness) {
    assert_eq!(mcp.try_read_resource("a:b").await.unwrap_err().code, -32601);
    assert_eq!(mcp.try_get_prompt("x", json!({})).await.unwrap_err().code, -32601);
    assert_eq!(mcp.complete_prompt("x", "y", "", &[]).await.unwrap_err().code, -32601);
}
