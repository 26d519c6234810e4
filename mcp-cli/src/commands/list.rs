use rmcp::model::{Prompt, Resource, ResourceTemplate, Tool};
use serde::Serialize;

use crate::{
    commands::Conversation,
    exit::Failure,
    output::{self, HEADING},
    user::one_line,
};

/// All that a server offers, from all pages.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Offer {
    pub(super) tools: Vec<Tool>,
    pub(super) resources: Vec<Resource>,
    pub(super) resource_templates: Vec<ResourceTemplate>,
    pub(super) prompts: Vec<Prompt>,
}

pub(super) async fn offer(conversation: &Conversation) -> Result<Offer, Failure> {
    let client = &conversation.client;
    let capabilities = client.peer_info().map(|info| info.capabilities.clone()).unwrap_or_default();
    let mut offer = Offer::default();
    if capabilities.tools.is_some() {
        offer.tools = conversation.ask("tools/list", client.list_all_tools()).await?;
    }
    if capabilities.resources.is_some() {
        offer.resources = conversation.ask("resources/list", client.list_all_resources()).await?;
        offer.resource_templates = conversation
            .ask("resources/templates/list", client.list_all_resource_templates())
            .await?;
    }
    if capabilities.prompts.is_some() {
        offer.prompts = conversation.ask("prompts/list", client.list_all_prompts()).await?;
    }
    Ok(offer)
}

pub(super) async fn run(conversation: Conversation, json: bool) -> Result<(), Failure> {
    let offer = offer(&conversation).await?;
    if json {
        return output::print_json(&offer);
    }
    let mut text = String::new();
    let mut section = |title: &str, rows: Vec<[String; 2]>| {
        if !rows.is_empty() {
            text += &format!("{HEADING}{title}{HEADING:#}\n{}\n\n", output::table(rows));
        }
    };
    let row = |name: &str, description: Option<&str>| {
        [one_line(name), description.map(first_sentence).unwrap_or_default()]
    };
    section(
        "Tools",
        offer.tools.iter().map(|tool| row(&tool.name, tool.description.as_deref())).collect(),
    );
    let resources = offer.resources.iter().map(|resource| {
        row(&resource.uri, resource.description.as_deref().or(Some(&resource.name)))
    });
    let templates = offer.resource_templates.iter().map(|template| {
        row(&template.uri_template, template.description.as_deref().or(Some(&template.name)))
    });
    section("Resources", resources.chain(templates).collect());
    section(
        "Prompts",
        offer
            .prompts
            .iter()
            .map(|prompt| row(&prompt.name, prompt.description.as_deref()))
            .collect(),
    );
    if text.is_empty() {
        text = "The server offers no tools, resources or prompts.".to_owned();
    }
    output::print(&text)
}

/// The first paragraph, on one line.
fn first_sentence(text: &str) -> String {
    let paragraph = text.trim().split("\n\n").next().unwrap_or_default();
    one_line(&paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
}
