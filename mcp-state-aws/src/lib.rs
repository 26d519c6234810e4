//! What outlives a request of a Model Context Protocol server, kept by AWS.
//!
//! Depend on this crate where several processes serve the same clients: functions of AWS Lambda,
//! containers on ECS or EKS.
//!
//! - [`DynamoDbTaskStore`] keeps tasks, so that any process can be asked after them.
//! - [`LambdaTaskRunner`] has a function do their work in an invocation of its own, so that it goes on
//!   after the answer. [`SqsTaskRunner`] puts the work into a queue instead, for a function with an
//!   event source mapping, or for containers with an [`SqsTaskWorker`].
//! - [`DynamoDbSessionStore`] keeps the sessions of clients of the revisions before 2026-07-28.
//! - [`DynamoDbConnectionStore`] and [`ApiGatewayConnections`] are for functions behind a WebSocket API
//!   of API Gateway, whose clients' messages each may reach another process.
//!
//! Clients are made when they are first needed, once, from what the environment says: nothing is
//! connected at start. TLS is rustls with ring.
//!
//! # The table
//!
//! One table holds everything. Its keys are strings, `pk` (partition) and `sk` (sort); time to live is
//! on the number `expires`, seconds since the Unix epoch.
//!
//! | `pk` | `sk` | other attributes |
//! |---|---|---|
//! | `task#ID` | `record` | `version` (number), `record` (JSON), `parts` (number), `prefix` |
//! | `task#ID` | `part#PREFIX#NUMBER` | `data`: a piece of a record that is too large for one item |
//! | `session#ID` | `session` | `initialize` (JSON), `owner`, `until` (milliseconds since the Unix epoch) |
//! | `events#STREAM` | `event#SLOT`, of which there are 128 | `index`, `last`, `message` (JSON), `until`, `parts`, `prefix` |
//! | `events#STREAM` | `part#PREFIX#NUMBER` | `data`: a piece of a message that is too large for one item |
//! | `connection#ID` | `record` | `opening`; `subject` and `scopes` (string set) of who has connected; `initialize` (JSON), `log_level`, `subscriptions` (string set) of a legacy session |
//! | `connection#ID` | `left#cancel#REQUEST`, `left#answer#QUESTION` | `message` (JSON): what a client has sent to one process and another waits for; expires after a minute |
//!
//! What a process needs to be allowed:
//!
//! | for | actions |
//! |---|---|
//! | tasks | `dynamodb:GetItem`, `dynamodb:PutItem` on the table |
//! | sessions | these, `dynamodb:UpdateItem`, `dynamodb:DeleteItem`, `dynamodb:Query` |
//! | [`LambdaTaskRunner`] | `lambda:InvokeFunction` on its own function |
//! | [`SqsTaskRunner`] | `sqs:SendMessage` on the queue |
//! | [`SqsTaskWorker`], and the role of a function that the queue invokes | `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility` (the function: `sqs:GetQueueAttributes` too) |
//! | connections | those of sessions but `dynamodb:Query`, `dynamodb:BatchGetItem`, and `execute-api:ManageConnections` on the stage's `POST/@connections/*` |
//!
//! ```no_run
//! use mcp_core::{Server, tasks::TaskOptions, tool};
//! use mcp_state_aws::{DynamoDbTaskStore, LambdaTaskRunner};
//!
//! /// Rebuilds the index, which takes minutes.
//! #[tool(task)]
//! async fn rebuild_index() -> u32 {
//!     42
//! }
//!
//! let tasks = TaskOptions::new()
//!     .store(DynamoDbTaskStore::new("mcp"))
//!     .runner(LambdaTaskRunner::new());
//! let server = Server::builder("index", "1.0").tool::<rebuild_index>().tasks(tasks).build();
//! ```

mod clients;
mod connections;
mod item;
mod queue;
mod runner;
mod session_store;
mod task_store;

pub use crate::{
    connections::{ApiGatewayConnections, DynamoDbConnectionStore},
    queue::{SqsTaskRunner, SqsTaskWorker},
    runner::LambdaTaskRunner,
    session_store::DynamoDbSessionStore,
    task_store::DynamoDbTaskStore,
};
