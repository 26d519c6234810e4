use std::{
    collections::BTreeMap,
    io::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::RpcError;

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStatus {
    /// The work goes on.
    Working,
    /// The work waits for answers of the client.
    InputRequired,
    /// The tool has answered, be it with a failure of its own.
    Completed,
    /// The work ended in a JSON-RPC error.
    Failed,
    /// The client no longer wants it.
    Cancelled,
}

impl TaskStatus {
    /// The status as it stands in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it is for ever.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A question of a task, and its answer once there is one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaskInput {
    /// The request to the client, as JSON text: `{"method":…,"params":…}`.
    pub request: String,
    /// The client's result, as JSON text.
    pub response: Option<String>,
}

/// All that is known of a task, as a [`TaskStore`](super::TaskStore) keeps it.
///
/// Times are milliseconds since the Unix epoch. What is JSON on the wire is kept as JSON text, so
/// that any serialization can hold a record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskRecord {
    /// The identifier: 22 letters, digits, `-` and `_` that nobody can guess.
    pub id: String,
    /// The [`Principal`](crate::Principal)'s subject. Nobody else is told that the task exists.
    pub owner: Option<String>,
    /// The tool that works.
    pub tool: String,
    /// Where the task stands.
    pub status: TaskStatus,
    /// What is being done, for people and models.
    pub message: Option<String>,
    /// When the task was made.
    pub created_ms: u64,
    /// When the record was last changed.
    pub updated_ms: u64,
    /// When the work has ended at the latest.
    pub due_ms: u64,
    /// How long after it was made the task may be forgotten, in milliseconds.
    pub ttl_ms: u64,
    /// How often clients should ask, in milliseconds.
    pub poll_interval_ms: u64,
    /// What the work has asked of the client, by key.
    pub inputs: BTreeMap<String, TaskInput>,
    /// The tool's result or the JSON-RPC error, as JSON text.
    pub outcome: Option<String>,
    /// How often the work has been taken over by another process.
    #[serde(default)]
    pub attempts: u32,
    /// Counts the changes, from 1.
    pub version: u64,
}

impl TaskRecord {
    /// A task that has just begun.
    pub(crate) fn new(
        owner: Option<String>,
        tool: String,
        limit: Duration,
        ttl: Duration,
        poll_interval: Duration,
    ) -> Result<Self, getrandom::Error> {
        // The identifier is all that protects a task of a caller who is not known: 128 bits.
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let now = now_ms();
        Ok(Self {
            id: BASE64_URL_SAFE_NO_PAD.encode(id),
            owner,
            tool,
            status: TaskStatus::Working,
            message: None,
            created_ms: now,
            updated_ms: now,
            due_ms: now.saturating_add(milliseconds(limit)),
            ttl_ms: milliseconds(limit).saturating_add(milliseconds(ttl)).min(MOST_MILLISECONDS),
            poll_interval_ms: milliseconds(poll_interval).max(1),
            inputs: BTreeMap::new(),
            outcome: None,
            attempts: 0,
            version: 1,
        })
    }

    /// When the task may be forgotten, in milliseconds since the Unix epoch.
    pub fn expires_ms(&self) -> u64 {
        self.created_ms.saturating_add(self.ttl_ms)
    }

    /// The size of what the work has said and asked, in bytes.
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let inputs = self.inputs.iter();
        text(&self.outcome)
            + text(&self.message)
            + inputs
                .map(|(key, input)| key.len() + input.request.len() + text(&input.response))
                .sum::<usize>()
    }

    /// Whether a time in milliseconds since the Unix epoch has passed, and a while more.
    pub(crate) fn is_over(&self, time_ms: u64, more: Duration) -> bool {
        now_ms() >= time_ms.saturating_add(milliseconds(more))
    }

    /// Ends the task with a tool's result, unless it has ended before. Whether it did.
    pub(crate) fn complete(&mut self, result: &str) -> bool {
        let ends = !self.status.is_terminal();
        if ends {
            self.status = TaskStatus::Completed;
            self.message = None;
            self.outcome = Some(result.to_owned());
        }
        ends
    }

    /// Ends the task with an error, unless it has ended before. Whether it did.
    pub(crate) fn fail(&mut self, error: &RpcError) -> bool {
        let ends = !self.status.is_terminal();
        if ends {
            let mut text = Vec::with_capacity(96);
            error.write(&mut text);
            self.status = TaskStatus::Failed;
            self.message = Some(error.message().to_owned());
            self.outcome = String::from_utf8(text).ok();
        }
        ends
    }

    /// Questions without an answer.
    fn open_inputs(&self) -> impl Iterator<Item = (&String, &TaskInput)> {
        self.inputs.iter().filter(|(_, input)| input.response.is_none())
    }

    /// Sets the status by whether there are open questions.
    pub(crate) fn settle_inputs(&mut self) {
        if !self.status.is_terminal() {
            let open = self.open_inputs().next().is_some();
            self.status = if open { TaskStatus::InputRequired } else { TaskStatus::Working };
        }
    }

    /// Writes the members of the protocol's `Task`, without braces.
    pub(crate) fn write_task(&self, out: &mut Vec<u8>) {
        // Writing to memory and serializing strings does not fail.
        let _ = write!(
            out,
            r#""taskId":"{}","status":"{}","createdAt":"{}","lastUpdatedAt":"{}","ttlMs":{},"pollIntervalMs":{}"#,
            self.id,
            self.status.as_str(),
            timestamp(self.created_ms),
            timestamp(self.updated_ms),
            self.ttl_ms,
            self.poll_interval_ms,
        );
        if let Some(message) = &self.message {
            out.extend_from_slice(br#","statusMessage":"#);
            let _ = serde_json::to_writer(out, message);
        }
    }

    /// Writes the members of the protocol's `DetailedTask`, without braces.
    pub(crate) fn write_detailed(&self, out: &mut Vec<u8>) {
        self.write_task(out);
        let outcome = self.outcome.as_deref().unwrap_or("{}");
        match self.status {
            TaskStatus::Working | TaskStatus::Cancelled => {}
            TaskStatus::InputRequired => {
                out.extend_from_slice(br#","inputRequests":{"#);
                for (index, (key, input)) in self.open_inputs().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    let _ = serde_json::to_writer(&mut *out, key);
                    out.push(b':');
                    out.extend_from_slice(input.request.as_bytes());
                }
                out.push(b'}');
            }
            TaskStatus::Completed => {
                out.extend_from_slice(br#","result":"#);
                out.extend_from_slice(outcome.as_bytes());
            }
            TaskStatus::Failed => {
                out.extend_from_slice(br#","error":"#);
                out.extend_from_slice(outcome.as_bytes());
            }
        }
    }
}

/// The largest integer that every JSON parser keeps exactly.
const MOST_MILLISECONDS: u64 = (1 << 53) - 1;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(MOST_MILLISECONDS)
}

pub(crate) fn now_ms() -> u64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn timestamp(milliseconds: u64) -> String {
    i64::try_from(milliseconds)
        .ok()
        .and_then(DateTime::<Utc>::from_timestamp_millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}
