use std::{any::Any, borrow::Cow, collections::BTreeMap};

use rmcp::model::{ContentBlock, TextContent};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{ToolError, foreign, schema};
use crate::{Era, json_text, session::earlier};

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
        let mut output = Some(self);
        // A text need not be written as JSON to become a text.
        match (&mut output as &mut dyn Any).downcast_mut().and_then(Option::<String>::take) {
            Some(text) => Ok(CallResult::text(text)),
            None => CallResult::structured(&output),
        }
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
    foreign: Option<Box<Foreign>>,
}

/// What another server has written and this one passes on.
#[derive(Clone, Debug, Default)]
struct Foreign {
    /// Stands for `content`.
    content: Option<Box<str>>,
    /// The members of `_meta` and its closing brace.
    meta: Option<Box<str>>,
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

    /// An answer that another server has written: the `result` of its response to `tools/call`.
    ///
    /// `content`, `structuredContent` and the values in `_meta` are passed on byte for byte, kinds
    /// of content that this crate does not know included. Only a client with a legacy session
    /// gets them as that session's revision can express them. The other server's name and version
    /// are left out: the answer is this server's.
    ///
    /// # Errors
    ///
    /// When the text is no complete result of a tool.
    pub fn from_json(result: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            #[serde(borrow)]
            result_type: Option<Cow<'a, str>>,
            #[serde(borrow)]
            content: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            structured_content: Option<&'a RawValue>,
            is_error: Option<bool>,
            #[serde(borrow, rename = "_meta")]
            meta: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
        }
        /// `null` is a value, too.
        fn present<'a, D: Deserializer<'a>>(value: D) -> Result<Option<&'a RawValue>, D::Error> {
            <&RawValue>::deserialize(value).map(Some)
        }

        let result = one_line(result);
        let wire: Wire<'_> = serde_json::from_str(&result)?;
        if let Some(other) = wire.result_type.filter(|kind| kind != "complete") {
            return Err(serde::de::Error::custom(format!("the result is not complete: {other}")));
        }
        let content = wire.content.map(RawValue::get).filter(|content| *content != "null");
        if content.is_some_and(|content| !content.starts_with('[')) {
            return Err(serde::de::Error::custom("`content` must be an array"));
        }
        if content.is_none() && wire.structured_content.is_none() {
            return Err(serde::de::Error::custom("there is no `content`"));
        }
        let mut meta = wire.meta.unwrap_or_default();
        meta.remove("io.modelcontextprotocol/serverInfo");
        let meta = (!meta.is_empty()).then(|| serde_json::to_string(&meta)).transpose()?;
        Ok(Self {
            structured: wire.structured_content.map(|raw| raw.get().to_owned()),
            is_error: wire.is_error.unwrap_or(false),
            foreign: Some(Box::new(Foreign {
                content: content.map(Into::into),
                meta: meta.map(|meta| meta[1..].into()),
            })),
            ..Self::default()
        })
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

    /// The same with content as clients of an earlier revision know it.
    pub(crate) fn known_in(mut self, version: &str) -> Self {
        let known = |content| earlier::as_known_in(version, content);
        self.content = self.content.into_iter().map(known).collect();
        if let Some(content) = self.foreign.as_mut().and_then(|foreign| foreign.content.as_mut()) {
            *content = foreign::known_in(version, content).into();
        }
        self
    }

    /// Whether the answer tells of a failure.
    pub fn is_error(&self) -> bool {
        self.is_error
    }

    /// The members of `_meta`, with the brace that closes it and without the one that opens it.
    pub(crate) fn meta_members(&self) -> Option<&str> {
        self.foreign.as_ref()?.meta.as_deref()
    }

    /// About how many bytes the content has.
    pub(crate) fn size(&self) -> usize {
        let block = |block: &ContentBlock| match block {
            ContentBlock::Text(text) => text.text.len(),
            ContentBlock::Image(image) => image.data.len(),
            ContentBlock::Audio(audio) => audio.data.len(),
            // Written for the count alone; few tools answer with any.
            other => serde_json::to_string(other).map_or(0, |json| json.len()),
        };
        let structured = self.structured.as_ref().map_or(0, String::len);
        let foreign = self.foreign_content().map_or(0, str::len);
        structured + foreign + self.content.iter().map(block).sum::<usize>()
    }

    /// How many bytes of text it has, where that is known without writing it.
    pub(crate) fn text_size(&self) -> usize {
        let text = |block: &ContentBlock| match block {
            ContentBlock::Text(text) => text.text.len(),
            ContentBlock::Image(image) => image.data.len(),
            ContentBlock::Audio(audio) => audio.data.len(),
            _ => 0,
        };
        let structured = self.structured.as_ref().map_or(0, |text| 2 * text.len());
        let foreign = self.foreign_content().map_or(0, str::len);
        structured + foreign + self.content.iter().map(text).sum::<usize>()
    }

    fn foreign_content(&self) -> Option<&str> {
        self.foreign.as_ref()?.content.as_deref()
    }

    /// A text that tells the model of a failure.
    pub fn error(message: impl Into<String>) -> Self {
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
            json_text::write(structured, out);
        }
    }

    /// Writes the members of the result: `"content":…`, and so on, without braces. Legacy
    /// revisions know only objects as structured content.
    pub(crate) fn write_members(&self, era: Era, out: &mut Vec<u8>) {
        if let Some(content) = self.foreign_content() {
            out.extend_from_slice(br#""content":"#);
            match era {
                Era::Modern => out.extend_from_slice(content.as_bytes()),
                Era::Legacy => out.extend_from_slice(foreign::legacy(content).as_bytes()),
            }
            return self.write_rest(era, out);
        }
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
                    match block {
                        ContentBlock::Text(TextContent {
                            text,
                            meta: None,
                            annotations: None,
                            ..
                        }) => write_text_block(text, out),
                        // Serializing into memory does not fail.
                        block => drop(serde_json::to_writer(&mut *out, block)),
                    }
                }
            }
        }
        out.push(b']');
        self.write_rest(era, out);
    }

    /// Writes what comes after the content.
    fn write_rest(&self, era: Era, out: &mut Vec<u8>) {
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
}

