//! `cargo xtask deps`: the crates' edges against the table in ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::shell;

type Edges = BTreeMap<String, BTreeSet<String>>;

pub(crate) fn run() -> anyhow::Result<()> {
    let table = std::fs::read_to_string(crate::root().join("ARCHITECTURE.md"))
        .context("cannot read ARCHITECTURE.md")?;
    let allowed = parse_table(&table)?;
    let metadata = shell::output(shell::cargo().args([
        "metadata",
        "--format-version=1",
        "--no-deps",
        "--offline",
    ]))?;
    let actual = edges(&serde_json::from_str(&metadata)?);
    let faults = faults(&allowed, &actual);
    if faults.is_empty() {
        let count: usize = actual.values().map(BTreeSet::len).sum();
        eprintln!("{count} edges between {} crates, all of them listed", actual.len());
        return Ok(());
    }
    bail!("ARCHITECTURE.md and the manifests disagree:\n  {}", faults.join("\n  "));
}

/// Reads the rows `` | `crate` | `a`, `b` | `` between the two markers.
fn parse_table(text: &str) -> anyhow::Result<Edges> {
    let table = text
        .split_once("<!-- edges -->")
        .and_then(|(_, rest)| rest.split_once("<!-- /edges -->"))
        .map(|(table, _)| table)
        .context("ARCHITECTURE.md has no table between `<!-- edges -->` and `<!-- /edges -->`")?;
    let mut edges = Edges::new();
    for row in table.lines() {
        let mut cells = row.split('|').skip(1);
        let (Some(name), Some(dependencies)) = (cells.next(), cells.next()) else { continue };
        let names = |cell: &str| -> BTreeSet<String> {
            cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
        };
        for name in names(name) {
            edges.entry(name).or_default().extend(names(dependencies));
        }
    }
    Ok(edges)
}

/// The edges between members of the workspace. Those of tests and examples do not count: the
/// harness depends on what it tests.
fn edges(metadata: &Value) -> Edges {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let members: BTreeSet<&str> =
        packages.iter().filter_map(|package| package["name"].as_str()).collect();
    packages
        .iter()
        .filter_map(|package| {
            let dependencies = package["dependencies"].as_array()?;
            let edges = dependencies
                .iter()
                .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
                .filter_map(|dependency| dependency["name"].as_str())
                .filter(|name| members.contains(name))
                .map(str::to_owned)
                .collect();
            Some((package["name"].as_str()?.to_owned(), edges))
        })
        .collect()
}

fn faults(allowed: &Edges, actual: &Edges) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, dependencies) in actual {
        let Some(listed) = allowed.get(name) else {
            faults.push(format!("`{name}` has no row in the table"));
            continue;
        };
        for dependency in dependencies.difference(listed) {
            faults.push(format!("`{name}` depends on `{dependency}`, which is not listed"));
        }
    }
    for name in allowed.keys().filter(|name| !actual.contains_key(*name)) {
        faults.push(format!("the table lists `{name}`, which does not exist"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "\
text `not-a-crate`
<!-- edges -->
| crate | may depend on |
|---|---|
| `core` | |
| `http` | `core` |
| `one`, `two` | `core`, `http` |
<!-- /edges -->
";

    fn metadata(dependency: &str, kind: &Value) -> Value {
        json!({"packages": [
            {"name": "core", "dependencies": []},
            {"name": "http", "dependencies": [{"name": dependency, "kind": kind}, {"name": "serde", "kind": null}]},
            {"name": "one", "dependencies": [{"name": "core", "kind": null}]},
            {"name": "two", "dependencies": []},
        ]})
    }

    #[test]
    fn listed_edges_are_fine_and_need_not_exist() {
        let allowed = parse_table(TABLE).unwrap();
        assert_eq!(faults(&allowed, &edges(&metadata("core", &Value::Null))), Vec::<String>::new());
    }

    #[test]
    fn an_edge_that_is_not_listed_is_a_fault() {
        let allowed = parse_table(TABLE).unwrap();
        assert_eq!(
            faults(&allowed, &edges(&metadata("one", &json!("build")))),
            ["`http` depends on `one`, which is not listed"]
        );
    }

    #[test]
    fn edges_of_tests_do_not_count() {
        let allowed = parse_table(TABLE).unwrap();
        assert!(faults(&allowed, &edges(&metadata("two", &json!("dev")))).is_empty());
    }

    #[test]
    fn crates_and_rows_must_match() {
        let allowed = parse_table(TABLE).unwrap();
        let actual = edges(&json!({"packages": [{"name": "new", "dependencies": []}]}));
        let faults = faults(&allowed, &actual);
        assert!(faults.contains(&"`new` has no row in the table".to_owned()));
        assert!(faults.contains(&"the table lists `http`, which does not exist".to_owned()));
    }
}
