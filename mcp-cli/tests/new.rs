//! `mcp new`: what is written, and that it works.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{fs, path::Path, process::Command};

use support::{Dev, mcp, mcp_in, mcp_with, said};

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

    let program = target.join("debug").join("ratio-server");
    let server = format!("'{}' stdio", program.display());
    let ratio = mcp(&["call", &server, "divide", "dividend=7", "divisor=2"]);
    assert_eq!(ratio.out, "3.5\n", "{ratio:?}");

    // The same binary behind each of AWS's doors.
    let dev = Dev::start(&program);
    for (door, url) in dev.doors.iter().filter(|(door, _)| door != "invoke") {
        let ratio = mcp(&["call", url, "divide", "dividend=7", "divisor=2"]);
        assert_eq!(ratio.out, "3.5\n", "{door}: {ratio:?}");
    }
    let endpoint = dev.endpoint("invoke");
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let call = ["call", "lambda:ratio-server", "divide", "dividend=7", "divisor=2"];
    let ratio = mcp_with(&environment, &call);
    assert_eq!(ratio.out, "3.5\n", "{ratio:?}");

    package(&project, target);
    let rendered = mcp_in(&project, &["deploy", "render", "all"]);
    assert_eq!(rendered.code, 0, "{rendered:?}");
    // What the project came with is what is rendered again.
    assert!(!project.join("deploy/lambda/function-url.yaml.bak").exists());
    // `cargo xtask templates` asks every linter, also about templates that are filled; these ask for packages of npm's.
    let Some(path) = std::env::var_os("MCP_TEST_LINTERS") else {
        eprintln!("skipped: MCP_TEST_LINTERS does not say where linters are");
        return;
    };
    let mut check = Command::new(env!("CARGO_BIN_EXE_mcp"));
    check.args(["deploy", "check", "--skip", "terraform", "--skip", "cdk"]);
    check.current_dir(&project).env("PATH", path);
    let checked = said(check.output().unwrap());
    assert_eq!(checked.code, 0, "{checked:?}");
}

/// Makes the zip and the image, which are static and so from a build of their own.
fn package(project: &Path, target: &Path) {
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        eprintln!("skipped: packages of this machine's programs are for Linux");
        return;
    }
    for (kind, file) in [("lambda", "bootstrap.zip"), ("image", "image.tar")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
        command.args(["package", kind, "--profile", "dev", "--json"]).current_dir(project);
        // As `cargo xtask image` builds, which so finds what is built here.
        command.env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "false");
        let made = said(command.env("CARGO_NET_OFFLINE", "true").output().unwrap()).json();
        assert!(made["bytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{made}");
        assert!(project.join(file).exists(), "{made}");
    }
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
