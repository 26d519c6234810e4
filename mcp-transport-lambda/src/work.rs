//! The work of tasks, which comes in asynchronous invocations or from a queue of SQS.

use std::{borrow::Cow, time::Duration};

use futures_util::future::join_all;
use lambda_runtime::Diagnostic;
use mcp_core::{Server, tasks::TaskHandover};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;

/// For how long a task that is given up is tried to be told so, where its invocation has ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// "Capturing records of Lambda asynchronous invocations": an event that has failed as often as Lambda
/// tries it, or has become too old.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Abandoned {
    request_payload: TaskHandover,
}

/// "Using Lambda with Amazon SQS": a batch of messages.
#[derive(Deserialize)]
pub(crate) struct Queue<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<QueueMessage<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueueMessage<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    #[serde(borrow)]
    event_source: Cow<'a, str>,
}

/// Which messages of a batch are to be delivered again.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    batch_item_failures: Vec<Failure<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure<'a> {
    item_identifier: &'a str,
}

/// Does what an asynchronous invocation brings. One that fails is made again by Lambda.
pub(crate) async fn one(server: &Server, text: &str, ends_at: Instant) -> Result<(), Diagnostic> {
    if let Ok(Abandoned { request_payload }) = serde_json::from_str(text) {
        let ends_at = ends_at.max(Instant::now() + LAST_WORDS);
        return match tokio::time::timeout_at(ends_at, server.give_up(&request_payload)).await {
            Ok(told) => told.map_err(|error| failed("TaskStore", error.to_string())),
            Err(_) => Err(failed("TaskStore", "the store of tasks did not answer in time")),
        };
    }
    let handover = serde_json::from_str(text)
        .map_err(|_| failed("MalformedTask", "this is no task's work"))?;
    let work =
        server.take_over(handover).map_err(|error| failed("UnknownTask", error.to_string()))?;
    match tokio::time::timeout_at(ends_at, work).await {
        Ok(worked) => worked.map_err(|error| failed("TaskStore", error.to_string())),
        Err(_) => Err(failed(
            "TaskTimedOut",
            "the work took longer than the function may; raise the function's timeout",
        )),
    }
}

impl<'a> Queue<'a> {
    /// The batch, if it is one of SQS.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let queue: Self = serde_json::from_str(text).ok()?;
        let is_sqs = |message: &QueueMessage<'_>| message.event_source == "aws:sqs";
        (!queue.records.is_empty() && queue.records.iter().all(is_sqs)).then_some(queue)
    }

    /// Does the work of all messages at once, and tells which of them are to be delivered again:
    /// `{"batchItemFailures":[…]}`, as an event source mapping with `ReportBatchItemFailures` reads it.
    ///
    /// # Errors
    ///
    /// When all have failed, so that a mapping without that setting does not take them for done.
    pub(crate) async fn work(
        &self,
        server: &Server,
        ends_at: Instant,
    ) -> Result<Box<RawValue>, Diagnostic> {
        let works = self.records.iter().map(|message| one(server, &message.body, ends_at));
        let mut last = None;
        let mut failures = Vec::new();
        for (message, outcome) in self.records.iter().zip(join_all(works).await) {
            if let Err(error) = outcome {
                let (kind, reason) = (&error.error_type, &error.error_message);
                tracing::error!(message.id = %message.message_id, kind, reason, "a task's work failed");
                failures.push(Failure { item_identifier: &message.message_id });
                last = Some(error);
            }
        }
        match last {
            Some(error) if failures.len() == self.records.len() => Err(error),
            _ => serde_json::value::to_raw_value(&Batch { batch_item_failures: failures })
                .map_err(|error| failed("Internal", error.to_string())),
        }
    }
}

fn failed(kind: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic { error_type: kind.to_owned(), error_message: message.into() }
}
