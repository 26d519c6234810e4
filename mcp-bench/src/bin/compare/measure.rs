//! Rounds of measurements.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use mcp_bench::{
    Call, Connection, Credentials, Dialect, Duplex, Latencies, Memory, RunningServer, Subject,
    Usage,
};
use tokio::{process::Command, task::JoinSet};

use crate::cases::{CASES, Case, Wire};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// How many processes are started for a cold start.
    pub(crate) starts: usize,
}

/// One measurement of one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Calls; events where a call has many; starts; sessions.
    pub(crate) units: usize,
    /// Microseconds of processor time for each of them.
    pub(crate) cpu: f64,
    /// How many there were in a second of wall time.
    pub(crate) rate: f64,
    /// Microseconds that a call took, or a start to its first answer.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Microseconds to a call's first event.
    pub(crate) first_event: Option<f64>,
    /// Context switches for each of them.
    pub(crate) voluntary: f64,
    pub(crate) involuntary: f64,
    /// What the process held right after its start, and what after it all.
    pub(crate) idle: Memory,
    pub(crate) loaded: Memory,
}

/// All that was measured. The samples are in the order of the rounds.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) plan: Plan,
    /// In the order of [`CASES`].
    pub(crate) samples: Vec<BTreeMap<Subject, Vec<Sample>>>,
    /// Of the example `hello` after its start, over HTTP and over stdio.
    pub(crate) hello: [Memory; 2],
    /// The sizes of programs in bytes.
    pub(crate) sizes: BTreeMap<&'static str, u64>,
}

impl Measured {
    /// The cases with what was measured of them.
    pub(crate) fn cases(
        &self,
    ) -> impl Iterator<Item = (&'static Case, &BTreeMap<Subject, Vec<Sample>>)> {
        CASES.iter().zip(&self.samples).filter(|(_, subjects)| !subjects.is_empty())
    }
}

/// Measures the cases whose name has `only` in it.
pub(crate) async fn run(plan: Plan, only: &str) -> anyhow::Result<Measured> {
    let this = std::env::current_exe()?;
    let programs = this.parent().context("no folder of programs")?.to_owned();
    let mut measured = Measured {
        plan,
        samples: vec![BTreeMap::new(); CASES.len()],
        hello: hello(&programs).await?,
        sizes: BTreeMap::new(),
    };
    for program in ["hello", "bench-server", "rmcp-server", "floor"] {
        measured.sizes.insert(program, std::fs::metadata(programs.join(program))?.len());
    }
    let bench = Bench { programs, plan, credentials: Credentials::issue().await? };
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        for (case, samples) in CASES.iter().zip(&mut measured.samples) {
            if !case.name().contains(only) {
                continue;
            }
            // All servers are started afresh; they take turns, and who comes first changes.
            for turn in 0..case.subjects.len() {
                let subject = case.subjects[(round + turn) % case.subjects.len()];
                let sample = bench.measure(case, subject).await;
                let sample =
                    sample.with_context(|| format!("{}, {}", case.name(), subject.name()))?;
                samples.entry(subject).or_default().push(sample);
            }
        }
    }
    Ok(measured)
}

async fn hello(programs: &Path) -> anyhow::Result<[Memory; 2]> {
    let command = || Command::new(programs.join("hello"));
    let (server, _) = RunningServer::listening(command(), "http").await?;
    settle().await;
    let http = server.memory()?;
    let (server, _open) = RunningServer::stdio(command(), Call::add(Dialect::Modern)).await?;
    settle().await;
    Ok([http, server.memory()?])
}

struct Bench {
    programs: PathBuf,
    plan: Plan,
    credentials: Credentials,
}

impl Bench {
    async fn measure(&self, case: &Case, subject: Subject) -> anyhow::Result<Sample> {
        let call = case.call_of(subject);
        let Plan { warm_up, measured, starts, .. } = self.plan;
        let command = || subject.command(&self.programs, call, case.tools, &self.credentials);
        let per_call = call.load.events().max(1);
        match case.wire {
            Wire::Http { connections } => {
                let (server, address) = RunningServer::listening(command(), "http").await?;
                let running = Running::new(server).await?;
                let mut clients = Vec::new();
                for client in 0..connections {
                    let credentials = subject.credentials(&self.credentials, client, connections);
                    clients.push(Connection::open(address, call, &credentials).await?);
                }
                let (clients, _) = call_all(clients, warm_up).await?;
                running.sample(per_call, async || Ok(call_all(clients, measured).await?.1)).await
            }
            Wire::Stdio { in_flight } => {
                let (server, duplex) = RunningServer::stdio(command(), call).await?;
                self.duplex(server, duplex, in_flight, per_call).await
            }
            Wire::WebSocket { in_flight } => {
                let (server, address) = RunningServer::listening(command(), "ws").await?;
                let duplex = Duplex::over_web_socket(address, call).await?;
                self.duplex(server, duplex, in_flight, per_call).await
            }
            Wire::ColdStart => cold_start(starts, command, call).await,
            Wire::Sessions { count } => {
                let (server, address) = RunningServer::listening(command(), "http").await?;
                // The first one brings along what all of them need once.
                Connection::leave_sessions(address, 1).await?;
                let running = Running::new(server).await?;
                running
                    .sample(1, async || {
                        let mut latencies = Latencies::default();
                        for elapsed in Connection::leave_sessions(address, count).await? {
                            latencies.record(elapsed);
                        }
                        Ok(latencies)
                    })
                    .await
            }
        }
    }

