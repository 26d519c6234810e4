use std::{
    borrow::Cow,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rmcp::model::Implementation;
use tokio::{
    sync::mpsc::{Sender, error::TrySendError},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    Deadline, LogLevel, Notification, Principal, Request, RequestMeta, Tenant, TraceContext,
    asking::{Asking, Stop},
    task::TaskLink,
};

/// What a tool knows about the call that it is answering, and how it speaks before the result.
///
/// It costs nothing until used: without a client that asked for progress or logs, [`progress`]
/// and [`log`] return at once.
///
/// [`progress`]: Self::progress
/// [`log`]: Self::log
#[derive(Debug)]
pub struct ToolContext {
    request: Request,
    deadline: Instant,
    /// The bits of the last `f64` reported; the protocol wants progress to grow.
    last_progress: AtomicU64,
    cancelled: OnceLock<DropGuard>,
    /// Made when the tool first asks.
    asking: OnceLock<Box<Asking>>,
}

impl ToolContext {
    pub(crate) fn new(request: Request, timeout: Duration) -> Self {
        let now = Instant::now();
        let timeout = Deadline::cap(&request, timeout);
        Self {
            request,
            // A timeout beyond all clocks is none.
            deadline: now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400 * 365)),
            last_progress: AtomicU64::new(f64::NEG_INFINITY.to_bits()),
            cancelled: OnceLock::new(),
            asking: OnceLock::new(),
        }
    }

    /// A context without a client, for calling a tool directly in a unit test.
    pub fn detached() -> Self {
        let request = Request::detached();
        Self::new(request, Duration::from_secs(60))
    }

    pub(crate) fn request(&self) -> &Request {
        &self.request
    }

    pub(crate) fn asking(&self) -> &Asking {
        self.asking.get_or_init(|| Box::new(Asking::new(&self.request)))
    }

    /// Whether the call, which has to wait, stops to ask its client.
    pub(crate) fn stop(&self) -> Option<Stop> {
        self.asking.get()?.stop(&self.request)
    }

    /// Tells the client how far the work is, as a part of 1, and what is being done.
    ///
    /// A task tells only the message, as its status (`statusMessage`).
    ///
    /// Waits while the client is slow to read. A value that is not above the last one is not
    /// sent, as the protocol wants progress to grow.
    pub async fn progress(&self, fraction: f64, message: impl Into<Cow<'static, str>>) {
        self.report(fraction, Some(1.0), message).await;
    }

    /// Tells the client that `done` of `total` steps are done.
    pub async fn progress_of(&self, done: u64, total: u64, message: impl Into<Cow<'static, str>>) {
        self.report(done as f64, Some(total as f64), message).await;
    }

    /// Tells the client how far the work is in units of its own: `progress` of `total`, if that is
    /// known.
    ///
    /// As [`Self::progress`], which says it as a part of 1.
    pub async fn report(
        &self,
        progress: f64,
        total: Option<f64>,
        message: impl Into<Cow<'static, str>>,
    ) {
        if let Some(task) = self.task() {
            let message = message.into();
            if !message.is_empty() {
                task.say(message);
            }
            return;
        }
        let (Some(token), Some(notifications)) =
            (self.request.meta().progress_token(), self.request.notifications())
        else {
            return;
        };
        let grows = progress.is_finite()
            && self
                .last_progress
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
                    (progress > f64::from_bits(last)).then_some(progress.to_bits())
                })
                .is_ok();
        if !grows {
            return;
        }
        let message = message.into();
        let message = (!message.is_empty()).then_some(message);
        let token = token.clone();
        tell(notifications, Notification::Progress { token, progress, total, message }).await;
    }

    /// Sends a log message to the client, if it asked for messages of this severity.
    ///
    /// For people who watch a client, not for operators: those have `tracing`. Never log a
    /// credential.
    pub async fn log(&self, level: LogLevel, data: impl Into<serde_json::Value>) {
        let (Some(wanted), Some(notifications)) =
            (self.request.meta().log_level(), self.request.notifications())
        else {
            return;
        };
        if level < wanted {
            return;
        }
        let logger = self.request.name().unwrap_or_default().to_owned().into();
        tell(notifications, Notification::Log { level, logger, data: data.into() }).await;
    }

    /// Ends the stream on which the client waits, where the client can come back for the answer: a
    /// long call then holds no connection open. The call goes on; elsewhere this does nothing.
    ///
    /// The client comes back when it was told to when the stream began.
    pub fn close_stream(&self) {
        if let Some(client) = self.request.client() {
            client.close_stream();
        }
    }

    /// Has the client be answered with a task, and the tool go on as that task's work.
    ///
    /// Returns whether the call is a task now: it is not where the client does not know tasks, or
    /// where the tool was not declared with `#[tool(task = "on_demand")]`; it then goes on as the
    /// ordinary call that it was. What has to be said or asked before the client turns to other
    /// things comes before this.
    ///
    /// The future of the tool stays the same one. What ended with the call so far, such as the
    /// deadline and the layers around the tool, no longer concerns it.
    pub async fn continue_as_task(&self) -> bool {
        match self.request.task() {
            Some(link) => {
                link.become_task().await;
                true
            }
            None => false,
        }
    }

    /// The task that the call is, if it is one.
    pub(crate) fn task(&self) -> Option<&TaskLink> {
        self.request.task().filter(|task| task.is_task())
    }

    /// Who is calling; `None` where the transport does not authenticate.
    pub fn principal(&self) -> Option<&Principal> {
        self.request.extensions().get()
    }

    /// For whom the call is made, where the platform serves several tenants and keeps them apart.
    pub fn tenant(&self) -> Option<&str> {
        self.request.extensions().get::<Tenant>().map(|tenant| &*tenant.0)
    }

    /// When the call will be cancelled.
    pub fn deadline(&self) -> Instant {
        self.task().and_then(TaskLink::deadline).unwrap_or(self.deadline)
    }

    /// A token that is cancelled when the call ends, for whatever reason.
    ///
    /// A tool needs it only for work that it hands to other tasks or threads: its own future is
    /// dropped.
    pub fn cancellation_token(&self) -> CancellationToken {
        let guard = self.cancelled.get_or_init(|| CancellationToken::new().drop_guard());
        guard.token().clone()
    }

    /// The client's self-reported name and version: what the request says, or else what its legacy
    /// session began with. Unverified: for display and logs only. `None` where neither says it.
    pub fn client_info(&self) -> Option<Implementation> {
        let of_session = || self.request.client().map(|client| client.session().client_info());
        self.meta().client_info().or_else(of_session)
    }

    /// What the request says about itself: client, capabilities, trace context.
    pub fn meta(&self) -> RequestMeta<'_> {
        self.request.meta()
    }

    /// Where the call stands in a distributed trace, if its client has told of one. What the call
    /// sends to others should carry it on.
    pub fn trace_context(&self) -> Option<&TraceContext> {
        self.extensions().get()
    }

    /// Facts that the transport or a layer attached to the request.
    pub fn extensions(&self) -> &http::Extensions {
        self.request.extensions()
    }
}

/// Waits only while the client is behind. Where nobody listens any more, the call is about to be
/// dropped.
async fn tell(notifications: &Sender<Notification>, notification: Notification) {
    if let Err(TrySendError::Full(notification)) = notifications.try_send(notification) {
        let _ = notifications.send(notification).await;
    }
}
