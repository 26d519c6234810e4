use rmcp::model::GetPromptRequestParams;
use serde_json::Value;

use crate::{
    commands::{Conversation, content},
    exit::Failure,
    output::{self, HEADING},
};

pub(super) async fn run(
    conversation: Conversation,
    name: String,
    arguments: Vec<String>,
    json: bool,
) -> Result<(), Failure> {
    let mut params = GetPromptRequestParams::new(name.clone());
    params.arguments = Some(arguments.iter().map(|pair| read(pair)).collect::<Result<_, _>>()?);
    let result = conversation.ask(&name, conversation.client.get_prompt(params)).await?;
    if json {
        return output::print_json(&result);
    }
    for message in &result.messages {
        let role = serde_json::to_value(&message.role).unwrap_or_default();
        let role = role.as_str().unwrap_or_default().to_owned();
        output::print(&format!("{HEADING}{role}{HEADING:#}"))?;
        content::show(std::slice::from_ref(&message.content), None, None)?;
    }
    Ok(())
}

fn read(pair: &str) -> Result<(String, Value), Failure> {
    let (name, value) = pair
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("expected NAME=VALUE, found {pair:?}")))?;
    Ok((name.to_owned(), Value::String(value.to_owned())))
}
