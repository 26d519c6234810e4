use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context as _, bail};

use super::dynamodb::DynamoDb;
use crate::shell::{self, step};

/// The fixture server on a free port; it ends with this value.
pub(super) struct Fixture {
    child: Child,
    url: String,
    log: Option<JoinHandle<()>>,
}

/// Known to everyone, and good for nothing but these servers.
pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

impl Fixture {
    /// Builds the server.
    pub(super) fn build() -> anyhow::Result<()> {
        step("building the fixture server");
        shell::run(shell::cargo().args([
            "build",
            "--locked",
            "--package=mcp-testing",
            "--features=conformance-server,lambda",
            "--bin=conformance-server",
            "--bin=lambda-emulator",
        ]))
    }

    /// Starts the server with this added to its environment.
    pub(super) fn start(environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = shell::target_directory()?.join("debug/conformance-server");
        let mut command = Command::new(program);
        command.args(["http", "--listen", "127.0.0.1:0", "--log-format", "json"]);
        command.envs(environment.iter().copied());
        Self::spawn(command)
    }

    /// Starts the server as a function of AWS Lambda behind a door of the emulator. Its tasks are in the
    /// table, and worked on in invocations of their own.
    pub(super) fn behind(door: &str, tasks: &DynamoDb) -> anyhow::Result<Self> {
        let programs = shell::target_directory()?.join("debug");
        let mode = if door.ends_with("-stream") { "stream" } else { "buffered" };
        let mut command = Command::new(programs.join("lambda-emulator"));
        command
            .arg(door)
            .arg(programs.join("conformance-server"))
            .envs(tasks.environment())
            .env("MCP_LAMBDA_RESPONSE", mode)
            .env("MCP_ALLOW_ANONYMOUS", "true")
            .env("MCP_STATE_KEY", KEY);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the fixture server")?;
        let stderr = child.stderr.take().context("the server has a standard error")?;
        let mut fixture = Self { child, url: String::new(), log: None };

        let mut lines = BufReader::new(stderr).lines();
        for line in lines.by_ref() {
            let line: serde_json::Value = serde_json::from_str(&line?).unwrap_or_default();
            if let Some(url) = line["url"].as_str() {
                url.clone_into(&mut fixture.url);
                break;
            }
        }
        if fixture.url.is_empty() {
            bail!("the fixture server did not say where it listens");
        }
        // A full pipe would stop the server; only what is worth a look is shown.
        fixture.log = Some(std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.contains(r#""level":"ERROR""#) {
                    eprintln!("{line}");
                }
            }
        }));
        Ok(fixture)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = self.log.take() {
            let _ = log.join();
        }
    }
}
