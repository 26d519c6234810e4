//! Rounds of measurements.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use mcp_bench::{Connection, Dialect, Latencies, Memory, Pipe, RunningServer, Subject};
use tokio::{process::Command, task::JoinSet};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// How calls reach the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wire {
    /// Keep-alive connections with one call at a time each.
    Http { connections: usize },
    /// The standard streams.
    Stdio { in_flight: usize },
}

/// One row of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Case {
    pub(crate) wire: Wire,
    pub(crate) dialect: Dialect,
}

impl Case {
    const ALL: [Self; 12] = {
        const fn http(dialect: Dialect, connections: usize) -> Case {
            Case { wire: Wire::Http { connections }, dialect }
        }
        const fn stdio(dialect: Dialect, in_flight: usize) -> Case {
            Case { wire: Wire::Stdio { in_flight }, dialect }
        }
        [
            http(Dialect::Modern, 1),
            http(Dialect::Modern, 32),
            http(Dialect::Legacy, 1),
            http(Dialect::Legacy, 32),
            http(Dialect::Session, 1),
            http(Dialect::Session, 32),
            http(Dialect::List, 1),
            http(Dialect::List, 32),
            stdio(Dialect::Modern, 1),
            stdio(Dialect::Modern, 64),
            stdio(Dialect::Session, 1),
            stdio(Dialect::Session, 64),
        ]
    };

    pub(crate) fn name(self) -> String {
        let dialect = self.dialect.name();
        match self.wire {
            Wire::Http { connections } => format!("http {dialect} x{connections}"),
            Wire::Stdio { in_flight } => format!("stdio {dialect} x{in_flight}"),
        }
    }

    /// How this subject is called in this case, if at all. The floor knows no sessions: where
    /// others answer within one, it answers without.
    fn dialect_for(self, subject: Subject) -> Option<Dialect> {
        match (subject, self.dialect) {
            (Subject::Floor, Dialect::Session) => Some(Dialect::Legacy),
            // Logs cost what they cost; one era shows it.
            (Subject::OursLogging, Dialect::Legacy | Dialect::Session | Dialect::List) => None,
            // It has only the tools that are called.
            (Subject::Rmcp, Dialect::List) => None,
            (_, dialect) => Some(dialect),
        }
    }
}

/// One measurement of one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) calls: usize,
    /// Microseconds of processor time for each call.
    pub(crate) cpu: f64,
    /// Calls per second of wall time.
    pub(crate) rate: f64,
    /// Microseconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Context switches for each call.
    pub(crate) voluntary: f64,
    pub(crate) involuntary: f64,
}

/// What a process held right after its start, and after all its cases.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    pub(crate) idle: Memory,
    pub(crate) loaded: Memory,
}

/// All that was measured. The samples are in the order of the rounds.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) plan: Plan,
    pub(crate) samples: BTreeMap<Case, BTreeMap<Subject, Vec<Sample>>>,
    pub(crate) memory: BTreeMap<(&'static str, Subject), Vec<Holding>>,
    /// Of the example `hello` after its start, over HTTP and over stdio.
    pub(crate) hello: [Memory; 2],
    /// The sizes of programs in bytes.
    pub(crate) sizes: BTreeMap<&'static str, u64>,
}

pub(crate) async fn run(plan: Plan) -> anyhow::Result<Measured> {
    let this = std::env::current_exe()?;
    let programs = this.parent().context("no folder of programs")?.to_owned();
    let mut measured = Measured {
        plan,
        samples: BTreeMap::new(),
        memory: BTreeMap::new(),
        hello: hello(&programs).await?,
        sizes: BTreeMap::new(),
    };
    for program in ["hello", "bench-server", "rmcp-server", "floor"] {
        measured.sizes.insert(program, std::fs::metadata(programs.join(program))?.len());
    }
    for round in 0..plan.rounds {
        eprintln!("round {} of {}", round + 1, plan.rounds);
        run_round(&programs, round, &mut measured).await?;
    }
    Ok(measured)
}

async fn hello(programs: &Path) -> anyhow::Result<[Memory; 2]> {
    let (server, _) = RunningServer::http(Command::new(programs.join("hello"))).await?;
    settle().await;
    let http = server.memory()?;
    let command = Command::new(programs.join("hello"));
    let (server, _pipe) = RunningServer::stdio(command, Dialect::Modern).await?;
    settle().await;
    Ok([http, server.memory()?])
}

