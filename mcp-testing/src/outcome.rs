use mcp_core::model::{CallToolResult, ContentBlock, ProgressNotificationParam};
use serde::de::DeserializeOwned;

/// What a tool has answered.
///
/// The accessors panic where the answer is not what the test asks for, and show it.
#[derive(Debug)]
pub struct Outcome {
    pub(crate) tool: String,
    pub(crate) result: CallToolResult,
    pub(crate) progress: Vec<ProgressNotificationParam>,
    /// Legacy clients get structured content only where it is an object.
    pub(crate) legacy: bool,
}

impl Outcome {
    /// The answer's text: all text blocks, one a line.
    ///
    /// # Panics
    ///
    /// When the tool failed.
    #[track_caller]
    pub fn text(&self) -> String {
        assert!(!self.is_error(), "`{}` failed: {}", self.tool, self.all_text());
        self.all_text()
    }

    /// The answer's structured content.
    ///
    /// # Panics
    ///
    /// When the tool failed, or when there is no structured content of this type.
    #[track_caller]
    pub fn structured<T: DeserializeOwned>(&self) -> T {
        assert!(!self.is_error(), "`{}` failed: {}", self.tool, self.all_text());
        let value = self.result.structured_content.clone();
        let value = value.unwrap_or_else(|| {
            let hint = if self.legacy { " (legacy clients get only objects)" } else { "" };
            panic!("`{}` answered no structured content{hint}: {self:?}", self.tool)
        });
        serde_json::from_value(value).unwrap_or_else(|error| {
            panic!(
                "the structured content of `{}` is of another type: {error}: {self:?}",
                self.tool
            )
        })
    }

    /// The failure's text, as the model reads it.
    ///
    /// # Panics
    ///
    /// When the tool did not fail.
    #[track_caller]
    pub fn tool_error(&self) -> String {
        assert!(self.is_error(), "`{}` did not fail: {}", self.tool, self.all_text());
        self.all_text()
    }

    /// Whether the tool failed (`isError`).
    pub fn is_error(&self) -> bool {
        self.result.is_error == Some(true)
    }

    /// The progress that was told before the answer, in order.
    pub fn progress(&self) -> &[ProgressNotificationParam] {
        &self.progress
    }

    /// The whole answer.
    pub fn result(&self) -> &CallToolResult {
        &self.result
    }

    fn all_text(&self) -> String {
        let texts: Vec<&str> = self
            .result
            .content
            .iter()
            .filter_map(|block| match block {
                ContentBlock::Text(text) => Some(text.text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n")
    }
}
