use async_trait::async_trait;
use aws_sdk_lambda::{Client, primitives::Blob, types::InvocationType};
use mcp_core::{
    BoxError,
    tasks::{TaskRunner, TaskWork},
};
use tokio::sync::OnceCell;

use crate::clients;

/// The most that an asynchronous event has, in bytes ("Lambda quotas": 1 MB).
const MOST_BYTES: usize = 1024 * 1024;

/// Has a function of AWS Lambda do the work of tasks, in an asynchronous invocation of its own.
///
/// The work then has the function's whole timeout, whatever the client's connection has, and goes on
/// after the task's handle is returned. Lambda tries it twice again where a process dies of it; after
/// that the task counts as failed.
#[derive(Debug, Default)]
pub struct LambdaTaskRunner {
    /// `None` for the one that this process is of.
    function: Option<String>,
    client: OnceCell<Client>,
}

impl LambdaTaskRunner {
    /// The function that this process is of invokes itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another function does the work, which has the same server and the same store. A name, or an
    /// ARN. For servers that are no functions, or functions whose API needs them short.
    #[must_use]
    pub fn function(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }

    /// Invokes with a client of one's own.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = OnceCell::new_with(Some(client));
        self
    }
}

#[async_trait]
impl TaskRunner for LambdaTaskRunner {
    async fn run(&self, work: TaskWork) -> Result<(), BoxError> {
        let event = serde_json::to_vec(&work.handover())?;
        drop(work);
        if event.len() > MOST_BYTES {
            let size = event.len();
            return Err(format!(
                "the call has {size} bytes, over the {MOST_BYTES} of an asynchronous invocation"
            )
            .into());
        }
        let variable = |name: &'static str| std::env::var(name).ok();
        let (function, version) = match &self.function {
            Some(function) => (function.clone(), None),
            None => {
                let name = variable("AWS_LAMBDA_FUNCTION_NAME");
                let name =
                    name.ok_or("AWS_LAMBDA_FUNCTION_NAME is not set: this is no function")?;
                // The version that made the task knows its tool.
                (name, variable("AWS_LAMBDA_FUNCTION_VERSION"))
            }
        };
        let client =
            self.client.get_or_init(|| async { Client::new(clients::config().await) }).await;
        client
            .invoke()
            .function_name(function)
            .set_qualifier(version)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(event))
            .send()
            .await?;
        Ok(())
    }
}