    async fn duplex(
        &self,
        server: RunningServer,
        mut duplex: Duplex,
        in_flight: usize,
        per_call: usize,
    ) -> anyhow::Result<Sample> {
        let running = Running::new(server).await?;
        duplex.call_until(Instant::now() + self.plan.warm_up, in_flight).await?;
        let end = Instant::now() + self.plan.measured;
        running.sample(per_call, async || duplex.call_until(end, in_flight).await).await
    }
}

/// All that a process uses until its first answer.
async fn cold_start(
    starts: usize,
    command: impl Fn() -> Command,
    call: Call,
) -> anyhow::Result<Sample> {
    let mut latencies = Latencies::default();
    let (mut cpu, mut voluntary, mut involuntary) = (0.0, 0, 0);
    let mut memory = None;
    let begun = Instant::now();
    for _ in 0..starts {
        let begun = Instant::now();
        let (server, _open) = RunningServer::stdio(command(), call).await?;
        latencies.record(begun.elapsed());
        settle().await;
        let usage = server.usage()?;
        cpu += usage.cpu_since(&Usage::default()).as_secs_f64() * 1e6;
        let switches = usage.switches_since(&Usage::default());
        voluntary += switches.0;
        involuntary += switches.1;
        memory = Some(server.memory()?);
    }
    let memory = memory.context("no process was started")?;
    Ok(Sample {
        units: starts,
        cpu: cpu / starts as f64,
        rate: starts as f64 / begun.elapsed().as_secs_f64(),
        p50: latencies.percentile(0.5).unwrap_or(f64::NAN),
        p99: latencies.percentile(0.99).unwrap_or(f64::NAN),
        first_event: None,
        voluntary: voluntary as f64 / starts as f64,
        involuntary: involuntary as f64 / starts as f64,
        idle: memory,
        loaded: memory,
    })
}

async fn call_all(
    clients: Vec<Connection>,
    duration: Duration,
) -> anyhow::Result<(Vec<Connection>, Latencies)> {
    let end = Instant::now() + duration;
    let mut calling = JoinSet::new();
    for mut client in clients {
        calling.spawn(async move {
            let latencies = client.call_until(end).await;
            latencies.map(|latencies| (client, latencies))
        });
    }
    let mut all = Latencies::default();
    let mut clients = Vec::new();
    while let Some(called) = calling.join_next().await {
        let (client, latencies) = called??;
        all.merge(latencies);
        clients.push(client);
    }
    Ok((clients, all))
}

/// A server, with what it held at first.
struct Running {
    server: RunningServer,
    idle: Memory,
}

impl Running {
    async fn new(server: RunningServer) -> anyhow::Result<Self> {
        settle().await;
        let idle = server.memory()?;
        Ok(Self { server, idle })
    }

    /// The readings are taken when no call is on its way.
    async fn sample(
        self,
        per_call: usize,
        calls: impl AsyncFnOnce() -> anyhow::Result<Latencies>,
    ) -> anyhow::Result<Sample> {
        let Self { server, idle } = self;
        settle().await;
        let before = server.usage()?;
        let begun = Instant::now();
        let mut latencies = calls().await?;
        let elapsed = begun.elapsed();
        settle().await;
        let after = server.usage()?;
        anyhow::ensure!(latencies.count() > 0, "no call was answered in time");
        let units = latencies.count() * per_call;
        let (voluntary, involuntary) = after.switches_since(&before);
        Ok(Sample {
            units,
            cpu: after.cpu_since(&before).as_secs_f64() * 1e6 / units as f64,
            rate: units as f64 / elapsed.as_secs_f64(),
            p50: latencies.percentile(0.5).unwrap_or(f64::NAN),
            p99: latencies.percentile(0.99).unwrap_or(f64::NAN),
            first_event: latencies.first_event(),
            voluntary: voluntary as f64 / units as f64,
            involuntary: involuntary as f64 / units as f64,
            idle,
            loaded: server.memory()?,
        })
    }
}

/// Lets the server's threads go to sleep: the kernel books a thread's time when it leaves the
/// processor.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
