//! One process of a function.

use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    pin::pin,
    process::Stdio,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    doors::MANAGEMENT,
    invocation::{Failure, Invocation},
    runtime_api::RuntimeApi,
};

/// How many lines of what the processes write are kept.
const MOST_LINES: usize = 10_000;

/// How long Lambda gives a process that is told of its end ("Lambda execution environment lifecycle", where
/// there are internal extensions alone). Here more is a fault, and no death: a busy machine may not even
/// get around to the process in that time.
const SHUTDOWN: Duration = Duration::from_millis(500);
/// When a process is killed that does not end.
const MOST_SHUTDOWN: Duration = Duration::from_secs(60);
/// How often is looked whether a process has nothing to answer any more.
const LOOK: Duration = Duration::from_millis(20);
/// How long what a process has written is waited for once it has ended. A process that it has left
/// behind may hold its output open.
const LAST_LINES: Duration = Duration::from_secs(30);

/// The program of a function, and what it is started with.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) concurrency: usize,
    /// How it is initialized: `on-demand`, or `snap-start`.
    pub(super) initialization: &'static str,
}

/// What the processes have written, a line each.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(super) fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MOST_LINES {
            lines.push(line);
        }
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running process. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Sandbox {
    queue: mpsc::UnboundedSender<Invocation>,
    in_flight: Arc<AtomicUsize>,
    has_ended: Arc<AtomicBool>,
    concurrency: usize,
    end: DropGuard,
    shutdown: CancellationToken,
    /// Cancelled once the process has ended and all that it has written is there.
    is_over: CancellationToken,
    /// Why it has ended, if it has said so.
    failure: Arc<OnceLock<Failure>>,
}

/// A place in a process, taken as long as this is not dropped.
#[derive(Debug)]
pub(super) struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Sandbox {
    /// Starts a process, which then asks for its first event.
    pub(super) async fn start(
        program: &Program,
        api: Option<&String>,
        lines: &Lines,
        faults: &Lines,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let mut command = Command::new(&program.path);
        command
            .args(&program.arguments)
            .env_remove("AWS_LAMBDA_MAX_CONCURRENCY")
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr()?.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_INITIALIZATION_TYPE", program.initialization)
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "emulator")
            .env("AWS_REGION", "us-east-1")
            .env("_HANDLER", "bootstrap")
            .env("AWS_ACCESS_KEY_ID", "emulator")
            .env("AWS_SECRET_ACCESS_KEY", "emulator")
            .envs(api.map(|url| ("AWS_ENDPOINT_URL_LAMBDA", url)))
            .envs(api.map(|url| {
                let stage = MANAGEMENT.trim_end_matches('/');
                ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", format!("{url}{stage}"))
            }))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if program.concurrency > 1 {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", program.concurrency.to_string());
        }
        command.envs(program.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.spawn()?;
        let output = tokio::spawn({
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let lines = lines.clone();
            async move { tokio::join!(keep(stdout, &lines), keep(stderr, &lines)) }
        });

        let (queue, invocations) = mpsc::unbounded_channel();
        let has_ended = Arc::new(AtomicBool::new(false));
        let in_flight: Arc<AtomicUsize> = Arc::default();
        let concurrency = program.concurrency.max(1);
        let failure = Arc::<OnceLock<Failure>>::default();
        let (places, end) = (Arc::clone(&in_flight), Arc::clone(&failure));
        let api = RuntimeApi::new(child.id(), concurrency, places, invocations, end);
        let (end, shutdown) = (CancellationToken::new(), CancellationToken::new());
        let ends = [end.clone(), shutdown.clone()];
        let is_over = CancellationToken::new();
        let running = run(child, api, listener, ends, Arc::clone(&has_ended), faults.clone());
        let over = is_over.clone().drop_guard();
        tokio::spawn(async move {
            running.await;
            let _ = tokio::time::timeout(LAST_LINES, output).await;
            drop(over);
        });
        let end = end.drop_guard();
        Ok(Self { queue, in_flight, has_ended, concurrency, end, shutdown, is_over, failure })
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Why it has ended, if it has said so.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.get()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Acquire) == 0
    }

    /// Kills the process.
    pub(super) fn kill(&self) {
        self.has_ended.store(true, Ordering::Release);
        self.end.token().cancel();
    }

    /// Ends the process as Lambda does one that is no longer needed, and waits for its last words.
    pub(super) async fn shut_down(&self) {
        self.shutdown.cancel();
        self.is_over.cancelled().await;
    }

    /// The same once it has answered what it has been given.
    pub(super) async fn retire(&self) {
        while !self.is_idle() && !self.has_ended() {
            tokio::time::sleep(LOOK).await;
        }
        self.shut_down().await;
    }

    /// Takes a place, if one is free.
    pub(super) fn occupy(&self) -> Option<Busy> {
        let taken = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
            (taken < self.concurrency).then_some(taken + 1)
        });
        taken.ok().map(|_| Busy(Arc::clone(&self.in_flight)))
    }

    /// Hands an event over. Where the process has ended, the invocation is dropped.
    pub(super) fn send(&self, invocation: Invocation) {
        let _ = self.queue.send(invocation);
    }
}

/// Runs a process to its end. What it has not answered then is dropped with its Runtime API.
async fn run(
    mut child: Child,
    api: Arc<RuntimeApi>,
    listener: TcpListener,
    [end, shutdown]: [CancellationToken; 2],
    has_ended: Arc<AtomicBool>,
    faults: Lines,
) {
    let mut serving = pin!(Arc::clone(&api).serve(listener));
    tokio::select! {
        _ = child.wait() => {}
        () = &mut serving => {}
        () = end.cancelled() => {
            let _ = child.kill().await;
        }
        () = shutdown.cancelled() => {
            if api.terminate() {
                let told = Instant::now();
                tokio::select! {
                    _ = child.wait() => {}
                    () = &mut serving => {}
                    () = tokio::time::sleep(MOST_SHUTDOWN) => {}
                }
                let took = told.elapsed();
                if took > SHUTDOWN {
                    faults.push(format!(
                        "the process went on for {} ms after SIGTERM; Lambda kills it after {} ms: do less at \
                         the end, or, if this machine was busy, try again",
                        took.as_millis(),
                        SHUTDOWN.as_millis(),
                    ));
                }
            }
            let _ = child.kill().await;
        }
    }
    has_ended.store(true, Ordering::Release);
}

/// Reads what a process writes to its end.
async fn keep(output: Option<impl AsyncRead + Unpin>, lines: &Lines) {
    let Some(output) = output else { return };
    let mut output = BufReader::new(output).lines();
    while let Ok(Some(line)) = output.next_line().await {
        lines.push(line);
    }
}
