use std::{fs, path::Path};

use anyhow::Context as _;
use serde_json::Value;

/// The checks that a tool that comes in one process is listed and told of by another. Neither replicas
/// nor a function's processes share what comes and goes; the specification has it as a SHOULD.
const OF_ONE_PROCESS: [&str; 3] = [
    "tools-list-deterministic-order",
    "sep-2575-server-sends-tools-list-changed-on-subscription",
    "sep-2575-server-sends-prompts-list-changed-on-subscription",
];

/// What a suite has found out.
pub(super) struct Results {
    scenarios: Vec<Scenario>,
}

struct Scenario {
    name: String,
    checks: Vec<Check>,
}

struct Check {
    id: String,
    status: Status,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
    Warning,
    Skipped,
    /// Neither good nor bad.
    Info,
}

impl Status {
    fn parse(text: &str) -> Self {
        match text {
            "SUCCESS" => Self::Success,
            "WARNING" => Self::Warning,
            "SKIPPED" => Self::Skipped,
            "INFO" => Self::Info,
            // What nobody knows is no success.
            _ => Self::Failure,
        }
    }
}

impl Results {
    /// Reads the folder that a suite has written, with one folder for each scenario.
    ///
    /// `said` is what the suite printed: a scenario that it names there without having written
    /// any results counts as failed.
    pub(super) fn read(folder: &Path, said: &str) -> anyhow::Result<Self> {
        let mut folders = Vec::new();
        for entry in fs::read_dir(folder)? {
            let checks = entry?.path().join("checks.json");
            if checks.exists() {
                let name = checks.parent().and_then(Path::file_name).unwrap_or_default();
                folders.push((name.to_string_lossy().into_owned(), checks));
            }
        }
        let mut scenarios = Vec::new();
        for line in said.lines() {
            let Some(name) = line
                .strip_prefix("=== Running scenario: ")
                .and_then(|rest| rest.strip_suffix(" ==="))
            else {
                continue;
            };
            // The folder's name goes on with the time of day.
            let prefix = format!("server-{name}-2");
            let alone = format!("{name}-2");
            let checks = folders
                .iter()
                .filter(|(folder, _)| folder.starts_with(&prefix) || folder.starts_with(&alone))
                .map(|(_, path)| read_checks(path))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let mut checks: Vec<Check> = checks.into_iter().flatten().collect();
            if checks.is_empty() {
                checks.push(Check {
                    id: name.to_owned(),
                    status: Status::Failure,
                    message: "the scenario has no results".to_owned(),
                });
            }
            scenarios.push(Scenario { name: name.to_owned(), checks });
        }
        anyhow::ensure!(!scenarios.is_empty(), "the suite ran no scenario:\n{said}");
        Ok(Self { scenarios })
    }

    /// Leaves out the warnings about what only one process alone can do, and says which these are. The
    /// checks may pass, and must not fail.
    pub(super) fn except_one_process(&mut self) {
        let mut names = Vec::new();
        for scenario in &mut self.scenarios {
            let excepted = |check: &Check| {
                check.status == Status::Warning && OF_ONE_PROCESS.contains(&&*check.id)
            };
            names.extend(
                scenario.checks.extract_if(.., |check| excepted(check)).map(|check| check.id),
            );
        }
        eprintln!("left out: {}", names.join(", "));
    }

    /// How many checks ended so.
    pub(super) fn count(&self, status: Status) -> usize {
        self.scenarios.iter().map(|scenario| scenario.count(status)).sum()
    }

    /// Neither failures nor warnings.
    pub(super) fn are_clean(&self) -> bool {
        self.count(Status::Failure) + self.count(Status::Warning) == 0
    }

    /// Says of each check that did not pass what it says.
    pub(super) fn print_faults(&self) {
        for scenario in &self.scenarios {
            for check in &scenario.checks {
                if matches!(check.status, Status::Failure | Status::Warning) {
                    eprintln!(
                        "{:?}: {} / {}: {}",
                        check.status, scenario.name, check.id, check.message
                    );
                }
            }
        }
    }

    fn scenarios(&self, status: Status) -> usize {
        self.scenarios.iter().filter(|scenario| scenario.status() == status).count()
    }
}

impl Scenario {
    fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    fn status(&self) -> Status {
        if self.count(Status::Failure) > 0 {
            Status::Failure
        } else if self.count(Status::Success) + self.count(Status::Warning) > 0 {
            Status::Success
        } else {
            Status::Skipped
        }
    }
}

fn read_checks(path: &Path) -> anyhow::Result<Vec<Check>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let checks: Vec<Value> = serde_json::from_str(&text)
        .with_context(|| format!("{} has another shape than expected", path.display()))?;
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    Ok(checks
        .iter()
        .map(|check| Check {
            id: text(check, "id"),
            status: Status::parse(&text(check, "status")),
            message: text(check, "errorMessage"),
        })
        .collect())
}

/// One row for each suite.
pub(super) fn print_table(rows: &[(&str, Results)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    eprintln!();
    eprintln!(
        "| {:width$} | scenarios passed | failed | skipped | checks passed | failed | warnings |",
        "suite"
    );
    eprintln!("|{}|---:|---:|---:|---:|---:|---:|", "-".repeat(width + 2));
    for (name, results) in rows {
        eprintln!(
            "| {name:width$} | {:>16} | {:>6} | {:>7} | {:>13} | {:>6} | {:>8} |",
            results.scenarios(Status::Success),
            results.scenarios(Status::Failure),
            results.scenarios(Status::Skipped),
            results.count(Status::Success),
            results.count(Status::Failure),
            results.count(Status::Warning),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_behind_doors_is_documented() {
        let documented = include_str!("../../../docs/lambda.md");
        let (_, table) = documented.split_once("### Conformance behind each door").unwrap();
        let (_, table) = table.split_once("| left out |").unwrap();
        let (table, _) = table.split_once("\n\n").unwrap();
        // Names in code of the first column, without what says of which kind they are.
        let mut named: Vec<&str> =
            table.lines().skip(2).map(|row| row.split('`').nth(1).unwrap()).collect();
        let mut left_out = OF_ONE_PROCESS.to_vec();
        left_out.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, left_out);
    }
}
