use std::{
    io,
    net::Ipv4Addr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{OnceCell, oneshot},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Door, Failure, Outcome,
    doors::{self, Connections, WebSocketSettings},
    invocation::{Invocation, InvokeOptions, PAYLOAD, request_id},
    sandbox::{Lines, Program, Sandbox},
};

/// A Lambda function on loopback.
///
/// Each process answers one event at a time, so as many are started as events come at once. They are
/// killed, and the doors closed, when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    function: Arc<Function>,
    doors: CancellationToken,
    _close: DropGuard,
}

/// What is behind the doors.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) settings: Settings,
    /// Where the function finds Lambda's own API, to invoke itself.
    api: OnceCell<String>,
    sandboxes: Mutex<Vec<Arc<Sandbox>>>,
    lines: Lines,
    faults: Lines,
    /// Those of its WebSocket API.
    pub(super) connections: Connections,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    program: Program,
    timeout: Duration,
    /// How long after its timeout a process is killed.
    grace: Duration,
    /// How long API Gateway waits for a whole reply, where it is not as long as by default.
    pub(super) integration_timeout: Option<Duration>,
    most_processes: usize,
    /// After how long a failed asynchronous event is tried again.
    pub(super) retry_after: Duration,
    /// Whether the function is the destination of its own failed asynchronous events.
    pub(super) tells_itself: bool,
    /// `requestContext.authorizer`, as an authorizer in front of the function makes it.
    pub(super) authorizer: Option<serde_json::Value>,
    pub(super) web_socket: WebSocketSettings,
}

