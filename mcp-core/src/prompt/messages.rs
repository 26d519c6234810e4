use rmcp::model::{ContentBlock, GetPromptResult, PromptMessage, Role};
use serde::Serialize as _;

/// What a prompt comes to: the messages that a conversation begins with.
///
/// ```
/// use mcp_core::{PromptMessages, content};
///
/// let png = [0x89, b'P', b'N', b'G'];
/// let messages = PromptMessages::new()
///     .user("What does this chart show?")
///     .user(content::image(png, "image/png"))
///     .assistant("I see the sales of 2017.")
///     .description("Explains a chart");
/// # drop(messages);
/// ```
///
/// A bare string is one message of the user.
#[derive(Clone, Debug, Default)]
pub struct PromptMessages {
    messages: Vec<PromptMessage>,
    description: Option<String>,
}

/// A text or any other content of a message.
#[derive(Clone, Debug)]
pub struct PromptContent(ContentBlock);

impl PromptMessages {
    /// No messages yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what the user says.
    #[must_use]
    pub fn user(self, content: impl Into<PromptContent>) -> Self {
        self.message(Role::User, content)
    }

    /// Adds what the model says.
    #[must_use]
    pub fn assistant(self, content: impl Into<PromptContent>) -> Self {
        self.message(Role::Assistant, content)
    }

    fn message(mut self, role: Role, content: impl Into<PromptContent>) -> Self {
        self.messages.push(PromptMessage::new(role, content.into().0));
        self
    }

    /// Says what the messages are for, where it is not what the prompt's description says.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    pub(crate) fn or_description(mut self, description: Option<&str>) -> Self {
        if self.description.is_none() {
            self.description = description.map(str::to_owned);
        }
        self
    }

    /// The same with other content.
    pub(crate) fn map_content(mut self, map: impl Fn(ContentBlock) -> ContentBlock) -> Self {
        self.messages = self
            .messages
            .into_iter()
            .map(|message| PromptMessage::new(message.role, map(message.content)))
            .collect();
        self
    }

    /// Writes the members of the result, without braces.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        // Writing to memory does not fail, and neither does writing texts.
        if let Some(description) = &self.description {
            out.extend_from_slice(br#""description":"#);
            let _ = serde_json::to_writer(&mut *out, description);
            out.push(b',');
        }
        out.extend_from_slice(br#""messages":"#);
        let _ = self.messages.serialize(&mut serde_json::Serializer::new(out));
    }
}

impl From<PromptMessages> for GetPromptResult {
    fn from(messages: PromptMessages) -> Self {
        let mut result = Self::new(messages.messages);
        result.description = messages.description;
        result
    }
}

impl From<Vec<PromptMessage>> for PromptMessages {
    fn from(messages: Vec<PromptMessage>) -> Self {
        Self { messages, description: None }
    }
}

impl From<PromptMessage> for PromptMessages {
    fn from(message: PromptMessage) -> Self {
        vec![message].into()
    }
}

impl From<String> for PromptMessages {
    fn from(text: String) -> Self {
        Self::new().user(text)
    }
}

impl From<&str> for PromptMessages {
    fn from(text: &str) -> Self {
        Self::new().user(text)
    }
}

impl From<String> for PromptContent {
    fn from(text: String) -> Self {
        Self(ContentBlock::text(text))
    }
}

impl From<&str> for PromptContent {
    fn from(text: &str) -> Self {
        Self(ContentBlock::text(text))
    }
}

impl From<ContentBlock> for PromptContent {
    fn from(content: ContentBlock) -> Self {
        Self(content)
    }
}
