//! What tools, resources and prompts answer with, as people see it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rmcp::model::{ContentBlock, ResourceContents};
use serde_json::Value;

use crate::{
    exit::Failure,
    output::{self, FAINT},
    user::one_line,
};

/// Prints content; what is not text is named, and written into a folder where there is one.
pub(super) fn show(
    content: &[ContentBlock],
    structured: Option<&Value>,
    save: Option<&Path>,
) -> Result<(), Failure> {
    let mut has_text = false;
    for (place, block) in content.iter().enumerate() {
        match block {
            ContentBlock::Text(text) => {
                has_text = true;
                output::print(&plain(&text.text))?;
            }
            ContentBlock::Image(image) => binary(&image.data, &image.mime_type, place, save)?,
            ContentBlock::Audio(audio) => binary(&audio.data, &audio.mime_type, place, save)?,
            ContentBlock::Resource(resource) => contents(&resource.resource, place, save)?,
            ContentBlock::ResourceLink(link) => {
                output::print(&format!(
                    "{FAINT}[{} {}]{FAINT:#}",
                    one_line(&link.name),
                    one_line(&link.uri)
                ))?;
            }
            _ => output::print(&format!("{FAINT}[content of an unknown kind]{FAINT:#}"))?,
        }
    }
    if let (false, Some(structured)) = (has_text, structured) {
        output::print_json(structured)?;
    }
    Ok(())
}

/// Prints what a resource holds.
pub(super) fn contents(
    contents: &ResourceContents,
    place: usize,
    save: Option<&Path>,
) -> Result<(), Failure> {
    match contents {
        ResourceContents::TextResourceContents { text, mime_type, .. } => match save {
            Some(folder) => {
                let kind = mime_type.as_deref().unwrap_or("text/plain");
                let path = write(folder, place, kind, text.as_bytes())?;
                output::print(&format!("{FAINT}[{}]{FAINT:#}", path.display()))
            }
            None => output::print(&plain(text)),
        },
        ResourceContents::BlobResourceContents { blob, mime_type, .. } => {
            let kind = mime_type.as_deref().unwrap_or("application/octet-stream");
            binary(blob, kind, place, save)
        }
        _ => output::print(&format!("{FAINT}[a resource of an unknown kind]{FAINT:#}")),
    }
}

/// Text as it is, without what a terminal would take for a command.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

fn binary(data: &str, kind: &str, place: usize, save: Option<&Path>) -> Result<(), Failure> {
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|error| Failure::answered(format!("the {kind} is not base64: {error}")))?;
    let kind_shown = one_line(kind);
    let note = match save {
        Some(folder) => write(folder, place, kind, &bytes)?.display().to_string(),
        None => format!("{kind_shown}, {} bytes; --save FOLDER writes it to a file", bytes.len()),
    };
    output::print(&format!("{FAINT}[{note}]{FAINT:#}"))
}

/// Writes a file that was not there before.
fn write(folder: &Path, place: usize, kind: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let cannot = |what: &Path, error: std::io::Error| {
        Failure::local(format!("cannot write {}: {error}", what.display()))
    };
    fs::create_dir_all(folder).map_err(|error| cannot(folder, error))?;
    for attempt in 0.. {
        let number = place + 1 + attempt;
        let path = folder.join(format!("{number}.{}", extension(kind)));
        let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
        match file {
            Ok(mut file) => {
                return std::io::Write::write_all(&mut file, bytes)
                    .map(|()| path.clone())
                    .map_err(|error| cannot(&path, error));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot(&path, error)),
        }
    }
    unreachable!("there is a free number")
}

/// From the server's word, so of letters and digits alone.
fn extension(kind: &str) -> String {
    let subtype = kind.split(';').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let subtype = subtype.split('+').next().unwrap_or_default();
    let known = match subtype {
        "plain" => "txt",
        "jpeg" => "jpg",
        "mpeg" => "mp3",
        "octet-stream" | "" => "bin",
        other => other,
    };
    let clean: String = known.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    if clean.is_empty() { "bin".to_owned() } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_does_not_choose_where_a_file_goes() {
        assert_eq!(extension("image/png"), "png");
        assert_eq!(extension("image/svg+xml"), "svg");
        assert_eq!(extension("text/plain; charset=utf-8"), "txt");
        assert_eq!(extension("x/../../etc/passwd"), "passwd");
        assert_eq!(extension("x/.."), "bin");
    }

    #[test]
    fn a_terminal_gets_no_commands_from_a_server() {
        assert_eq!(plain("a\u{1b}]0;x\u{7}\tb\n"), "a]0;x\tb\n");
    }
}
