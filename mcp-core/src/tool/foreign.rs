//! Content that another server has written, and legacy clients are to understand.
//!
//! Only the members are looked at that make a block what it is, and what is known is passed on as it
//! stands. To read whole `ContentBlock`s would be a fiftieth of a small server's program.

use std::borrow::Cow;

use rmcp::model::{AudioContent, ContentBlock, Resource};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::session::earlier;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    mime_type: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<Contents<'a>>,
}

#[derive(Deserialize)]
struct Contents<'a> {
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    blob: Option<&'a RawValue>,
}

impl Block<'_> {
    /// Whether it is content of 2025-11-25, with all that it has to have.
    fn is_known(&self) -> bool {
        match &*self.kind {
            "text" => is_text(self.text),
            "image" | "audio" => is_text(self.data) && is_text(self.mime_type),
            "resource_link" => is_text(self.uri) && is_text(self.name),
            "resource" => self.resource.as_ref().is_some_and(|contents| {
                is_text(contents.uri) && (is_text(contents.text) || is_text(contents.blob))
            }),
            _ => false,
        }
    }

    /// What stands for it where clients of a revision do not know its kind.
    fn as_known_in(&self, version: &str) -> Option<ContentBlock> {
        let content = match &*self.kind {
            kind if earlier::knows(version, kind) => return None,
            "audio" => {
                let (data, mime_type) = (text(self.data)?, text(self.mime_type)?);
                ContentBlock::Audio(AudioContent::new(data, mime_type))
            }
            _ => {
                let mut link = Resource::new(text(self.uri)?, text(self.name)?);
                link.title = text(self.title);
                link.description = text(self.description);
                ContentBlock::ResourceLink(link)
            }
        };
        Some(earlier::as_known_in(version, content))
    }
}

fn is_text(member: Option<&RawValue>) -> bool {
    member.is_some_and(|member| member.get().starts_with('"'))
}

fn text(member: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(member?.get()).ok()
}

/// The content as legacy clients know it: a block of a kind that is not known is a text, its JSON.
pub(super) fn legacy(content: &str) -> String {
    rewritten(content, |_| None)
}

/// The same for clients of a revision that does not know all of that.
pub(super) fn known_in(version: &str, content: &str) -> String {
    rewritten(content, |block| block.as_known_in(version))
}

fn rewritten(content: &str, change: impl Fn(&Block<'_>) -> Option<ContentBlock>) -> String {
    let blocks: Vec<&RawValue> = serde_json::from_str(content).unwrap_or_default();
    let blocks: Vec<Cow<'_, RawValue>> = blocks
        .into_iter()
        .map(|raw| {
            let changed = match serde_json::from_str::<Block<'_>>(raw.get()) {
                Ok(block) if block.is_known() => change(&block),
                _ => Some(ContentBlock::text(raw.get())),
            };
            let changed = changed.and_then(|block| to_raw_value(&block).ok());
            changed.map_or(Cow::Borrowed(raw), Cow::Owned)
        })
        .collect();
    serde_json::to_string(&blocks).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_legacy_clients_know_stays_as_it_is() {
        for block in [
            r#"{"type":"text","text":"a\u00e9", "annotations":{"priority":1.50}}"#,
            r#"{"type":"image","data":"AA==","mimeType":"image/png"}"#,
            r#"{"type":"audio","data":"AA==","mimeType":"audio/wav"}"#,
            r#"{"type":"resource","resource":{"uri":"a:b","text":"x","mimeType":null}}"#,
            r#"{"type":"resource","resource":{"uri":"a:b","blob":"AA=="}}"#,
            r#"{"type":"resource_link","uri":"a:b","name":"b","size":1e2}"#,
        ] {
            assert_eq!(legacy(&format!("[{block}]")), format!("[{block}]"));
        }
    }

    #[test]
    fn what_they_do_not_know_or_could_not_read_is_its_json() {
        for block in [
            r#"{"type":"hologram","text":"x"}"#,
            r#"{"type":"text"}"#,
            r#"{"type":"text","text":1}"#,
            r#"{"type":"image","data":"AA=="}"#,
            r#"{"type":"resource","resource":{"uri":"a:b"}}"#,
            r#"{"type":"resource_link","uri":"a:b"}"#,
            r#"{"text":"x"}"#,
            "3",
        ] {
            let text = serde_json::to_string(block).unwrap();
            let expected = format!(r#"[{{"type":"text","text":{text}}}]"#);
            assert_eq!(legacy(&format!("[{block}]")), expected);
        }
    }

    #[test]
    fn earlier_revisions_get_sounds_and_links_in_their_own_words() {
        let sound = r#"{"type":"audio","data":"AA==","mimeType":"audio/wav"}"#;
        let link =
            r#"{"type":"resource_link","uri":"a:b","name":"b","title":"B","description":"its"}"#;
        let text = r#"{"type":"text", "text":"x"}"#;
        let content = format!("[{sound},{link},{text}]");
        let resource = r#"{"type":"resource","resource":{"uri":"urn:mcp:audio","mimeType":"audio/wav","blob":"AA=="}}"#;
        let linked = r#"{"type":"text","text":"[B](a:b): its"}"#;
        assert_eq!(known_in("2024-11-05", &content), format!("[{resource},{linked},{text}]"));
        assert_eq!(known_in("2025-03-26", &content), format!("[{sound},{linked},{text}]"));
        assert_eq!(known_in("2025-06-18", &content), content);
    }
}
