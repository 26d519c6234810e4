use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use mcp_bench::Memory;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// A server in a process of its own, ended with this.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    /// How many calls it has begun, which it tells at its end.
    calls: JoinHandle<Option<u64>>,
}

impl Process {
    /// Starts this very program as a server.
    pub(crate) async fn start(options: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .args(options)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().context("standard error is a pipe")?;
        let mut lines = BufReader::new(stderr).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on ") {
                let address = address.parse()?;
                let calls = tokio::spawn(async move {
                    let mut calls = None;
                    while let Ok(Some(line)) = lines.next_line().await {
                        match line.strip_prefix("calls begun: ") {
                            Some(count) => calls = count.parse().ok(),
                            None => eprintln!("{line}"),
                        }
                    }
                    calls
                });
                return Ok(Self { address, child, calls });
            }
        }
        anyhow::bail!("the server did not say where it listens")
    }

    fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// How many bytes of memory are its own.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        Ok(Memory::of(self.pid()?)?.resident)
    }

    /// Waits until it has no more than so many bytes of memory, or for so long. What it then has.
    pub(crate) async fn settles_at(&self, bytes: u64, within: Duration) -> anyhow::Result<u64> {
        let begin = Instant::now();
        loop {
            let resident = self.resident()?;
            if resident <= bytes || begin.elapsed() > within {
                return Ok(resident);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn terminate(&self) -> anyhow::Result<()> {
        let id = self.pid()?.to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(sent.success(), "the signal could not be sent");
        Ok(())
    }

    /// Waits until it has ended in an orderly way. How many calls it had begun.
    pub(crate) async fn ended(mut self) -> anyhow::Result<u64> {
        let status = self.child.wait().await?;
        ensure!(status.success(), "the server ended with {status}");
        self.calls.await?.context("the server did not say how many calls it had begun")
    }
}

/// A Redis on a socket in a folder.
pub(crate) struct Redis {
    child: Child,
}

impl Redis {
    pub(crate) fn is_there() -> bool {
        std::process::Command::new("redis-server").arg("--version").output().is_ok()
    }

    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let socket = folder.join("redis.sock");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(&socket)
            .current_dir(folder)
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(Self { child })
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }
}

/// Bytes for people.
pub(crate) fn mb(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let mb = bytes as f64 / 1e6;
    format!("{mb:.1} MB")
}
