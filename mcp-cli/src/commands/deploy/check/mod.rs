//! `mcp deploy check`: templates, held against the tools of the field.

mod files;
mod linters;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::{
    files::{Found, Kind},
    linters::LINTERS,
};
use crate::{
    args::Check,
    commands::path::program,
    exit::Failure,
    output::{self, HEADING},
};

/// Something that finds faults in files of some kinds.
struct Linter {
    name: &'static str,
    reads: &'static [Kind],
    /// The programs that it needs.
    needs: &'static [&'static str],
    /// How to get them.
    get: &'static str,
    run: fn(&Linting<'_>) -> Result<(), Fault>,
}

/// What a linter is given.
struct Linting<'a> {
    /// Files of the kinds that it reads; at least one.
    files: Vec<&'a Found>,
    /// A folder for what it makes, which those that come after it read.
    output: &'a Path,
    region: &'a str,
}

/// Why a linter is not content.
enum Fault {
    /// It has found something, and says what.
    Found(String),
    /// It needs something that is not there.
    Missing(String),
}

enum Verdict {
    Passed,
    Failed(String),
    Missing(String),
}

pub(super) fn run(check: &Check, is_json: bool) -> Result<(), Failure> {
    let names: Vec<&str> = LINTERS.iter().map(|linter| linter.name).collect();
    if let Some(unknown) =
        check.only.iter().chain(&check.skip).find(|name| !names.contains(&name.as_str()))
    {
        return Err(Failure::usage(format!(
            "there is no linter {unknown:?}; there are {}",
            names.join(", ")
        )));
    }
    let found = files::find(&check.paths)?;
    if found.is_empty() {
        let paths: Vec<String> =
            check.paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::usage(format!(
            "there are no templates in {}; `mcp deploy render` writes some",
            paths.join(", ")
        )));
    }
    let output = tempfile::tempdir()
        .map_err(|error| Failure::local(format!("cannot make a folder: {error}")))?;
    let mut results = Vec::new();
    for linter in LINTERS {
        let is_wanted = check.only.is_empty() || check.only.iter().any(|only| only == linter.name);
        if !is_wanted || check.skip.iter().any(|skip| skip == linter.name) {
            continue;
        }
        let files: Vec<&Found> =
            found.iter().filter(|file| linter.reads.contains(&file.kind)).collect();
        if files.is_empty() {
            continue;
        }
        let count = files.len();
        let linting = Linting { files, output: output.path(), region: &check.region };
        let verdict = linter.ask(&linting);
        if !is_json {
            tell(linter, count, &verdict)?;
        }
        results.push((linter, count, verdict));
    }
    if is_json {
        let linters: Vec<Value> = results
            .iter()
            .map(|(linter, count, verdict)| {
                let (verdict, said) = match verdict {
                    Verdict::Passed => ("passed", None),
                    Verdict::Failed(said) => ("failed", Some(said)),
                    Verdict::Missing(what) => ("missing", Some(what)),
                };
                json!({ "linter": linter.name, "files": count, "verdict": verdict, "said": said })
            })
            .collect();
        output::print_json(&json!({ "linters": linters }))?;
    }
    let of = |wanted: fn(&Verdict) -> bool| -> Vec<&str> {
        let results = results.iter().filter(|(_, _, verdict)| wanted(verdict));
        results.map(|(linter, ..)| linter.name).collect()
    };
    let failed = of(|verdict| matches!(verdict, Verdict::Failed(_)));
    if !failed.is_empty() {
        return Err(Failure::answered(format!("the templates have faults: {}", failed.join(", "))));
    }
    let missing = of(|verdict| matches!(verdict, Verdict::Missing(_)));
    if !missing.is_empty() {
        return Err(Failure::local(format!(
            "not all has been checked, as linters are missing: {}; --skip does without one",
            missing.join(", ")
        )));
    }
    Ok(())
}

impl Linter {
    fn ask(&self, linting: &Linting<'_>) -> Verdict {
        let missing = self.needs.iter().find(|name| program(name).is_none());
        if let Some(name) = missing {
            return Verdict::Missing(format!("{name} is not on the PATH: {}", self.get));
        }
        match (self.run)(linting) {
            Ok(()) => Verdict::Passed,
            Err(Fault::Found(said)) => Verdict::Failed(said),
            Err(Fault::Missing(what)) => Verdict::Missing(what),
        }
    }
}

fn tell(linter: &Linter, count: usize, verdict: &Verdict) -> Result<(), Failure> {
    let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
    let name = linter.name;
    output::print(&match verdict {
        Verdict::Passed => format!("{HEADING}{name}{HEADING:#}: {files} passed"),
        Verdict::Missing(what) => format!("{HEADING}{name}{HEADING:#}: {files} left out: {what}"),
        Verdict::Failed(said) => {
            format!("{HEADING}{name}{HEADING:#}: faults in {files}\n{}", said.trim_end())
        }
    })
}

impl Linting<'_> {
    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|file| file.path.clone())
    }
}
