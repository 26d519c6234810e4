use std::{fmt, time::Duration};

use async_trait::async_trait;
use mcp_aws::{Client, Request, service};
use mcp_core::{
    BoxError, Server,
    tasks::{TaskHandover, TaskRunner, TaskWork},
};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::OnceCell,
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use crate::clients;

/// The most that a message has, in bytes ("Amazon SQS message quotas": 1 MiB).
const MOST_BYTES: usize = 1024 * 1024;
/// For how long a queue without messages is asked, in seconds; the most that SQS allows.
const LONG_POLL: u64 = 20;
/// For how long a message is nobody else's while it is worked on, in seconds. A process that dies
/// holds it up by no more.
const HELD: u64 = 60;
/// How long to wait after the queue has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Has the work of tasks done by whoever reads a queue of SQS: a function of AWS Lambda with an event
/// source mapping, or containers with an [`SqsTaskWorker`].
///
/// The work goes on after the task's handle is returned. A message that is not done with, because a
/// process died of it or the store of tasks failed, is delivered again; the fourth time the task
/// counts as failed and the message as done with. Give the queue a `maxReceiveCount` of five or more, and a
/// visibility timeout longer than the function's.
#[derive(Clone)]
pub struct SqsTaskRunner {
    queue: Queue,
}

/// Works on the tasks of a queue that an [`SqsTaskRunner`] fills: in containers, beside the listener.
#[derive(Clone)]
pub struct SqsTaskWorker {
    queue: Queue,
    concurrency: usize,
}

/// A queue, and who asks it.
#[derive(Clone)]
struct Queue {
    url: String,
    client: OnceCell<Client>,
}

impl Queue {
    fn new(url: String) -> Self {
        Self { url, client: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(|| async { Client::new(clients::config().await) }).await
    }

    fn request(&self, operation: &'static str) -> Request {
        Request::new(&service::SQS, operation).with("QueueUrl", self.url.as_str())
    }

    async fn receive(&self, most: usize) -> Result<Vec<Message>, mcp_aws::Error> {
        let request = self
            .request("ReceiveMessage")
            .with("MaxNumberOfMessages", most.min(10))
            .with("WaitTimeSeconds", LONG_POLL)
            .with("VisibilityTimeout", HELD)
            .timeout(Duration::from_secs(LONG_POLL + 10));
        let received: Received = self.client().await.call(request).await?;
        Ok(received.messages)
    }

    async fn hold(&self, receipt: &str, seconds: u64) -> Result<(), mcp_aws::Error> {
        let request = self.request("ChangeMessageVisibility");
        let request = request.with("ReceiptHandle", receipt).with("VisibilityTimeout", seconds);
        self.client().await.send(request).await.map(drop)
    }

    async fn delete(&self, receipt: &str) -> Result<(), mcp_aws::Error> {
        let request = self.request("DeleteMessage").with("ReceiptHandle", receipt);
        self.client().await.send(request).await.map(drop)
    }
}

#[derive(Deserialize)]
struct Received {
    #[serde(rename = "Messages", default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    message_id: String,
    receipt_handle: String,
    body: String,
}

impl fmt::Debug for SqsTaskRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsTaskRunner").field("queue", &self.queue.url).finish_non_exhaustive()
    }
}

impl SqsTaskRunner {
    /// Sends work to the queue with this URL, in the account and region that the environment says.
    pub fn new(queue_url: impl Into<String>) -> Self {
        Self { queue: Queue::new(queue_url.into()) }
    }

    /// The same with a client of one's own.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.queue.client = OnceCell::new_with(Some(client));
        self
    }
}

#[async_trait]
impl TaskRunner for SqsTaskRunner {
    async fn run(&self, work: TaskWork) -> Result<(), BoxError> {
        let body = serde_json::to_string(&work.handover())?;
        drop(work);
        if body.len() > MOST_BYTES {
            let size = body.len();
            return Err(format!("the call has {size} bytes, over the {MOST_BYTES} of SQS").into());
        }
        let request = self.queue.request("SendMessage").with("MessageBody", json!(body));
        self.queue.client().await.send(request).await?;
        Ok(())
    }
}

impl fmt::Debug for SqsTaskWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsTaskWorker")
            .field("queue", &self.queue.url)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl SqsTaskWorker {
    /// Works on what is in the queue with this URL, in the account and region that the environment
    /// says.
    pub fn new(queue_url: impl Into<String>) -> Self {
        Self { queue: Queue::new(queue_url.into()), concurrency: 4 }
    }

    /// The same with a client of one's own.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.queue.client = OnceCell::new_with(Some(client));
        self
    }

    /// Sets how many tasks are worked on at once; four by default, at least one.
    #[must_use]
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.concurrency = tasks.max(1);
        self
    }

    /// Works until told to stop, and then until what is under way has ended, however long that
    /// takes: who may not wait drops the future. What is dropped is delivered again within a minute.
    ///
    /// ```no_run
    /// # use mcp_core::Server;
    /// use mcp_state_aws::SqsTaskWorker;
    /// use tokio_util::sync::CancellationToken;
    ///
    /// # fn work(server: &Server) {
    /// let worker = SqsTaskWorker::new("https://sqs.eu-central-1.amazonaws.com/123456789012/work");
    /// let (server, stop) = (server.clone(), CancellationToken::new());
    /// tokio::spawn(async move { worker.run(&server, stop).await });
    /// # }
    /// ```
    pub async fn run(&self, server: &Server, stop: CancellationToken) {
        let mut works = JoinSet::new();
        while !stop.is_cancelled() {
            while works.try_join_next().is_some() {}
            if works.len() >= self.concurrency {
                tokio::select! {
                    _ = works.join_next() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            }
            let most = self.concurrency - works.len();
            let received = tokio::select! {
                received = self.queue.receive(most) => received,
                () = stop.cancelled() => break,
            };
            match received {
                Ok(messages) => {
                    for message in messages {
                        works.spawn(work(self.queue.clone(), server.clone(), message));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the queue of tasks cannot be read");
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
        }
        while works.join_next().await.is_some() {}
    }
}

/// Works on one message, and keeps it from others meanwhile.
async fn work(queue: Queue, server: Server, message: Message) {
    let Message { message_id, receipt_handle, body } = message;
    let taken = serde_json::from_str::<TaskHandover>(&body)
        .map_err(|_| "this is no task's work".to_owned())
        .and_then(|handover| server.take_over(handover).map_err(|error| error.to_string()));
    let outcome = match taken {
        Ok(work) => held(&queue, &receipt_handle, work).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => {
            if let Err(error) = queue.delete(&receipt_handle).await {
                // It is delivered again, and found to be done.
                tracing::warn!(%error, message.id = message_id, "a message could not be deleted");
            }
        }
        // It becomes visible again by itself; where that is of no use, the queue's redrive policy
        // puts it aside.
        Err(error) => tracing::error!(error, message.id = message_id, "a task's work failed"),
    }
}

async fn held<F: Future>(queue: &Queue, receipt: &str, work: F) -> F::Output {
    let half = Duration::from_secs(HELD / 2);
    let mut beat = tokio::time::interval_at(Instant::now() + half, half);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            _ = beat.tick() => {
                if let Err(error) = queue.hold(receipt, HELD).await {
                    tracing::warn!(%error, "a message could not be kept from others");
                }
            }
        }
    }
}
