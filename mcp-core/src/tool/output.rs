use rmcp::model::{CallToolResult, ContentBlock};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{ToolError, schema};
use crate::Era;

/// What a tool can answer.
///
/// Implemented for everything that is `Serialize + JsonSchema`: the model gets the value as JSON
/// text, and clients get it as structured content under the tool's output schema. A bare string
/// stays plain text without a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool's output",
    note = "derive `serde::Serialize` and `schemars::JsonSchema` for it, or answer a `CallResult`"
)]
pub trait Output: Send + 'static {
    /// The JSON Schema of the structured content, if there is any.
    fn schema() -> Option<Map<String, Value>>;

    /// The answer as content.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON: a map with keys that are not strings.
    fn into_call_result(self) -> Result<CallResult, ToolError>;
}

impl<T: Serialize + JsonSchema + Send + 'static> Output for T {
    fn schema() -> Option<Map<String, Value>> {
        schema::of_output::<T>()
    }

    fn into_call_result(self) -> Result<CallResult, ToolError> {
        CallResult::structured(&self)
    }
}

/// Data for programs together with a text for the model.
///
/// Without it the model reads the data's JSON.
#[derive(Clone, Debug)]
pub struct WithText<T> {
    /// The structured content.
    pub value: T,
    /// What the model reads.
    pub text: String,
}

impl<T> WithText<T> {
    /// Pairs data with its text.
    pub fn new(value: T, text: impl Into<String>) -> Self {
        Self { value, text: text.into() }
    }
}

impl<T: Serialize + JsonSchema + Send + 'static> Output for WithText<T> {
    fn schema() -> Option<Map<String, Value>> {
        schema::of_output::<T>()
    }

    fn into_call_result(self) -> Result<CallResult, ToolError> {
        Ok(CallResult::structured(&self.value)?.with_text(self.text))
    }
}

impl Output for CallResult {
    fn schema() -> Option<Map<String, Value>> {
        None
    }

    fn into_call_result(self) -> Result<CallResult, ToolError> {
        Ok(self)
    }
}

/// The content of a tool's answer: text, images, audio, resources, structured data.
#[derive(Clone, Debug, Default)]
pub struct CallResult {
    /// Empty where the text is to be made from `structured`.
    content: Vec<ContentBlock>,
    structured: Option<String>,
    /// Whether `structured` is only where the text comes from.
    text_only: bool,
    is_error: bool,
}

impl CallResult {
    /// An answer of one text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::default().with_text(text)
    }

    /// An answer of one value: structured content, and its JSON as text.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn structured<T: Serialize + ?Sized>(value: &T) -> Result<Self, ToolError> {
        Ok(Self { structured: Some(serde_json::to_string(value)?), ..Self::default() })
    }

    /// Adds a text.
    #[must_use]
    pub fn with_text(self, text: impl Into<String>) -> Self {
        self.with_content(ContentBlock::text(text))
    }

    /// Adds content of any kind.
    #[must_use]
    pub fn with_content(mut self, content: ContentBlock) -> Self {
        self.content.push(content);
        self
    }

    /// Whether the answer tells of a failure.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { is_error: true, ..Self::text(message) }
    }

    /// Leaves structured content out: the tool has no output schema.
    pub(crate) fn without_structured(mut self) -> Self {
        self.text_only = true;
        self
    }

    /// The text that stands for the structured content, as a JSON string.
    fn write_structured_text(structured: &str, out: &mut Vec<u8>) {
        if structured.starts_with('"') {
            out.extend_from_slice(structured.as_bytes());
        } else {
            // Serializing a string into memory does not fail.
            let _ = serde_json::to_writer(out, structured);
        }
    }

    /// Writes the members of the result: `"content":…`, and so on, without braces. Legacy
    /// revisions know only objects as structured content.
    pub(crate) fn write_members(&self, era: Era, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""content":["#);
        match (&self.structured, self.content.as_slice()) {
            (Some(structured), []) if structured != "null" => {
                out.extend_from_slice(br#"{"type":"text","text":"#);
                Self::write_structured_text(structured, out);
                out.push(b'}');
            }
            (_, content) => {
                for (index, block) in content.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let _ = serde_json::to_writer(&mut *out, block);
                }
            }
        }
        out.push(b']');
        let structured = self.structured.as_ref().filter(|structured| {
            !self.text_only && (era == Era::Modern || structured.starts_with('{'))
        });
        if let Some(structured) = structured {
            out.extend_from_slice(br#","structuredContent":"#);
            out.extend_from_slice(structured.as_bytes());
        }
        if self.is_error {
            out.extend_from_slice(br#","isError":true"#);
        }
    }

    /// The answer in the legacy engine's type, which is as [`Self::write_members`] has it.
    pub(crate) fn into_rmcp(mut self) -> CallToolResult {
        if self.content.is_empty()
            && let Some(structured) = &self.structured
            && structured != "null"
        {
            let text =
                serde_json::from_str::<String>(structured).unwrap_or_else(|_| structured.clone());
            self.content.push(ContentBlock::text(text));
        }
        let mut result = if self.is_error {
            CallToolResult::error(self.content)
        } else {
            CallToolResult::success(self.content)
        };
        if let Some(structured) = self.structured.filter(|_| !self.text_only) {
            result.structured_content =
                serde_json::from_str(&structured).ok().filter(Value::is_object);
        }
        result
    }
}

impl From<ToolError> for CallResult {
    fn from(error: ToolError) -> Self {
        Self::error(error.message())
    }
}
