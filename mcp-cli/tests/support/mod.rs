//! The `mcp` command, servers for it, and `mcp dev`.
#![allow(dead_code, reason = "each of the tests needs some of it")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use serde_json::Value;

/// What the command said, and the code that it ended with.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs `mcp` with arguments, without a terminal.
pub(crate) fn mcp(arguments: &[&str]) -> Said {
    mcp_in(Path::new("."), arguments)
}

/// The same with variables in its environment.
pub(crate) fn mcp_with(variables: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
    command.args(arguments).stdin(Stdio::null()).env_remove("MCP_API_KEY").env_remove("MCP_BEARER");
    for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        command.env_remove(name);
    }
    said(command.envs(variables.iter().copied()).output().expect("the command can be started"))
}

/// The same in a folder.
pub(crate) fn mcp_in(folder: &Path, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_mcp"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .env_remove("MCP_API_KEY")
        .env_remove("MCP_BEARER")
        .output()
        .expect("the command can be started");
    said(output)
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        code: output.status.code().expect("it ends by itself"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

/// The program of `examples/desk.rs`, which cargo builds along with the tests.
pub(crate) fn desk() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_BIN_EXE_mcp"));
    let folder = folder.parent().expect("a folder").join("examples");
    folder.join(format!("desk{}", std::env::consts::EXE_SUFFIX))
}

/// How to start it as a target of `mcp`.
pub(crate) fn stdio() -> String {
    format!("'{}' stdio", desk().display())
}

/// A server that listens until it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    child: Child,
    address: String,
}

impl Listening {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(desk())
            .args(["http", "--listen", "127.0.0.1:0", "--log-format", "json"])
            .args(arguments)
            .env("RUST_LOG", "info")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server can be started");
        let lines = BufReader::new(child.stderr.take().expect("its log"));
        let mut lines = lines.lines().map(|line| line.expect("a line of its log"));
        let address = lines
            .find_map(|line| {
                let (_, rest) =
                    line.split_once("http://").or_else(|| line.split_once("https://"))?;
                Some(rest.split('/').next()?.to_owned())
            })
            .expect("it says where it listens");
        // A full pipe would hold it up.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `mcp dev`, until it is dropped.
#[derive(Debug)]
pub(crate) struct Dev {
    child: Child,
    pub(crate) doors: Vec<(String, String)>,
    said: Receiver<String>,
}

impl Dev {
    pub(crate) fn start(program: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mcp"))
            .args(["dev", "--json", "--port", "0"])
            .arg(program)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mcp dev");
        let (sender, said) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("mcp dev"));
        std::thread::spawn(move || {
            stderr.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut document = Vec::new();
        let mut stdout = child.stdout.take().expect("mcp dev");
        let document: Value = loop {
            let mut byte = [0];
            assert_eq!(
                stdout.read(&mut byte).expect("mcp dev"),
                1,
                "{}",
                String::from_utf8_lossy(&document)
            );
            document.push(byte[0]);
            if let (b'\n', Ok(whole)) = (byte[0], serde_json::from_slice(&document)) {
                break whole;
            }
        };
        let text = |value: &Value| value.as_str().expect("mcp dev").to_owned();
        let doors = document["doors"].as_array().expect("mcp dev").iter();
        let doors = doors.map(|door| (text(&door["door"]), text(&door["url"]))).collect();
        Self { child, doors, said }
    }

    /// Where a door is, without its path.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        let (_, url) = self.doors.iter().find(|(door, _)| door == name).expect("a door");
        url.split('/').take(3).collect::<Vec<_>>().join("/")
    }

    /// Waits until it says something.
    pub(crate) fn hears(&self, part: &str) {
        let patience = Duration::from_secs(60);
        while !self.said.recv_timeout(patience).expect(part).contains(part) {}
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
