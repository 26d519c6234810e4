//! Content of answers and messages, from what programs have: bytes, texts, URIs.
//!
//! For [`CallResult::with_content`](crate::CallResult::with_content) and
//! [`PromptMessages`](crate::PromptMessages).
//!
//! ```
//! use mcp_core::{CallResult, content};
//!
//! let png = [0x89, b'P', b'N', b'G'];
//! let answer = CallResult::text("The sales of 2017:").with_content(content::image(png, "image/png"));
//! # drop(answer);
//! ```

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::model::{self, ContentBlock, ResourceContents};

/// An image, from its bytes.
pub fn image(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> ContentBlock {
    ContentBlock::image(BASE64_STANDARD.encode(bytes), mime_type)
}

/// A sound, from its bytes.
pub fn audio(bytes: impl AsRef<[u8]>, mime_type: impl Into<String>) -> ContentBlock {
    ContentBlock::audio(BASE64_STANDARD.encode(bytes), mime_type)
}

/// A resource that is a text, with the text.
pub fn embedded_text(
    uri: impl Into<String>,
    mime_type: impl Into<String>,
    text: impl Into<String>,
) -> ContentBlock {
    ContentBlock::resource(ResourceContents::text(text, uri).with_mime_type(mime_type))
}

/// A resource that is binary, with its bytes.
pub fn embedded_blob(
    uri: impl Into<String>,
    mime_type: impl Into<String>,
    bytes: impl AsRef<[u8]>,
) -> ContentBlock {
    let blob = ResourceContents::blob(BASE64_STANDARD.encode(bytes), uri);
    ContentBlock::resource(blob.with_mime_type(mime_type))
}

/// A link to a resource, which clients may read later.
///
/// A [`model::Resource`] has more to say about it: `ContentBlock::resource_link`.
pub fn link(uri: impl Into<String>, name: impl Into<String>) -> ContentBlock {
    ContentBlock::resource_link(model::Resource::new(uri, name))
}
