//! `mcp new`: a project with one tool and its test.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::deploy;
use crate::{args::New, exit::Failure, output};

/// Where each file of the template goes.
const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", include_str!("../../template/Cargo.toml.txt")),
    ("README.md", include_str!("../../template/README.md.txt")),
    ("Dockerfile", include_str!("../../template/Dockerfile.txt")),
    (".dockerignore", include_str!("../../template/dockerignore.txt")),
    ("mcp.toml", include_str!("../../template/mcp.toml.txt")),
    (".gitignore", include_str!("../../template/gitignore.txt")),
    ("src/lib.rs", include_str!("../../template/src/lib.rs.txt")),
    ("src/main.rs", include_str!("../../template/src/main.rs.txt")),
    ("tests/tools.rs", include_str!("../../template/tests/tools.rs.txt")),
];

pub(super) fn run(new: New, is_json: bool) -> Result<(), Failure> {
    let folder = &new.folder;
    let name = match &new.name {
        Some(name) => name.clone(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    check(&name)?;
    if folder.exists() && fs::read_dir(folder).map_or(true, |mut files| files.next().is_some()) {
        return Err(Failure::usage(format!(
            "{} is there already, and not an empty folder: name another",
            folder.display()
        )));
    }
    let checkout = new.path.as_deref().map(checkout).transpose()?;
    let version = json!(env!("CARGO_PKG_VERSION")).to_string();
    let dependency = |package: &str| match &checkout {
        // JSON's strings are TOML's, too.
        Some(path) => format!("{{ path = {} }}", json!(path.join(package))),
        None => version.clone(),
    };
    // A project inside of another's folder is none of its members.
    let is_inside = fs::canonicalize(folder.parent().unwrap_or(Path::new(".")))
        .is_ok_and(|parent| parent.ancestors().any(|folder| folder.join("Cargo.toml").exists()));
    let values = [
        ("{{name}}", name.clone()),
        ("{{crate}}", name.replace('-', "_")),
        ("{{stack}}", name.replace('_', "-")),
        ("{{mcp-serve}}", dependency("mcp-serve")),
        ("{{mcp-testing}}", dependency("mcp-testing")),
        ("{{workspace}}", if is_inside { "\n[workspace]\n".to_owned() } else { String::new() }),
    ];
    let mut written = Vec::new();
    for (file, template) in FILES {
        let mut text = template.to_owned();
        for (key, value) in &values {
            text = text.replace(key, value);
        }
        let path = folder.join(file);
        write(&path, &format!("{}\n", text.trim_end()))?;
        written.push(path);
    }
    for (file, text) in deploy::starter(&name.replace('_', "-"))? {
        let path = folder.join(file);
        write(&path, &text)?;
        written.push(path);
    }
    if is_json {
        return output::print_json(&json!({ "name": name, "folder": folder, "files": written }));
    }
    output::print(&format!(
        "{} holds a server with one tool, its test and templates to deploy it. Next:\n  cd {}\n  cargo test\n  cargo run \
         -- http",
        folder.display(),
        shell_words::quote(&folder.to_string_lossy())
    ))
}

/// Cargo's own rules, without what it merely warns of.
fn check(name: &str) -> Result<(), Failure> {
    let is_sound = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
        && name.len() <= 64
        && !RESERVED.contains(&name);
    if is_sound {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{name:?} is no name for a package: use lower-case letters, digits and hyphens, a letter \
         first, and no word of Rust's own; --name gives one apart from the folder's"
    )))
}

/// Words that name no crate, or one that the project uses.
const RESERVED: [&str; 49] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "core",
    "crate", "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "std", "struct", "super", "test", "tokio", "trait", "true", "try",
    "type", "use", "where", "while",
];

/// A checkout of this project, to depend on instead of released crates.
fn checkout(path: &Path) -> Result<PathBuf, Failure> {
    let path = fs::canonicalize(path)
        .map_err(|error| Failure::usage(format!("--path {}: {error}", path.display())))?;
    if path.join("mcp-serve").join("Cargo.toml").exists() {
        return Ok(path);
    }
    Err(Failure::usage(format!("--path {}: there is no mcp-serve in it", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let cannot =
        |error: io::Error| Failure::local(format!("cannot write {}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(path, text).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_takes() {
        for good in ["sales", "sales-server", "s3_reader"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "Sales", "3d", "-x", "a b", "../x", "test", "match", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
