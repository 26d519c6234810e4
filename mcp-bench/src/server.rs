//! The servers under test, as processes of their own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use tokio::{
    net::TcpStream,
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{Dialect, LISTED_TOOLS, Memory, Pipe, Usage};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Written by hand.
    Floor,
    /// This project, with `RUST_LOG=warn`.
    Ours,
    /// This project with its default logs: one line a call.
    OursLogging,
    /// rmcp's own services.
    Rmcp,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Floor, Self::Ours, Self::OursLogging, Self::Rmcp];

    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::OursLogging => "ours, info",
            Self::Rmcp => "rmcp",
        }
    }

    /// The name of the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours | Self::OursLogging => "bench-server",
            Self::Rmcp => "rmcp-server",
        }
    }

    /// The program, told what it is told by its environment.
    pub fn command(self, programs: &Path, dialect: Dialect) -> Command {
        let mut command = Command::new(programs.join(self.program()));
        match self {
            Self::Ours => command.env("RUST_LOG", "warn"),
            Self::OursLogging => command.env("RUST_LOG", "info"),
            Self::Rmcp if dialect == Dialect::Session => command.env("BENCH_SESSIONS", "1"),
            _ => &mut command,
        };
        if dialect == Dialect::List {
            command.env("BENCH_TOOLS", LISTED_TOOLS.to_string());
        }
        command
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct RunningServer {
    // Killed when dropped.
    _child: Child,
    pid: u32,
}

impl RunningServer {
    fn start(command: &mut Command) -> anyhow::Result<(Self, Option<(ChildStdin, ChildStdout)>)> {
        // Logs are written, and go nowhere.
        command.stderr(Stdio::null()).kill_on_drop(true);
        let shown = command.as_std().get_program().display().to_string();
        let mut child = command.spawn().with_context(|| format!("cannot start {shown}"))?;
        let pid = child.id().with_context(|| format!("{shown} ended at once"))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        Ok((Self { _child: child, pid }, pipes))
    }

    /// Starts a server that listens for HTTP, and waits until it does.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn http(mut command: Command) -> anyhow::Result<(Self, SocketAddr)> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        command.args(["http", "--listen", &address.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let (server, _) = Self::start(&mut command)?;
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            ensure!(begun.elapsed() < START, "{command:?} does not listen");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok((server, address))
    }

    /// Starts a server that speaks over its standard streams, and makes the first call.
    ///
    /// # Errors
    ///
    /// When it does not answer as it must.
    pub async fn stdio(mut command: Command, dialect: Dialect) -> anyhow::Result<(Self, Pipe)> {
        command.arg("stdio").stdin(Stdio::piped()).stdout(Stdio::piped());
        let (server, pipes) = Self::start(&mut command)?;
        let (stdin, stdout) = pipes.context("no pipes")?;
        let pipe = tokio::time::timeout(START, Pipe::open(stdin, stdout, dialect));
        let pipe = pipe.await.with_context(|| format!("{command:?} does not answer"))??;
        Ok((server, pipe))
    }

    /// What it has used so far.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid)
    }

    /// What it holds now.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> anyhow::Result<Memory> {
        Memory::of(self.pid)
    }
}
