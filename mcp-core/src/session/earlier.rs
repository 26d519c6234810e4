//! Content that earlier revisions have no name for.

use rmcp::model::{ContentBlock, ResourceContents};

/// The first revision with sounds.
const AUDIO: &str = "2025-03-26";
/// The first revision with links, which is the first that knows all content that there is.
const LINKS: &str = "2025-06-18";

/// Whether clients of a revision do not know all content that there is.
pub(crate) fn is_limited(version: &str) -> bool {
    version < LINKS
}

/// Whether clients of a revision know content of this kind.
pub(crate) fn knows(version: &str, kind: &str) -> bool {
    match kind {
        "audio" => version >= AUDIO,
        "resource_link" => version >= LINKS,
        _ => true,
    }
}

/// The content as clients of a revision know it, with nothing of it lost.
pub(crate) fn as_known_in(version: &str, content: ContentBlock) -> ContentBlock {
    match content {
        ContentBlock::Audio(audio) if version < AUDIO => {
            // Of no resource that could be read; a URI has to be there.
            let sound = ResourceContents::blob(audio.data, "urn:mcp:audio");
            ContentBlock::resource(sound.with_mime_type(audio.mime_type))
        }
        ContentBlock::ResourceLink(link) if version < LINKS => {
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
