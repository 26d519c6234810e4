use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

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

pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
}

/// Folders that tools make.
const MADE: &[&str] = &["node_modules", "cdk.out", "dist", ".terraform", "target"];

/// All files that have a linter, in `deploy` and in the examples. A file of `deploy` that none knows is an
/// error, so that nothing lies there unchecked.
pub(super) fn find(root: &Path) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for (folder, is_all_known) in [("deploy", true), ("examples", false)] {
        let folder = root.join(folder);
        if !folder.exists() {
            continue;
        }
        let mut paths = Vec::new();
        walk(&folder, &mut paths)?;
        paths.sort();
        for path in paths {
            match judge(&path)? {
                Judgement::Lint(kind) => found.push(Found { path, kind }),
                Judgement::Leave => {}
                Judgement::Unknown if is_all_known => unknown.push(path.display().to_string()),
                Judgement::Unknown => {}
            }
        }
    }
    if unknown.is_empty() {
        return Ok(found);
    }
    bail!("no linter knows what these are:\n  {}", unknown.join("\n  "));
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let is_made = MADE.iter().any(|name| entry.file_name() == *name);
        match entry.file_type()? {
            kind if kind.is_dir() && !is_made => walk(&entry.path(), paths)?,
            kind if kind.is_file() => paths.push(entry.path()),
            _ => {}
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Judgement {
    Lint(Kind),
    /// Prose, or a part of something that is read through another file.
    Leave,
    Unknown,
}

fn judge(path: &Path) -> anyhow::Result<Judgement> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let is_in_cdk = path.ancestors().any(|folder| folder.join("cdk.json").exists());
    Ok(match (name.as_ref(), extension.as_ref()) {
        ("cdk.json", _) => Judgement::Lint(Kind::Cdk),
        _ if is_in_cdk => Judgement::Leave,
        // The clients' tests give it to a real sshd.
        ("authorized_keys", _) => Judgement::Leave,
        ("kustomization.yaml", _) => Judgement::Lint(Kind::Kustomization),
        // `.gitignore`, the linters' own settings.
        (name, "md") if !name.starts_with('.') => Judgement::Leave,
        (name, _) if name.starts_with('.') => Judgement::Leave,
        (name, _) if name == "Dockerfile" || name.starts_with("Dockerfile.") => {
            Judgement::Lint(Kind::Dockerfile)
        }
        (_, "tf") => Judgement::Lint(Kind::Terraform),
        (_, "service" | "socket") => Judgement::Lint(Kind::Unit),
        (_, "yaml" | "yml") => {
            let text = fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            judge_yaml(
                &text,
                path.parent().is_some_and(|it| it.join("kustomization.yaml").exists()),
            )
        }
        _ => Judgement::Unknown,
    })
}

fn judge_yaml(text: &str, is_in_kustomization: bool) -> Judgement {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    if has("Transform: AWS::Serverless") {
        Judgement::Lint(Kind::Sam)
    } else if has("AWSTemplateFormatVersion:") {
        Judgement::Lint(Kind::CloudFormation)
    } else if has("services:") {
        Judgement::Lint(Kind::Compose)
    } else if has("apiVersion:") && is_in_kustomization {
        Judgement::Leave
    } else {
        Judgement::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_told_by_their_keys() {
        let sam =
            "AWSTemplateFormatVersion: \"2010-09-09\"\nTransform: AWS::Serverless-2016-10-31\n";
        assert_eq!(judge_yaml(sam, false), Judgement::Lint(Kind::Sam));
        let plain = "AWSTemplateFormatVersion: \"2010-09-09\"\nResources: {}\n";
        assert_eq!(judge_yaml(plain, false), Judgement::Lint(Kind::CloudFormation));
        let compose = "name: mcp\nservices:\n  server: {}\n";
        assert_eq!(judge_yaml(compose, false), Judgement::Lint(Kind::Compose));
    }

    #[test]
    fn a_manifest_outside_of_a_kustomization_is_unknown() {
        let manifest = "apiVersion: v1\nkind: Service\n";
        assert_eq!(judge_yaml(manifest, true), Judgement::Leave);
        assert_eq!(judge_yaml(manifest, false), Judgement::Unknown);
    }

    #[test]
    fn a_file_that_no_linter_knows_is_an_error() {
        let root = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        fs::create_dir_all(root.join("deploy/target")).unwrap();
        fs::write(root.join("deploy/README.md"), "").unwrap();
        fs::write(root.join("deploy/target/made.bin"), "").unwrap();
        assert!(find(&root).unwrap().is_empty());
        fs::write(root.join("deploy/stack.toml"), "").unwrap();
        let error = find(&root).err().unwrap().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert!(error.contains("stack.toml"), "{error}");
    }
}
