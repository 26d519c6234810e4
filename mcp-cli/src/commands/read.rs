use std::path::PathBuf;

use rmcp::model::ReadResourceRequestParams;

use crate::{
    commands::{Conversation, content},
    exit::Failure,
    output,
};

pub(super) async fn run(
    conversation: Conversation,
    uri: String,
    save: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    let params = ReadResourceRequestParams::new(uri.clone());
    let result = conversation.ask(&uri, conversation.client.read_resource(params)).await?;
    if json {
        return output::print_json(&result);
    }
    for (place, contents) in result.contents.iter().enumerate() {
        content::contents(contents, place, save.as_deref())?;
    }
    Ok(())
}
