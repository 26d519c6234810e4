//! `mcp new`: what is written, and that it works.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, path::Path, process::Command};

use support::{mcp, said};

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_new_project_builds_passes_its_tests_and_serves() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("ratio-server");
    let path = project.to_str().unwrap();
    let made = mcp(&["new", path, "--path", checkout().to_str().unwrap()]);
    assert_eq!(made.code, 0, "{made:?}");

    // The versions that are here already, and what is built already.
    fs::copy(checkout().join("Cargo.lock"), project.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_BIN_EXE_mcp")).ancestors().nth(2).unwrap();
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.args(arguments).current_dir(&project).env("CARGO_TARGET_DIR", target);
        command.env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
        said(command.env("CARGO_NET_OFFLINE", "true").output().unwrap())
    };
    let tested = cargo(&["test"]);
    assert_eq!(tested.code, 0, "{}\n{}", tested.out, tested.err);
    assert!(tested.out.contains("a_number_is_divided"), "{}", tested.out);

    let server = format!("'{}' stdio", target.join("debug").join("ratio-server").display());
    let ratio = mcp(&["call", &server, "divide", "dividend=7", "divisor=2"]);
    assert_eq!(ratio.out, "3.5\n", "{ratio:?}");
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "kept").unwrap();
    let path = folder.path().to_str().unwrap();
    let refused = mcp(&["new", path, "--name", "server"]);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert!(refused.err.contains("not an empty folder"), "{refused:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_name_or_a_path_that_cannot_be_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("Server 1");
    let path = project.to_str().unwrap();
    let named = mcp(&["new", path]);
    assert_eq!(named.code, 2, "{named:?}");
    assert!(named.err.contains("--name"), "{named:?}");
    let elsewhere =
        mcp(&["new", path, "--name", "server", "--path", folder.path().to_str().unwrap()]);
    assert_eq!(elsewhere.code, 2, "{elsewhere:?}");
    assert!(!project.exists());
}
