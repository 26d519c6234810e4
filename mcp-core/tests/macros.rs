//! What the macros say to a mistake: one file for each, named after it.

use std::process::Command;

/// The compiler whose own words the snapshots in `macros/rustc` hold. Another one may phrase them
/// otherwise; what the macros themselves say, in `macros/fail`, is the same on all.
const SNAPSHOTS_FROM: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained_where_they_are_made() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/macros/fail/*.rs");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(compiler).arg("--version").output().expect("rustc runs").stdout;
    if version.starts_with(SNAPSHOTS_FROM.as_bytes()) {
        cases.compile_fail("tests/macros/rustc/*.rs");
    } else {
        eprintln!("skipped tests/macros/rustc: its snapshots are from {SNAPSHOTS_FROM}x");
    }
}
