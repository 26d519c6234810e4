//! Running other programs, and telling people about it.

use std::{
    io::{IsTerminal as _, stderr},
    process::Command,
};

use anyhow::{Context as _, bail};

/// Says what is done next.
pub(crate) fn step(text: &str) {
    if stderr().is_terminal() {
        eprintln!("\x1b[1;32m==\x1b[0m {text}");
    } else {
        eprintln!("== {text}");
    }
}

/// Says that something is left out, and fails instead where nothing may be (`CI=true`).
pub(crate) fn skip(what: &str, why: &str) -> anyhow::Result<()> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("{what} cannot run here: {why}");
    }
    eprintln!("\n********************************************************************");
    eprintln!("SKIPPED: {what}\n         {why}");
    eprintln!("********************************************************************\n");
    Ok(())
}

/// Runs a program to its end; its failure is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = show(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a program and returns what it prints to standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed no UTF-8"))
}

/// Whether a program can be started.
pub(crate) fn exists(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Cargo, as the one that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root());
    command
}

/// Where cargo puts what it builds.
pub(crate) fn target_directory() -> anyhow::Result<std::path::PathBuf> {
    let metadata = output(cargo().args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let directory = metadata["target_directory"].as_str().unwrap_or("target");
    Ok(directory.into())
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
