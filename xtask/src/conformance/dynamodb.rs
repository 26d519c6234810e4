use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use anyhow::Context as _;

use crate::toolbox;

/// The table's name.
const TABLE: &str = "tasks";

/// DynamoDB on loopback with a table for tasks, which all processes of a fixture server share; it ends
/// with this value.
pub(super) struct DynamoDb {
    child: Child,
    url: String,
}

impl DynamoDb {
    /// Starts it, or returns `None` where Python cannot be had.
    pub(super) fn start() -> anyhow::Result<Option<Self>> {
        let Some(python) = toolbox::python(toolbox::MOTO)? else { return Ok(None) };
        let mut child = Command::new(python)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // It would go on to the real one for what it does not know.
            .env_remove("AWS_ENDPOINT_URL")
            .arg(crate::root().join("xtask/src/conformance/dynamodb.py"))
            .arg(TABLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start moto")?;
        let stdout = child.stdout.take().context("moto has a standard output")?;
        let mut dynamodb = Self { child, url: String::new() };
        BufReader::new(stdout).read_line(&mut dynamodb.url).context("moto says nothing")?;
        dynamodb.url.truncate(dynamodb.url.trim_end().len());
        anyhow::ensure!(dynamodb.url.starts_with("http"), "moto did not say where it listens");
        Ok(Some(dynamodb))
    }

    /// What tells a fixture server of it.
    pub(super) fn environment(&self) -> [(&str, &str); 5] {
        [
            ("TASK_TABLE", TABLE),
            ("AWS_ENDPOINT_URL_DYNAMODB", &self.url),
            // Known to nobody else: moto asks for some, and checks none.
            ("AWS_ACCESS_KEY_ID", "conformance"),
            ("AWS_SECRET_ACCESS_KEY", "conformance"),
            ("AWS_REGION", "us-east-1"),
        ]
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