impl Emulator {
    /// A function that is this program. It is started when the first event comes.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        let program = Program {
            path: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            concurrency: 1,
            initialization: "on-demand",
        };
        let settings = Settings {
            program,
            timeout: Duration::from_secs(60),
            grace: Duration::ZERO,
            integration_timeout: None,
            most_processes: 50,
            retry_after: Duration::from_secs(60),
            authorizer: None,
            tells_itself: false,
            web_socket: WebSocketSettings::default(),
        };
        Self::with(settings)
    }

    fn with(settings: Settings) -> Self {
        let doors = CancellationToken::new();
        let function = Function {
            settings,
            api: OnceCell::new(),
            sandboxes: Mutex::default(),
            lines: Lines::default(),
            faults: Lines::default(),
            connections: Connections::default(),
        };
        Self { function: Arc::new(function), _close: doors.clone().drop_guard(), doors }
    }

    fn set(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.function.settings.clone();
        change(&mut settings);
        Self::with(settings)
    }

    /// Adds an argument to those of the program, which has none on AWS.
    #[must_use]
    pub fn arg(self, argument: &str) -> Self {
        self.set(|settings| settings.program.arguments.push(argument.to_owned()))
    }

    /// Sets a variable of the program's environment.
    #[must_use]
    pub fn env(self, name: &str, value: &str) -> Self {
        self.set(|settings| settings.program.environment.push((name.to_owned(), value.to_owned())))
    }

    pub(super) fn has_env(&self, name: &str) -> bool {
        self.function.settings.program.environment.iter().any(|(known, _)| known == name)
    }

    /// Sets the function's timeout; 60 s by default. At its end the process is killed.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.timeout = timeout)
    }

    /// Sets how much longer a process lives than it is told; not at all by default, as on AWS. For tests
    /// of what a function does in the last moments of an invocation, which a busy machine may have it do
    /// too late.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        self.set(|settings| settings.grace = grace)
    }

    /// Sets how long API Gateway waits for a whole reply; 29 s for REST and WebSocket APIs and 30 s for
    /// HTTP APIs by default.
    #[must_use]
    pub fn integration_timeout(self, timeout: Duration) -> Self {
        self.set(|settings| settings.integration_timeout = Some(timeout))
    }

    /// Sets how many events a process gets at once, as on Lambda Managed Instances; 1 by default.
    #[must_use]
    pub fn concurrency(self, events: usize) -> Self {
        self.set(|settings| settings.program.concurrency = events)
    }

    /// Sets how many processes there may be; 50 by default. Events beyond are throttled.
    #[must_use]
    pub fn most_processes(self, processes: usize) -> Self {
        self.set(|settings| settings.most_processes = processes)
    }

    /// Sets after how long an asynchronous event is tried again that has failed; a minute by default,
    /// and twice as long the second time, which is the last.
    #[must_use]
    pub fn retry_after(self, pause: Duration) -> Self {
        self.set(|settings| settings.retry_after = pause)
    }

    /// Makes the function the destination of its own asynchronous events that have failed for the last
    /// time (`OnFailure`).
    #[must_use]
    pub fn on_failure_itself(self) -> Self {
        self.set(|settings| settings.tells_itself = true)
    }

    /// Has processes go through a snapshot before their first event (SnapStart).
    #[must_use]
    pub fn snap_start(self) -> Self {
        self.set(|settings| settings.program.initialization = "snap-start")
    }

    /// Puts what an authorizer has found out into the events of Function URLs and API Gateway:
    /// `requestContext.authorizer`.
    #[must_use]
    pub fn authorizer(self, authorizer: serde_json::Value) -> Self {
        self.set(|settings| settings.authorizer = Some(authorizer))
    }

    /// Sets after how long without a message in either direction a WebSocket API closes a connection;
    /// 10 minutes by default.
    #[must_use]
    pub fn connection_idle(self, timeout: Duration) -> Self {
        self.set(|settings| settings.web_socket.idle = timeout)
    }

    /// Sets how long a WebSocket API leaves a connection open; 2 hours by default.
    #[must_use]
    pub fn connection_lifetime(self, duration: Duration) -> Self {
        self.set(|settings| settings.web_socket.lifetime = duration)
    }

    /// Sets the routes that a WebSocket API has besides `$connect` and `$disconnect`, and the path in a
    /// message, such as `params.name`, whose value selects one. By default there is `$default` alone,
    /// which is only there then if it is among them.
    #[must_use]
    pub fn routes<'a>(self, selection: &str, routes: impl IntoIterator<Item = &'a str>) -> Self {
        self.set(|settings| {
            let routes: Vec<&str> = routes.into_iter().collect();
            let all = &mut settings.web_socket.routes;
            all.selection = selection.to_owned();
            all.default = routes.contains(&"$default");
            let custom = routes.into_iter().filter(|route| *route != "$default");
            all.custom = custom.map(str::to_owned).collect();
        })
    }

    /// Has a WebSocket API not tell the function of connections that have ended: `$disconnect` is
    /// "best effort".
    #[must_use]
    pub fn lose_disconnects(self) -> Self {
        self.set(|settings| settings.web_socket.loses_disconnects = true)
    }

    /// Has the routes of a WebSocket API send what the function returns to the client ("two-way
    /// communication"), which they do not by default.
    #[must_use]
    pub fn route_responses(self) -> Self {
        self.set(|settings| settings.web_socket.routes.respond = true)
    }

    /// Opens a door on a free port, and returns the URL at which the server answers.
    ///
    /// # Errors
    ///
    /// When loopback has no free port.
    pub async fn open(&self, door: Door) -> io::Result<String> {
        self.open_at(door, 0).await
    }

    /// Opens a door on this port of loopback, as [`Self::open`].
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub async fn open_at(&self, door: Door, port: u16) -> io::Result<String> {
        self.api().await?;
        self.listen(door, port).await
    }

    /// Has the next event answered by a new process: the program may have changed. Those that are
    /// answering finish it, and then are ended as by [`shut_down`](Self::shut_down).
    ///
    /// # Panics
    ///
    /// Outside of a runtime of tokio.
    pub fn restart(&self) {
        for sandbox in self.function.lock().drain(..) {
            tokio::spawn(async move { sandbox.retire().await });
        }
    }

    /// The function can invoke itself, as any function can that is allowed to.
    async fn api(&self) -> io::Result<&String> {
        self.function
            .api
            .get_or_try_init(|| async {
                let url = self.listen(Door::Invoke, 0).await?;
                Ok(url.trim_end_matches(Door::Invoke.path()).to_owned())
            })
            .await
    }

    async fn listen(&self, door: Door, port: u16) -> io::Result<String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (function, close) = (Arc::clone(&self.function), self.doors.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = doors::serve(door, function, listener) => {}
                () = close.cancelled() => {}
            }
        });
        Ok(format!("{}://{address}{}", door.scheme(), door.path()))
    }

    /// Invokes the function directly with an event. `client_context` is JSON.
    pub async fn invoke(&self, event: impl Into<Bytes>, client_context: Option<&str>) -> Outcome {
        if let Err(error) = self.api().await {
            return Outcome::Failed(Failure::new("Emulator", error.to_string()));
        }
        let client_context = client_context.map(str::to_owned);
        let options = InvokeOptions { client_context, ..InvokeOptions::default() };
        self.function.invoke(event.into(), options).await
    }

    /// What the processes have written so far, on standard output and standard error, by lines.
    pub fn output(&self) -> Vec<String> {
        self.function.lines.all()
    }

    /// What has been wrong with the function so far: replies that a door has refused, asynchronous events
    /// that have failed, ends that took longer than Lambda lets them.
    pub fn faults(&self) -> Vec<String> {
        self.function.faults.all()
    }

    /// Ends all processes as Lambda does those that it no longer needs: with SIGTERM where they have an
    /// extension, and without a word where they have none. Returns when they have ended and
    /// [`output`](Self::output) has all that they have written.
    ///
    /// After SIGTERM they have a minute. Lambda gives them half a second, which on a busy machine would
    /// fail a test now and then, whatever the function does; so one that takes longer is a
    /// [fault](Self::faults).
    pub async fn shut_down(&self) {
        let sandboxes: Vec<_> = self.function.lock().drain(..).collect();
        for sandbox in sandboxes {
            sandbox.shut_down().await;
        }
    }

    /// How many of the processes have nothing to answer.
    pub fn idle(&self) -> usize {
        self.function
            .lock()
            .iter()
            .filter(|sandbox| !sandbox.has_ended() && sandbox.is_idle())
            .count()
    }

    /// How many connections its WebSocket API holds.
    pub fn connections(&self) -> usize {
        self.function.connections.len()
    }

    /// The URL at which functions find AWS's own APIs: Lambda's, and below `/prod/@connections` that of
    /// the WebSocket API's connections.
    ///
    /// # Errors
    ///
    /// When loopback has no free port.
    pub async fn api_url(&self) -> io::Result<String> {
        self.api().await.cloned()
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.function.lock().iter().filter(|sandbox| !sandbox.has_ended()).count()
    }
}