/// All servers are started afresh; in each case they take turns, and who comes first changes
/// from round to round.
async fn run_round(programs: &Path, round: usize, measured: &mut Measured) -> anyhow::Result<()> {
    let mut started = Started { programs: programs.to_owned(), ..Started::default() };
    let mut subjects = Subject::ALL;
    subjects.rotate_left(round % Subject::ALL.len());
    for case in Case::ALL {
        for subject in subjects {
            let Some(dialect) = case.dialect_for(subject) else { continue };
            let sample = started
                .measure(subject, case.wire, dialect, measured.plan)
                .await
                .with_context(|| format!("{}, {}", case.name(), subject.name()))?;
            let subjects = measured.samples.entry(case).or_default();
            subjects.entry(subject).or_default().push(sample);
        }
    }
    for ((subject, dialect), (server, _, idle)) in started.http {
        // Neither the sessions' process of rmcp nor the one with many tools answers all else.
        if dialect == Dialect::Modern {
            let holding = Holding { idle, loaded: server.memory()? };
            measured.memory.entry(("http", subject)).or_default().push(holding);
        }
    }
    for ((subject, dialect), (server, _, idle)) in started.stdio {
        if dialect == Dialect::Modern {
            let holding = Holding { idle, loaded: server.memory()? };
            measured.memory.entry(("stdio", subject)).or_default().push(holding);
        }
    }
    Ok(())
}

/// The servers of a round.
#[derive(Default)]
struct Started {
    programs: PathBuf,
    http: BTreeMap<(Subject, Dialect), (RunningServer, SocketAddr, Memory)>,
    stdio: BTreeMap<(Subject, Dialect), (RunningServer, Pipe, Memory)>,
}

impl Started {
    async fn measure(
        &mut self,
        subject: Subject,
        wire: Wire,
        dialect: Dialect,
        plan: Plan,
    ) -> anyhow::Result<Sample> {
        match wire {
            Wire::Http { connections } => {
                let (server, address) = self.http(subject, dialect).await?;
                let mut clients = Vec::new();
                for _ in 0..connections {
                    clients.push(Connection::open(address, dialect).await?);
                }
                let (clients, _) = call_all(clients, plan.warm_up).await?;
                sample(server, async || Ok(call_all(clients, plan.measured).await?.1)).await
            }
            Wire::Stdio { in_flight } => {
                let (server, pipe) = self.stdio(subject, dialect).await?;
                pipe.call_until(Instant::now() + plan.warm_up, in_flight).await?;
                let end = Instant::now() + plan.measured;
                sample(server, async || pipe.call_until(end, in_flight).await).await
            }
        }
    }

    /// One process answers all HTTP cases of a subject, but that a list of many tools needs them,
    /// and that rmcp has to be told beforehand whether it keeps sessions.
    async fn http(
        &mut self,
        subject: Subject,
        dialect: Dialect,
    ) -> anyhow::Result<(&RunningServer, SocketAddr)> {
        let dialect = match (subject, dialect) {
            (Subject::Rmcp, Dialect::Session) => Dialect::Session,
            (_, Dialect::List) => Dialect::List,
            _ => Dialect::Modern,
        };
        let key = (subject, dialect);
        if !self.http.contains_key(&key) {
            let command = subject.command(&self.programs, dialect);
            let (server, address) = RunningServer::http(command).await?;
            settle().await;
            let idle = server.memory()?;
            self.http.insert(key, (server, address, idle));
        }
        let (server, address, _) = &self.http[&key];
        Ok((server, *address))
    }

    async fn stdio(
        &mut self,
        subject: Subject,
        dialect: Dialect,
    ) -> anyhow::Result<(&RunningServer, &mut Pipe)> {
        let key = (subject, dialect);
        if !self.stdio.contains_key(&key) {
            let command = subject.command(&self.programs, dialect);
            let (server, pipe) = RunningServer::stdio(command, dialect).await?;
            settle().await;
            let idle = server.memory()?;
            self.stdio.insert(key, (server, pipe, idle));
        }
        let (server, pipe, _) = self.stdio.get_mut(&key).context("just started")?;
        Ok((server, pipe))
    }
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

/// The readings are taken when no call is on its way.
async fn sample(
    server: &RunningServer,
    calls: impl AsyncFnOnce() -> anyhow::Result<Latencies>,
) -> anyhow::Result<Sample> {
    settle().await;
    let before = server.usage()?;
    let begun = Instant::now();
    let mut latencies = calls().await?;
    let elapsed = begun.elapsed();
    settle().await;
    let after = server.usage()?;
    let calls = latencies.count();
    anyhow::ensure!(calls > 0, "no call was answered in time");
    let (voluntary, involuntary) = after.switches_since(&before);
    Ok(Sample {
        calls,
        cpu: after.cpu_since(&before).as_secs_f64() * 1e6 / calls as f64,
        rate: calls as f64 / elapsed.as_secs_f64(),
        p50: latencies.percentile(0.5),
        p99: latencies.percentile(0.99),
        voluntary: voluntary as f64 / calls as f64,
        involuntary: involuntary as f64 / calls as f64,
    })
}

/// Lets the server's threads go to sleep: the kernel books a thread's time when it leaves the
/// processor.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
