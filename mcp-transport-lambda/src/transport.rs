use std::{env::VarError, sync::Arc};

use lambda_runtime::{
    BoxFuture, LambdaEvent, Runtime, SnapStartResource, layers::TracingLayer, service_fn,
};
use mcp_core::{Server, Transport};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use crate::{Function, LambdaConfig, after::AfterLayer, extension};

/// What Lambda sets, and `lambda_runtime` panics without.
const VARIABLES: [&str; 4] = [
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
];

/// Answers the invocations of an AWS Lambda function.
///
/// Where the platform sends a process several invocations at once (Lambda Managed Instances, which
/// set `AWS_LAMBDA_MAX_CONCURRENCY`), they are answered at once.
#[derive(Debug, Default)]
pub struct LambdaTransport {
    config: LambdaConfig,
    hears_shutdown: bool,
    after: AfterLayer,
}

/// Why invocations can be answered no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LambdaError {
    /// A variable of Lambda's environment is missing or is no text.
    #[error("{0}: AWS Lambda sets this variable, and so must whatever stands in for it ({1})")]
    Environment(&'static str, VarError),
    /// A variable of Lambda's environment holds something else than a number.
    #[error("AWS_LAMBDA_FUNCTION_MEMORY_SIZE is {0:?}, expected a number of megabytes")]
    MemorySize(String),
    /// The Runtime API does not answer as it should.
    #[error("the Lambda Runtime API failed: {0}")]
    RuntimeApi(lambda_runtime::Error),
}

impl LambdaTransport {
    /// With the default configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how events are answered.
    #[must_use]
    pub fn config(mut self, config: LambdaConfig) -> Self {
        self.config = config;
        self
    }

    /// Has Lambda send SIGTERM before it ends the process, which then has 500 ms for what is left
    /// to do, such as sending what has been measured. Listening for the signal is the program's own
    /// affair: it cancels the token that [`serve`](Transport::serve) is given.
    ///
    /// It costs a request in the init phase (an internal extension is registered), so it is off by
    /// default, and Lambda then ends the process without a word.
    #[must_use]
    pub fn hear_shutdown(mut self, hear: bool) -> Self {
        self.hears_shutdown = hear;
        self
    }

    /// Sets what is done after each invocation, such as sending what has been measured. The answer
    /// is not held up by it; the next invocation is, and the time is paid for.
    #[must_use]
    pub fn after_each<F>(mut self, hook: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.after = AfterLayer::new(hook);
        self
    }
}

/// Has the packs hear of a restored snapshot. `lambda_runtime` asks only where SnapStart is on.
struct Restored(Server);

impl SnapStartResource for Restored {
    fn after_restore(&self) -> BoxFuture<'_, Result<(), lambda_runtime::Error>> {
        Box::pin(async { Ok(self.0.restored().await?) })
    }
}

impl Transport for LambdaTransport {
    type Error = LambdaError;

    /// Serves until the process is told to end. Lambda does that only between invocations, so there
    /// is nothing to finish.
    async fn serve(self, server: Server, shutdown: CancellationToken) -> Result<(), LambdaError> {
        check_environment()?;
        if self.hears_shutdown
            && let Err(error) = extension::register().await
        {
            // Serving goes on; only its end will not be heard of.
            tracing::warn!(error = &*error, "Lambda will end this process without a signal");
        }
        let restored = Arc::new(Restored(server.clone()));
        let function = Function::new(server, self.config);
        let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
            let function = function.clone();
            async move { function.answer(event).await }
        });
        let runtime = Runtime::new(handler)
            .layer(TracingLayer::new())
            .layer(self.after)
            .register_snapstart_resource(restored);
        tokio::select! {
            ended = runtime.run_concurrent() => ended.map_err(LambdaError::RuntimeApi),
            () = shutdown.cancelled() => Ok(()),
        }
    }
}

fn check_environment() -> Result<(), LambdaError> {
    for name in VARIABLES {
        let value = std::env::var(name).map_err(|error| LambdaError::Environment(name, error))?;
        if name == "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" && value.parse::<i32>().is_err() {
            return Err(LambdaError::MemorySize(value));
        }
    }
    Ok(())
}
