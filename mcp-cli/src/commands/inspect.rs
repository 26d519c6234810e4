use rmcp::model::Tool;
use serde_json::{Value, json};

use crate::{
    commands::{Conversation, list},
    exit::Failure,
    output::{self, FAINT, HEADING},
    user::one_line,
};

pub(super) async fn run(conversation: Conversation, json: bool) -> Result<(), Failure> {
    let offer = list::offer(&conversation).await?;
    let info = conversation.client.peer_info();
    let about = info.as_ref().map(|info| serde_json::to_value(&**info).unwrap_or_default());
    let about = about.unwrap_or_default();
    if json {
        return output::print_json(&json!({ "server": about, "offers": offer }));
    }
    let text = |key: &str| one_line(about["serverInfo"][key].as_str().unwrap_or("?"));
    let mut report = format!("{HEADING}{} {}{HEADING:#}\n", text("name"), text("version"));
    if let Some(version) = about["protocolVersion"].as_str() {
        report += &format!("protocol {}\n", one_line(version));
    }
    let capabilities = about["capabilities"].as_object().into_iter().flatten();
    let capabilities: Vec<&str> = capabilities.map(|(name, _)| name.as_str()).collect();
    report += &format!("capabilities: {}\n", one_line(&capabilities.join(", ")));
    if let Some(instructions) = about["instructions"].as_str() {
        report += &format!("{}\n", instructions.trim());
    }
    for tool in &offer.tools {
        report += &tool_report(tool);
    }
    output::print(&report)?;
    if offer.resources.len() + offer.resource_templates.len() + offer.prompts.len() > 0 {
        output::print(&format!(
            "\n{FAINT}{} resources, {} templates, {} prompts: `mcp list` names them{FAINT:#}",
            offer.resources.len(),
            offer.resource_templates.len(),
            offer.prompts.len()
        ))?;
    }
    Ok(())
}

fn tool_report(tool: &Tool) -> String {
    let mut text = format!("\n{HEADING}{}{HEADING:#}", one_line(&tool.name));
    let hints = serde_json::to_value(&tool.annotations).unwrap_or_default();
    let hints: Vec<&str> = hints
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| **value == Value::Bool(true))
        .map(|(name, _)| name.trim_end_matches("Hint"))
        .collect();
    if !hints.is_empty() {
        text += &format!("  {FAINT}{}{FAINT:#}", hints.join(", "));
    }
    text.push('\n');
    if let Some(description) = &tool.description {
        text += &format!("{}\n", description.trim());
    }
    let required: Vec<&str> = tool
        .input_schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = tool.input_schema.get("properties").and_then(Value::as_object);
    let rows: Vec<[String; 2]> = properties
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let star = if required.contains(&name.as_str()) { "*" } else { "" };
            let description = property["description"].as_str().unwrap_or_default();
            [format!("  {}{star}", one_line(name)), one_line(description)]
        })
        .collect();
    if !rows.is_empty() {
        text += &output::table(rows);
        text.push('\n');
    }
    text
}
