//! A copy of the repository in which pages' commands are run by a shell that finds nothing but
//! stand-ins. They write down how they were called.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::PathBuf,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{programs, root, walk};

/// A call of a stand-in.
#[derive(Debug)]
pub struct Called {
    /// The folder that it was called in, below the sandbox's root.
    pub folder: PathBuf,
    pub program: String,
    pub arguments: Vec<String>,
}

pub struct Sandbox {
    folder: TempDir,
}

/// What the shell needs itself, to make arguments of others.
const REAL: &[&str] = &["cat", "cut", "mkdir", "openssl", "sha256sum"];

/// Writes down the folder, the program and its arguments. The separators are in no command.
const STAND_IN: &str = r#"#!/bin/sh
{ printf '%s\037' "$PWD" "${0##*/}" "$@"; printf '\036'; } >> "$RECORD"
"#;

impl Sandbox {
    pub fn new(programs: &[&str]) -> Self {
        let sandbox = Self { folder: TempDir::new().unwrap() };
        for folder in ["bin", "home/.ssh", "root/venv/bin"] {
            fs::create_dir_all(sandbox.path(folder)).unwrap();
        }
        fs::write(sandbox.path("home/.ssh/id_ed25519.pub"), "ssh-ed25519 AAAA").unwrap();
        let at = sandbox.path("root");
        walk(&root(), "", &mut |path| {
            let to = at.join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            symlink(root().join(path), to).unwrap();
        });
        for program in REAL {
            sandbox.real(program);
        }
        for program in programs {
            sandbox.program(&format!("bin/{program}"), STAND_IN);
        }
        for program in programs::names() {
            for folder in ["bin", "root/target/debug", "root/target/release"] {
                sandbox.program(&format!("{folder}/{program}"), STAND_IN);
            }
        }
        for program in ["python", "pip"] {
            sandbox.program(&format!("root/venv/bin/{program}"), STAND_IN);
        }
        sandbox
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Lets the shell find one of this machine's programs.
    pub fn real(&self, program: &str) {
        let found = ["/usr/bin", "/bin"].map(|folder| PathBuf::from(folder).join(program));
        let found = found.iter().find(|path| path.exists());
        let found = found.unwrap_or_else(|| panic!("{program} is missing: install it"));
        symlink(found, self.path("bin").join(program)).unwrap();
    }

    /// Puts a script into the sandbox, in place of a stand-in if there is one.
    pub fn program(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Has a shell run a script to its first failure, with what it starts on this port. Returns what it
    /// prints; the error is what it says besides. Servers that it has started are ended.
    pub fn answers(&self, script: &str, port: &str) -> Result<String, String> {
        let serving = self.path("serving");
        let mut bash = self.bash();
        bash.args(["-eu", "-o", "pipefail", "-c", script])
            .env("PORT", port)
            .env("LOG", self.path("log"))
            .env("SERVING", &serving);
        let output = bash.output().map_err(|error| format!("bash: {error}"))?;
        if let Ok(process) = fs::read_to_string(&serving) {
            let _ = Command::new("kill").arg(process.trim()).status();
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(said);
        }
        Err(format!("{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }

    /// A shell in the sandbox, without the environment of the test.
    fn bash(&self) -> Command {
        let mut bash = Command::new("/bin/bash");
        bash.env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("RECORD", self.path("record"))
            .env("ROOT", self.path("root"))
            .current_dir(self.path("root"))
            .stdin(Stdio::null());
        bash
    }

    /// Has a shell run a script. Returns what it has called; the error is what the shell says.
    pub fn run(&self, script: &str) -> Result<Vec<Called>, String> {
        let record = self.path("record");
        fs::write(&record, "").unwrap();
        let mut bash = self.bash();
        bash.args(["-u", "-O", "expand_aliases", "-c"])
            // What goes on in the background is waited for.
            .arg(format!("{script}\nwait"))
            .envs([("KEY", "key"), ("TOKEN", "token")]);
        let output = bash.output().map_err(|error| format!("bash: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() || !said.is_empty() {
            return Err(format!("{}: {said}", output.status));
        }
        let record = fs::read_to_string(&record).unwrap();
        let root = self.path("root");
        let called = record.split_terminator('\u{1e}').map(|call| {
            let mut words = call.split_terminator('\u{1f}').map(str::to_owned);
            let folder = PathBuf::from(words.next().unwrap());
            let folder = folder.strip_prefix(&root).unwrap().to_owned();
            let program = words.next().unwrap();
            Called { folder, program, arguments: words.collect() }
        });
        Ok(called.collect())
    }
}
