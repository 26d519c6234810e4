//! Where the documentation points to, there is something.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use support::{pages, root};

#[test]
fn every_relative_link_and_anchor_leads_somewhere() {
    let pages = pages();
    let anchors: BTreeMap<&str, Vec<String>> =
        pages.iter().map(|page| (page.path.as_str(), page.anchors())).collect();
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in &pages {
        for link in page.links() {
            if link.target.contains("://") || link.target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let place = format!("{}:{}: {}", page.path, link.line, link.target);
            let (path, anchor) = match link.target.split_once('#') {
                Some((path, anchor)) => (path, Some(anchor)),
                None => (link.target.as_str(), None),
            };
            let Some(path) = resolve(&page.path, path) else {
                faults.push(format!("{place} leads out of the repository"));
                continue;
            };
            if !root().join(&path).exists() {
                faults.push(format!("{place}: there is no {path}"));
            } else if let Some(anchor) = anchor
                && !anchors
                    .get(path.as_str())
                    .is_some_and(|known| known.iter().any(|a| a == anchor))
            {
                faults.push(format!("{place}: {path} has no such heading"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 100, "only {count} links are found");
}

/// The path below the root that a link on a page names.
fn resolve(page: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[test]
fn every_page_of_docs_is_a_chapter_of_the_book_once() {
    let pages = pages();
    let summary = pages.iter().find(|page| page.path == "docs/SUMMARY.md").unwrap();
    let chapters = summary.links().into_iter().map(|link| link.target);
    // A heading without a page of its own.
    let chapters: Vec<String> = chapters.filter(|chapter| !chapter.is_empty()).collect();
    let unique: BTreeSet<&str> = chapters.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), chapters.len(), "a chapter stands twice in docs/SUMMARY.md");
    let files: BTreeSet<&str> = pages
        .iter()
        .filter_map(|page| page.path.strip_prefix("docs/"))
        .filter(|path| *path != "SUMMARY.md")
        .collect();
    let missing: Vec<_> = files.difference(&unique).collect();
    assert!(missing.is_empty(), "add a line to docs/SUMMARY.md for {missing:?}");
    let surplus: Vec<_> = unique.difference(&files).collect();
    assert!(surplus.is_empty(), "docs/SUMMARY.md has chapters that are not there: {surplus:?}");
}

/// mdBook makes `.html` of each `.md` that a page links to, which is there for chapters alone; and it makes the book
/// in a folder beside `docs`, from which other links lead where they lead from the pages.
#[test]
fn links_out_of_the_book_lead_from_its_pages_where_they_lead_from_the_sources() {
    let settings = fs::read_to_string(root().join("book.toml")).unwrap();
    for line in ["src = \"docs\"", "build-dir = \"book\"", "additional-js = [\"docs/diagrams.js\"]"]
    {
        assert!(settings.lines().any(|known| known == line), "book.toml has no {line}");
    }
    assert!(root().join("docs/diagrams.js").exists());
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in pages().iter().filter(|page| page.path.starts_with("docs/")) {
        for link in page.links().iter().filter(|link| !link.target.contains("://")) {
            let path = link.target.split('#').next().unwrap_or_default();
            let Some(to) = resolve(&page.path, path) else { continue };
            let leaves = !path.is_empty() && !to.starts_with("docs/");
            count += usize::from(leaves);
            if leaves && to.ends_with(".md") {
                faults.push(format!(
                    "{}:{}: {}: name its folder instead",
                    page.path, link.line, link.target
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count > 20, "only {count} links leave the book");
}

#[test]
fn every_example_has_a_readme_of_one_screen_and_a_test() {
    let mut faults = Vec::new();
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !folder.is_dir() {
            continue;
        }
        match fs::read_to_string(folder.join("README.md")) {
            Ok(text) if text.lines().count() > 60 => {
                faults.push(format!("{name}: README too long"));
            }
            Ok(_) => {}
            Err(_) => faults.push(format!("{name}: no README.md")),
        }
        // The clients in Python are tested by `cargo xtask test`.
        if folder.join("Cargo.toml").exists() && !folder.join("tests").is_dir() {
            faults.push(format!("{name}: no tests"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn all_rust_code_of_the_pages_is_compiled() {
    let compiled = fs::read_to_string(root().join("mcp-docs/src/lib.rs")).unwrap();
    for page in pages() {
        let has_rust = page.blocks().iter().any(|block| block.language == "rust");
        // Those of data and of other crates' own pages are not of the book.
        if has_rust {
            let line = format!("\"../../{}\"", page.path);
            assert!(compiled.contains(&line), "add {line} to the pages of mcp-docs/src/lib.rs");
        }
    }
}
