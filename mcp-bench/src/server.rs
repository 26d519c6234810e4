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

use crate::{Call, Credentials, Dialect, Duplex, Load, Memory, Usage};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(60);

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Written by hand.
    Floor,
    /// This project, with `RUST_LOG=warn`.
    Ours,
    /// The same with something added or left out.
    OursWith(Setting),
    /// rmcp's own services.
    Rmcp,
}

/// What a server of ours has besides, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setting {
    /// One thread of the runtime instead of one for each core.
    OneThread,
    /// Arguments that no schema checks.
    NoSchema,
    /// Answers out of a cache.
    Cache,
    /// The default logs: one line a call.
    Info,
    /// The same, and metrics for Prometheus.
    InfoAndMetrics,
    /// Callers with API keys.
    ApiKey,
    /// Callers with a JSON Web Token (ES256) of an issuer whose keys are known.
    Jwt,
    /// Callers with JSON Web Tokens that the server does not remember.
    NewJwts,
}

impl Subject {
    /// The name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::OursWith(Setting::OneThread) => "ours, one thread",
            Self::OursWith(Setting::NoSchema) => "ours, no schema",
            Self::OursWith(Setting::Cache) => "ours, cache",
            Self::OursWith(Setting::Info) => "ours, info",
            Self::OursWith(Setting::InfoAndMetrics) => "ours, info+metrics",
            Self::OursWith(Setting::ApiKey) => "ours, API key",
            Self::OursWith(Setting::Jwt) => "ours, JWT",
            Self::OursWith(Setting::NewJwts) => "ours, new JWTs",
            Self::Rmcp => "rmcp",
        }
    }

    /// The name of the program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours | Self::OursWith(_) => "bench-server",
            Self::Rmcp => "rmcp-server",
        }
    }

    /// The program, told what it is told by its environment: so many tools, for calls like these.
    pub fn command(
        self,
        programs: &Path,
        call: Call,
        tools: usize,
        credentials: &Credentials,
    ) -> Command {
        let mut command = Command::new(programs.join(self.program()));
        let log = match self {
            Self::OursWith(Setting::Info | Setting::InfoAndMetrics) => "info",
            _ => "warn",
        };
        command.env("RUST_LOG", log).env("BENCH_TOOLS", tools.to_string());
        if let Self::OursWith(setting) = self {
            match setting {
                Setting::OneThread => command.env("TOKIO_WORKER_THREADS", "1"),
                Setting::NoSchema => command.env("BENCH_WITH", "no-schema"),
                Setting::Cache => command.env("BENCH_WITH", "cache"),
                Setting::InfoAndMetrics => command.env("MCP_PROMETHEUS", "true"),
                Setting::ApiKey => command.envs(credentials.settings(false)),
                Setting::Jwt | Setting::NewJwts => command.envs(credentials.settings(true)),
                Setting::Info => &mut command,
            };
        }
        // rmcp has to be told beforehand.
        if self == Self::Rmcp && call.dialect == Dialect::Session {
            command.env("BENCH_SESSIONS", "1");
        }
        if self == Self::Rmcp && call.load == Load::Stream {
            command.env("BENCH_EVENTS", "1");
        }
        command
    }

    /// The headers by which one of so many clients shows by turns who it is, if it is asked.
    pub fn credentials(self, all: &Credentials, client: usize, clients: usize) -> Vec<String> {
        match self {
            Self::OursWith(Setting::ApiKey) => all.api_key(),
            Self::OursWith(Setting::Jwt) => all.token(),
            Self::OursWith(Setting::NewJwts) => all.own_tokens(client, clients),
            _ => Vec::new(),
        }
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

    /// Starts a server that listens for HTTP (`http`) or for WebSockets (`ws`), and waits until it does.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub async fn listening(mut command: Command, how: &str) -> anyhow::Result<(Self, SocketAddr)> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        command.args([how, "--listen", &address.to_string()]);
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
    pub async fn stdio(mut command: Command, call: Call) -> anyhow::Result<(Self, Duplex)> {
        command.arg("stdio").stdin(Stdio::piped()).stdout(Stdio::piped());
        let (server, pipes) = Self::start(&mut command)?;
        let (stdin, stdout) = pipes.context("no pipes")?;
        let duplex = tokio::time::timeout(START, Duplex::over_pipes(stdin, stdout, call));
        let duplex = duplex.await.with_context(|| format!("{command:?} does not answer"))??;
        Ok((server, duplex))
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
