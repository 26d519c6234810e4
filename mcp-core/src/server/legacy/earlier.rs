//! Content that earlier revisions have no name for.

use rmcp::model::{ContentBlock, ProtocolVersion, ResourceContents};

/// The content as clients of a revision know it, with nothing of it lost.
pub(super) fn as_known_in(version: &ProtocolVersion, content: ContentBlock) -> ContentBlock {
    match content {
        ContentBlock::Audio(audio) if *version < ProtocolVersion::V_2025_03_26 => {
            // Of no resource that could be read; a URI has to be there.
            let sound = ResourceContents::blob(audio.data, "urn:mcp:audio");
            ContentBlock::resource(sound.with_mime_type(audio.mime_type))
        }
        ContentBlock::ResourceLink(link) if *version < ProtocolVersion::V_2025_06_18 => {
            let name = link.title.as_ref().unwrap_or(&link.name);
            let mut text = format!("[{name}]({})", link.uri);
            if let Some(description) = &link.description {
                text += ": ";
                text += description;
            }
            ContentBlock::text(text)
        }
        content => content,
    }
}
