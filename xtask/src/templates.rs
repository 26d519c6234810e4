//! `cargo xtask templates`: what `deploy/` and the examples hand to AWS, Kubernetes and systemd, checked by
//! the tools of the field.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use self::files::{Found, Kind};
use crate::shell::{self, step};

mod files;
mod linters;

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Check only files whose path has this in it, such as `eks` or `template.yaml`.
    #[arg(long, value_name = "TEXT")]
    path: Option<String>,
    /// Run only this linter, such as `cfn-lint`.
    #[arg(long, value_name = "NAME")]
    linter: Option<String>,
}

/// Something that finds faults in files of some kinds.
struct Linter {
    name: &'static str,
    reads: &'static [Kind],
    run: fn(&Linting<'_>) -> anyhow::Result<()>,
}

/// What a linter is given.
struct Linting<'a> {
    /// Files of the kinds that it reads; at least one.
    files: Vec<&'a Found>,
    /// A folder outside the checkout for what it makes.
    output: PathBuf,
}

impl<'a> Linting<'a> {
    fn of(&self, kinds: &'a [Kind]) -> impl Iterator<Item = &'a Found> + use<'a, '_> {
        self.files.iter().copied().filter(|file| kinds.contains(&file.kind))
    }
}

/// In this order: what `cdk` and `kustomize` make is read by those that come after them.
const LINTERS: &[Linter] = &[
    Linter { name: "cdk", reads: &[Kind::Cdk], run: linters::cdk },
    Linter { name: "kubernetes", reads: &[Kind::Kustomization], run: linters::kubernetes },
    Linter { name: "cfn-lint", reads: &[Kind::CloudFormation, Kind::Sam], run: linters::cfn_lint },
    Linter { name: "sam", reads: &[Kind::Sam], run: linters::sam },
    Linter { name: "moto", reads: &[Kind::CloudFormation], run: linters::moto },
    Linter { name: "hadolint", reads: &[Kind::Dockerfile], run: linters::hadolint },
    Linter { name: "compose", reads: &[Kind::Compose], run: linters::compose },
    Linter { name: "systemd", reads: &[Kind::Unit], run: linters::systemd },
    Linter { name: "terraform", reads: &[Kind::Terraform], run: linters::terraform },
    Linter {
        name: "checkov",
        reads: &[
            Kind::Cdk,
            Kind::CloudFormation,
            Kind::Dockerfile,
            Kind::Kustomization,
            Kind::Sam,
            Kind::Terraform,
        ],
        run: linters::checkov,
    },
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let names: Vec<&str> = LINTERS.iter().map(|linter| linter.name).collect();
    if let Some(wanted) = &options.linter
        && !names.contains(&wanted.as_str())
    {
        bail!("there is no linter `{wanted}`; there are {}", names.join(", "));
    }
    let root = crate::root();
    let found = files::find(&root)?;
    let wanted = |found: &&Found| {
        let path = found.path.strip_prefix(&root).unwrap_or(&found.path).to_string_lossy();
        options.path.as_ref().is_none_or(|text| path.contains(text))
    };
    let found: Vec<&Found> = found.iter().filter(wanted).collect();
    if found.is_empty() {
        bail!("there is no such file");
    }
    let output = shell::target_directory()?.join("templates");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    // Everyone is asked, so that one run tells all that is wrong.
    let mut faults = Vec::new();
    for linter in LINTERS {
        if options.linter.as_ref().is_some_and(|wanted| wanted != linter.name) {
            continue;
        }
        let files: Vec<&Found> =
            found.iter().copied().filter(|file| linter.reads.contains(&file.kind)).collect();
        if files.is_empty() {
            continue;
        }
        step(&format!("templates: {} ({} files)", linter.name, files.len()));
        let output = output.clone();
        fs::create_dir_all(&output)
            .with_context(|| format!("cannot create {}", output.display()))?;
        if let Err(error) = (linter.run)(&Linting { files, output }) {
            faults.push(format!("{}: {error:#}", linter.name));
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("templates have faults:\n  {}", faults.join("\n  "));
}