fn write_text_block(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"text","text":"#);
    json_text::write(text, out);
    out.push(b'}');
}

/// Another server may write its JSON over several lines, which a transport that ends messages with
/// a line break cannot carry. Strings have none: there it is escaped.
fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

impl From<ToolError> for CallResult {
    fn from(error: ToolError) -> Self {
        Self::error(error.message())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(result: &CallResult) -> String {
        let mut out = Vec::new();
        result.write_members(Era::Modern, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn another_servers_answer_is_kept_byte_for_byte() {
        let content = r#"[{"z": 1.50, "type":"hologram","a":"\u00e9"},{"type":"text","text":"x"}]"#;
        let structured = r#"{"z":1e2, "a":18446744073709551616}"#;
        let json = format!(
            r#"{{"resultType":"complete","structuredContent":{structured},"content":{content},"isError":true}}"#
        );
        let result = CallResult::from_json(&json).unwrap();
        assert!(result.is_error());
        assert_eq!(
            written(&result),
            format!(r#""content":{content},"structuredContent":{structured},"isError":true"#)
        );
    }

    #[test]
    fn a_null_is_structured_content_and_no_content_is_made_of_it() {
        let result = CallResult::from_json(r#"{"content":[],"structuredContent":null}"#).unwrap();
        assert_eq!(written(&result), r#""content":[],"structuredContent":null"#);
        let result = CallResult::from_json(r#"{"structuredContent":{"a":1}}"#).unwrap();
        assert!(written(&result).starts_with(r#""content":[{"type":"text","text":"{\"a\":1}"}]"#));
    }

    #[test]
    fn line_breaks_between_tokens_do_not_reach_the_wire() {
        let result = CallResult::from_json(
            "{\r\n\"content\": [\n{\"type\":\"text\",\"text\":\"a\\nb\"}]\n}",
        );
        let text = written(&result.unwrap());
        assert!(!text.contains(['\n', '\r']) && text.contains(r"a\nb"), "{text}");
    }

    #[test]
    fn the_other_servers_identity_is_left_out_of_meta() {
        let meta =
            |json: &str| CallResult::from_json(json).unwrap().meta_members().map(ToOwned::to_owned);
        let info = r#""io.modelcontextprotocol/serverInfo":{"name":"x","version":"1"}"#;
        assert_eq!(meta(&format!(r#"{{"content":[],"_meta":{{{info}}}}}"#)), None);
        assert_eq!(
            meta(&format!(r#"{{"content":[],"_meta":{{{info},"a/b":[1.0]}}}}"#)).as_deref(),
            Some(r#""a/b":[1.0]}"#)
        );
    }

    #[test]
    fn what_is_no_complete_result_is_an_error() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"content":{}}"#,
            r#"{"content":"text"}"#,
            r#"{"resultType":"input_required","content":[]}"#,
            r#"{"content":[],"_meta":3}"#,
        ] {
            assert!(CallResult::from_json(json).is_err(), "{json}");
        }
    }

    #[test]
    fn legacy_clients_get_unknown_content_as_its_json() {
        let result = CallResult::from_json(
            r#"{"content":[{"type":"text","text":"a"},{"type":"hologram"}]}"#,
        );
        let mut out = Vec::new();
        result.unwrap().write_members(Era::Legacy, &mut out);
        let text = String::from_utf8(out).unwrap();
        let block = r#"{"type":"text","text":"{\"type\":\"hologram\"}"}"#;
        assert_eq!(text, format!(r#""content":[{{"type":"text","text":"a"}},{block}]"#));
    }
}
