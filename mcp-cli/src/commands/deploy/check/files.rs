use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::exit::Failure;

/// What a file is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The `cdk.json` of an application.
    Cdk,
    CloudFormation,
    Compose,
    Dockerfile,
    /// A `kustomization.yaml`; its manifests are read through it.
    Kustomization,
    Sam,
    Terraform,
    /// A unit of systemd.
    Unit,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// Folders that tools make.
const MADE: &[&str] = &["node_modules", "cdk.out", "dist", ".terraform", "target", ".git"];

/// The templates among files and in folders.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let cannot =
            |error: io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
        if fs::metadata(path).map_err(cannot)?.is_dir() {
            walk(path, &mut files).map_err(cannot)?;
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    let kinds = files.into_iter().map(|path| Ok((judge(&path)?, path)));
    let kinds: Vec<(Option<Kind>, PathBuf)> = kinds.collect::<Result<_, Failure>>()?;
    Ok(kinds.into_iter().filter_map(|(kind, path)| Some(Found { path, kind: kind? })).collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_made = MADE.iter().any(|name| entry.file_name() == *name);
        match entry.file_type()? {
            kind if kind.is_dir() && !is_made => walk(&entry.path(), files)?,
            kind if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
    Ok(())
}

fn judge(path: &Path) -> Result<Option<Kind>, Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    Ok(match (name.as_ref(), extension.as_ref()) {
        ("cdk.json", _) => Some(Kind::Cdk),
        ("kustomization.yaml", _) => Some(Kind::Kustomization),
        (name, _) if name == "Dockerfile" || name.starts_with("Dockerfile.") => {
            Some(Kind::Dockerfile)
        }
        (_, "tf") => Some(Kind::Terraform),
        (_, "service" | "socket") => Some(Kind::Unit),
        (name, "yaml" | "yml") if !name.starts_with('.') => {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", path.display()))
            })?;
            judge_yaml(&text)
        }
        _ => None,
    })
}

fn judge_yaml(text: &str) -> Option<Kind> {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("Transform: AWS::Serverless") {
        Some(Kind::Sam)
    } else if has("AWSTemplateFormatVersion:") {
        Some(Kind::CloudFormation)
    } else if has("services:") {
        Some(Kind::Compose)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_told_by_their_keys() {
        let sam =
            "AWSTemplateFormatVersion: \"2010-09-09\"\nTransform: AWS::Serverless-2016-10-31\n";
        assert_eq!(judge_yaml(sam), Some(Kind::Sam));
        let plain = "AWSTemplateFormatVersion: \"2010-09-09\"\nResources: {}\n";
        assert_eq!(judge_yaml(plain), Some(Kind::CloudFormation));
        assert_eq!(judge_yaml("name: mcp\nservices:\n  server: {}\n"), Some(Kind::Compose));
        assert_eq!(judge_yaml("apiVersion: v1\nkind: Service\n"), None);
    }

    #[test]
    fn nothing_lies_in_the_folder_that_no_linter_reads() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        let mut files = Vec::new();
        walk(&deploy, &mut files).expect("a folder");
        files.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let beside = |name: &str| path.ancestors().any(|folder| folder.join(name).exists());
            // Prose, the linters' own settings, what is read through another file, and what the
            // clients' tests give to a real sshd.
            let is_left = name.ends_with(".md")
                || name.starts_with('.')
                || name == "authorized_keys"
                || beside("cdk.json")
                || beside("kustomization.yaml");
            !is_left && judge(path).expect("a file").is_none()
        });
        assert_eq!(files, Vec::<PathBuf>::new());
    }
}
