//! The suites' requirements of clients, against the client of the harness.

use std::path::Path;

use crate::shell::{self, step};

/// The runs, and the revision whose requirements each is about.
const REVISIONS: [(&str, &str); 2] =
    [("0.2.0 client 2025-11-25", "2025-11-25"), ("0.2.0 client 2026-07-28", "2026-07-28")];
/// The scenarios that the client is known to fail, and why. A suite fails if one of them passes.
const EXPECTED_FAILURES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../mcp-testing/conformance-client.yml");

/// The names of the runs.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    REVISIONS.iter().map(|(name, _)| *name)
}

/// Runs those whose name is wanted.
pub(super) fn run(wanted: impl Fn(&str) -> bool, programs: &Path) -> anyhow::Result<()> {
    let revisions: Vec<_> = REVISIONS.iter().filter(|(name, _)| wanted(name)).collect();
    if revisions.is_empty() {
        return Ok(());
    }
    step("building the client of the harness");
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package=mcp-testing",
        "--features=conformance-client",
        "--bin=conformance-client",
    ]))?;
    let client = shell::target_directory()?.join("debug/conformance-client");
    for (name, revision) in revisions {
        step(&format!("conformance: {name}"));
        let output =
            shell::target_directory()?.join("conformance").join(format!("client-{revision}"));
        shell::run(
            super::program(programs)?
                .arg("client")
                .arg("--command")
                .arg(&client)
                .args(["--requirements", revision, "--expected-failures", EXPECTED_FAILURES])
                .arg("-o")
                .arg(output),
        )?;
    }
    Ok(())
}