impl Function {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Sandbox>>> {
        self.sandboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes down why a reply is refused.
    pub(super) fn fault(&self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Has a process answer an event.
    pub(super) async fn invoke(&self, event: Bytes, options: InvokeOptions) -> Outcome {
        if event.len() > PAYLOAD {
            return Outcome::Failed(Failure::new(
                "RequestTooLargeException",
                format!(
                    "{} byte payload is too large for the RequestResponse invocation type (limit {PAYLOAD} bytes)",
                    event.len()
                ),
            ));
        }
        let (sandbox, busy) = match self.place().await {
            Ok(place) => place,
            Err(failure) => return Outcome::Failed(failure),
        };
        let (reply, outcome) = oneshot::channel();
        let (request_id, timeout) = (request_id(), self.settings.timeout);
        sandbox.send(Invocation {
            request_id: request_id.clone(),
            event,
            client_context: options.client_context,
            tenant_id: options.tenant_id,
            trace_id: options.trace_id,
            deadline: SystemTime::now() + timeout,
            reply,
            busy,
        });
        let ended = tokio::time::Instant::now() + timeout + self.settings.grace;
        let outcome = tokio::time::timeout_at(ended, outcome).await;
        match outcome {
            Ok(Ok(Outcome::Streaming { content_type, chunks })) => {
                let chunks = self.until(ended, sandbox, chunks);
                Outcome::Streaming { content_type, chunks }
            }
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Failed(sandbox.failure().cloned().unwrap_or_else(|| {
                let why = "Error: Runtime exited without providing a reason";
                Failure::new("Runtime.ExitError", format!("RequestId: {request_id} {why}"))
            })),
            Err(_) => {
                sandbox.kill();
                Outcome::Failed(timed_out(&request_id, timeout))
            }
        }
    }

    /// A place in a process, a new one if need be.
    async fn place(&self) -> Result<(Arc<Sandbox>, super::sandbox::Busy), Failure> {
        let free = {
            let mut sandboxes = self.lock();
            sandboxes.retain(|sandbox| !sandbox.has_ended());
            let free =
                sandboxes.iter().find_map(|sandbox| Some((Arc::clone(sandbox), sandbox.occupy()?)));
            if free.is_none() && sandboxes.len() >= self.settings.most_processes {
                return Err(Failure::new("TooManyRequestsException", "Rate Exceeded."));
            }
            free
        };
        if let Some(free) = free {
            return Ok(free);
        }
        let started =
            Sandbox::start(&self.settings.program, self.api.get(), &self.lines, &self.faults).await;
        let sandbox = Arc::new(started.map_err(|error| {
            Failure::new("Runtime.InvalidEntrypoint", format!("cannot start: {error}"))
        })?);
        let busy = sandbox.occupy().ok_or_else(|| Failure::new("Emulator", "no place"))?;
        self.lock().push(Arc::clone(&sandbox));
        Ok((sandbox, busy))
    }

    /// Ends a stream with the function's timeout.
    fn until(
        &self,
        ended: tokio::time::Instant,
        sandbox: Arc<Sandbox>,
        mut chunks: tokio::sync::mpsc::Receiver<Result<Bytes, Failure>>,
    ) -> tokio::sync::mpsc::Receiver<Result<Bytes, Failure>> {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let timeout = self.settings.timeout;
        tokio::spawn(async move {
            loop {
                match tokio::time::timeout_at(ended, chunks.recv()).await {
                    Ok(Some(chunk)) => {
                        // Without a reader it goes on all the same.
                        let _ = sender.send(chunk).await;
                    }
                    Ok(None) => return,
                    Err(_) => {
                        sandbox.kill();
                        let _ = sender.send(Err(timed_out("", timeout))).await;
                        return;
                    }
                }
            }
        });
        receiver
    }
}

fn timed_out(request_id: &str, timeout: Duration) -> Failure {
    Failure::new(
        "Sandbox.Timedout",
        format!(
            "RequestId: {request_id} Error: Task timed out after {:.2} seconds",
            timeout.as_secs_f64()
        ),
    )
}
