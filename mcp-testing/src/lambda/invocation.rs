use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// The most that a synchronous invocation carries in either direction, in bytes ("Lambda quotas").
pub(super) const PAYLOAD: usize = 6_291_556;

/// What came of an invocation.
#[derive(Debug)]
pub enum Outcome {
    /// The function has answered.
    Answered(Bytes),
    /// The function is answering: what it writes, as it writes it.
    Streaming {
        /// The `Content-Type` that it sends the Runtime API.
        content_type: String,
        /// The chunks, or the failure in whose midst the stream ends.
        chunks: mpsc::Receiver<Result<Bytes, Failure>>,
    },
    /// The function has failed, or has not answered in time.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `errorType` as the Invoke API returns it, such as `Sandbox.Timedout`.
    pub error_type: String,
    /// `errorMessage`.
    pub message: String,
}

impl Failure {
    pub(super) fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), message: message.into() }
    }
}

/// An event on its way to a process.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    /// JSON.
    pub(super) client_context: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) trace_id: Option<String>,
    pub(super) deadline: SystemTime,
    pub(super) reply: oneshot::Sender<Outcome>,
    /// Dropped when the process is free for the next one.
    pub(super) busy: super::sandbox::Busy,
}

/// What an invocation is made with, besides its event.
#[derive(Clone, Debug, Default)]
pub(super) struct InvokeOptions {
    pub(super) client_context: Option<String>,
    pub(super) tenant_id: Option<String>,
    pub(super) trace_id: Option<String>,
}

/// An identifier of AWS's form, which no other invocation has.
pub(super) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-0000-4000-8000-{number:012x}", std::process::id())
}

pub(super) fn epoch_millis(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis()
}
