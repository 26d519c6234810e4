use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rmcp::model::ResourceContents;
use serde::Serialize;

use crate::{CacheScope, ToolResult, server::CacheHints};

/// What is read of a resource: a text, bytes, or several of either.
///
/// ```
/// use mcp_core::Contents;
///
/// let text = Contents::text("# Notes").mime_type("text/markdown");
/// let image = Contents::blob(vec![0x89, b'P', b'N', b'G']).mime_type("image/png");
/// let folder = Contents::text("one").uri("notes://1").and(Contents::text("two").uri("notes://2"));
/// # drop((text, image, folder));
/// ```
///
/// What is not said is taken from the resource: its URI, its MIME type, and how long clients may
/// keep it.
#[derive(Clone, Debug)]
pub struct Contents {
    parts: Vec<Part>,
    cache: Option<CacheHints>,
}

#[derive(Clone, Debug)]
enum Part {
    Text {
        uri: Option<String>,
        mime_type: Option<String>,
        text: String,
    },
    Blob {
        uri: Option<String>,
        mime_type: Option<String>,
        bytes: Bytes,
    },
    /// JSON already, of one part or several.
    Written(Bytes),
}

impl Contents {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::of(Part::Text { uri: None, mime_type: None, text: text.into() })
    }

    /// Bytes, which clients get in Base64.
    pub fn blob(bytes: impl Into<Bytes>) -> Self {
        Self::of(Part::Blob { uri: None, mime_type: None, bytes: bytes.into() })
    }

    /// A value as JSON, with the MIME type `application/json`.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> ToolResult<Self> {
        Ok(Self::text(serde_json::to_string(value)?).mime_type("application/json"))
    }

    fn of(part: Part) -> Self {
        Self { parts: vec![part], cache: None }
    }

    /// Sets the MIME type, where it is not the resource's.
    #[must_use]
    pub fn mime_type(mut self, mime_type: impl Into<String>) -> Self {
        if let Some(Part::Text { mime_type: slot, .. } | Part::Blob { mime_type: slot, .. }) =
            self.parts.last_mut()
        {
            *slot = Some(mime_type.into());
        }
        self
    }

    /// Sets the URI, where it is not the one that was asked for: a file of a directory.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        if let Some(Part::Text { uri: slot, .. } | Part::Blob { uri: slot, .. }) =
            self.parts.last_mut()
        {
            *slot = Some(uri.into());
        }
        self
    }

    /// Adds more parts.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.parts.extend(more.parts);
        self
    }

    /// Sets how long clients may keep what they have read (`ttlMs`), and who may (`cacheScope`).
    #[must_use]
    pub fn cache(mut self, ttl: Duration, scope: CacheScope) -> Self {
        self.cache = Some(CacheHints::new(ttl, scope));
        self
    }

    pub(crate) fn size(&self) -> u64 {
        let size = |part: &Part| match part {
            Part::Text { text, .. } => text.len(),
            Part::Blob { bytes, .. } => bytes.len(),
            Part::Written(_) => 0,
        };
        self.parts.iter().map(size).sum::<usize>() as u64
    }

    /// Sets how long clients may keep it, unless it says so itself.
    pub(crate) fn or_cache(mut self, cache: CacheHints) -> Self {
        self.cache.get_or_insert(cache);
        self
    }

    /// Fills in what the resource says of itself.
    pub(crate) fn complete(self, uri: &str, mime_type: Option<&str>, cache: CacheHints) -> Self {
        let mut contents = self.or_cache(cache);
        for part in &mut contents.parts {
            if let Part::Text { uri: part_uri, mime_type: part_type, .. }
            | Part::Blob { uri: part_uri, mime_type: part_type, .. } = part
            {
                part_uri.get_or_insert_with(|| uri.to_owned());
                if part_type.is_none() {
                    *part_type = mime_type.map(str::to_owned);
                }
            }
        }
        contents
    }

    /// Writes the parts down, so that they need not be written for each request.
    pub(crate) fn written(self) -> Self {
        let mut out = Vec::with_capacity(self.written_size());
        self.write_parts(&mut out);
        Self { parts: vec![Part::Written(out.into())], cache: self.cache }
    }

    /// About how many bytes [`Self::write_members`] writes.
    pub(crate) fn written_size(&self) -> usize {
        let size = |part: &Part| match part {
            Part::Text { text, .. } => text.len() + text.len() / 16,
            Part::Blob { bytes, .. } => bytes.len().div_ceil(3) * 4,
            Part::Written(json) => json.len(),
        };
        self.parts.iter().map(|part| size(part) + 128).sum()
    }

    fn write_parts(&self, out: &mut Vec<u8>) {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let (uri, mime_type) = match part {
                Part::Text { uri, mime_type, .. } | Part::Blob { uri, mime_type, .. } => {
                    (uri.as_deref().unwrap_or_default(), mime_type)
                }
                Part::Written(json) => {
                    out.extend_from_slice(json);
                    continue;
                }
            };
            out.extend_from_slice(br#"{"uri":"#);
            write_string(out, uri);
            if let Some(mime_type) = mime_type {
                out.extend_from_slice(br#","mimeType":"#);
                write_string(out, mime_type);
            }
            match part {
                Part::Text { text, .. } => {
                    out.extend_from_slice(br#","text":"#);
                    write_string(out, text);
                }
                Part::Blob { bytes, .. } => {
                    out.extend_from_slice(br#","blob":""#);
                    let start = out.len();
                    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
                    // There is room for exactly this.
                    let _ = BASE64_STANDARD.encode_slice(bytes, &mut out[start..]);
                    out.push(b'"');
                }
                Part::Written(_) => {}
            }
            out.push(b'}');
        }
    }

    /// Writes the members of a legacy result: `"contents":[…]`, without braces.
    pub(crate) fn write_members(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#""contents":["#);
        self.write_parts(out);
        out.push(b']');
    }

    /// Writes what a modern result has beside: `,"ttlMs":…`.
    pub(crate) fn write_cache(&self, out: &mut Vec<u8>) {
        self.cache.unwrap_or(CacheHints::NEVER).write_members(out);
    }
}

fn write_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string to memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

impl From<String> for Contents {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Contents {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Self::blob(bytes)
    }
}

impl From<Bytes> for Contents {
    fn from(bytes: Bytes) -> Self {
        Self::blob(bytes)
    }
}

impl From<Vec<ResourceContents>> for Contents {
    fn from(parts: Vec<ResourceContents>) -> Self {
        let write = |part: &ResourceContents| {
            // Texts and maps with string keys can be written.
            Part::Written(serde_json::to_vec(part).unwrap_or_default().into())
        };
        Self { parts: parts.iter().map(write).collect(), cache: None }
    }
}

impl From<ResourceContents> for Contents {
    fn from(part: ResourceContents) -> Self {
        vec![part].into()
    }
}
