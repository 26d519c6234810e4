//! The binary of a cargo project.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::package::{Linker, Toolchain};
use crate::exit::Failure;

#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    bin: Option<String>,
}

impl Project {
    /// The project whose folder, or a folder above, is the current one.
    pub(crate) fn here(bin: Option<String>) -> Result<Self, Failure> {
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version=1"])
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| no_cargo(&error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("error: ");
            let first = said.lines().next().unwrap_or("cargo metadata failed").to_owned();
            return Err(Failure::usage(format!("{first}; name a program, or go to a project")));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let folder = |key: &str| metadata[key].as_str().map(PathBuf::from).unwrap_or_default();
        Ok(Self { root: folder("workspace_root"), target: folder("target_directory"), bin })
    }

    /// Builds it; cargo's own words go to standard error.
    pub(crate) fn build(&self) -> Result<PathBuf, Failure> {
        let mut command = cargo();
        command.arg("build");
        self.built(command)
    }

    /// Builds a program that needs no libraries.
    pub(crate) fn build_static(
        &self,
        toolchain: &Toolchain,
        profile: &str,
    ) -> Result<PathBuf, Failure> {
        let target = &toolchain.target;
        let mut command = cargo();
        command.arg(if toolchain.linker == Linker::Zig { "zigbuild" } else { "build" });
        command.args(["--target", target, "--profile", profile]);
        if let Linker::Gcc(compiler) = &toolchain.linker {
            let name = target.replace('-', "_");
            command.env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), compiler);
            command.env(format!("CC_{name}"), compiler);
        }
        let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        flags += " -C target-feature=+crt-static";
        command.env("RUSTFLAGS", flags.trim());
        self.built(command)
    }

    /// The targets that this Rust builds for, where it says so.
    pub(crate) fn installed_targets(&self) -> Option<Vec<String>> {
        let output = Command::new("rustup")
            .args(["target", "list", "--installed"])
            .current_dir(&self.root)
            .stderr(Stdio::null())
            .output()
            .ok()?;
        let targets = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| targets.lines().map(str::to_owned).collect())
    }

    fn built(&self, mut command: Command) -> Result<PathBuf, Failure> {
        command.arg("--message-format=json-render-diagnostics");
        match &self.bin {
            Some(bin) => command.args(["--bin", bin]),
            None => command.arg("--bins"),
        };
        let output = command.stderr(Stdio::inherit()).output().map_err(|error| no_cargo(&error))?;
        if !output.status.success() {
            return Err(Failure::local("the project does not build"));
        }
        let mut programs: Vec<PathBuf> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["reason"] == "compiler-artifact")
            .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
            .collect();
        let program = programs.pop().ok_or_else(|| {
            Failure::usage(
                "the project has no binary: name a program, or one of its own with --bin",
            )
        })?;
        if programs.is_empty() {
            return Ok(program);
        }
        programs.push(program);
        let names: Vec<String> = programs
            .iter()
            .filter_map(|program| Some(program.file_stem()?.to_string_lossy().into_owned()))
            .collect();
        Err(Failure::usage(format!(
            "the project has several binaries, choose one with --bin: {}",
            names.join(", ")
        )))
    }
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.stdin(Stdio::null());
    command
}

fn no_cargo(error: &std::io::Error) -> Failure {
    Failure::local(format!("cargo cannot be started: {error}; it comes with Rust, see rustup.rs"))
}
