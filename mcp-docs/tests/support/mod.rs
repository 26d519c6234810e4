//! The project's pages, read.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod programs;
pub mod sandbox;

use std::{
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// One Markdown file.
pub struct Page {
    /// Its path below the root.
    pub path: String,
    pub text: String,
}

/// A fenced block of code.
pub struct Block {
    /// The first word after the fence.
    pub language: String,
    pub code: String,
}

/// Where a page points to.
pub struct Link {
    pub target: String,
    /// The line that it stands on.
    pub line: usize,
}

/// All Markdown files, in the order of their paths. What tests have as data is not ours.
pub fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    walk(&root(), "", &mut |path| {
        if path.ends_with(".md") && !path.contains("/tests/") {
            let text = fs::read_to_string(root().join(path)).unwrap();
            pages.push(Page { path: path.to_owned(), text });
        }
    });
    assert!(pages.len() > 30, "only {} pages are found", pages.len());
    pages
}

/// Calls back with each file below a folder, except what is built, installed or hidden.
pub fn walk(root: &Path, below: &str, each: &mut impl FnMut(&str)) {
    let mut entries: Vec<_> = fs::read_dir(root.join(below)).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            let is_ours = !name.starts_with('.')
                && !["target", "book", "node_modules", "cdk.out"].contains(&name.as_str());
            if is_ours {
                walk(root, &path, each);
            }
        } else if kind.is_file() {
            each(&path);
        }
    }
}

impl Page {
    fn events(&self) -> impl Iterator<Item = (Event<'_>, std::ops::Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter()
    }

    fn line_of(&self, offset: usize) -> usize {
        self.text[..offset].lines().count().max(1)
    }

    /// Its fenced blocks of code.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut within = false;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let language = info.split([',', ' ']).next().unwrap_or_default().to_owned();
                    blocks.push(Block { language, code: String::new() });
                    within = true;
                }
                Event::End(TagEnd::CodeBlock) => within = false,
                Event::Text(text) if within => blocks.last_mut().unwrap().code.push_str(&text),
                _ => {}
            }
        }
        blocks
    }

    /// All blocks of the shell as one script: what one sets, the next may use. Each begins in the root.
    pub fn script(&self) -> Option<String> {
        let blocks = self.blocks();
        let shell: Vec<String> = blocks
            .into_iter()
            .filter(|block| ["sh", "console", "bash"].contains(&block.language.as_str()))
            .map(|block| block.code)
            .collect();
        (!shell.is_empty()).then(|| shell.join("\ncd \"$ROOT\"\n"))
    }

    pub fn links(&self) -> Vec<Link> {
        self.events()
            .filter_map(|(event, range)| match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    Some(Link { target: dest_url.into_string(), line: self.line_of(range.start) })
                }
                _ => None,
            })
            .collect()
    }

    /// What its headings are reached by, as both GitHub and mdBook name them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        let mut heading: Option<String> = None;
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let same = anchors.iter().filter(|anchor| **anchor == slug).count();
                    anchors.push(if same == 0 { slug } else { format!("{slug}-{same}") });
                }
                _ => {}
            }
        }
        anchors
    }
}

fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}
