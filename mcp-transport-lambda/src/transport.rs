use std::{
    env::{self, VarError},
    pin::Pin,
};

use mcp_core::{BoxError, Server, Transport};
use tokio_util::sync::CancellationToken;

use crate::{
    Function, LambdaConfig,
    after::After,
    extension,
    runtime::{Invocations, RuntimeApi, restore, tell_init_error},
};

/// Where the Runtime API is.
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// `snap-start` where a snapshot of the process is taken before its first invocation.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";
/// How many invocations a process gets at once, on Lambda Managed Instances.
const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";

/// Answers the invocations of an AWS Lambda function.
///
/// Where the platform sends a process several invocations at once (Lambda Managed Instances, which
/// set `AWS_LAMBDA_MAX_CONCURRENCY`), they are answered at once.
#[derive(Debug, Default)]
pub struct LambdaTransport {
    config: LambdaConfig,
    hears_shutdown: bool,
    after: After,
}

/// Why invocations can be answered no longer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LambdaError {
    /// A variable of Lambda's environment is missing or is no text.
    #[error("{0}: AWS Lambda sets this variable, and so must whatever stands in for it ({1})")]
    Environment(&'static str, VarError),
    /// A variable of Lambda's environment holds something else than it has to.
    #[error("{0} is {1:?}, expected {2}")]
    Variable(&'static str, String, &'static str),
    /// The Runtime API does not answer as it should.
    #[error("the Lambda Runtime API failed: {0}")]
    RuntimeApi(BoxError),
    /// A pack cannot go on after the process was restored from a snapshot.
    #[error("the function cannot go on after its snapshot: {0}")]
    Restore(BoxError),
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
        self.after = After::new(hook);
        self
    }
}

impl Transport for LambdaTransport {
    type Error = LambdaError;

    /// Serves until the process is told to end. Lambda does that only between invocations, so there
    /// is nothing to finish.
    fn serve(
        self,
        server: Server,
        shutdown: CancellationToken,
    ) -> impl Future<Output = Result<(), LambdaError>> + Send {
        // The code of all invocations is compiled with this crate, once, and not with each program that serves.
        let serving: Pin<Box<dyn Future<Output = Result<(), LambdaError>> + Send>> =
            Box::pin(self.poll_api(server, shutdown));
        serving
    }
}

impl LambdaTransport {
    async fn poll_api(
        self,
        server: Server,
        shutdown: CancellationToken,
    ) -> Result<(), LambdaError> {
        let api = runtime_api()?;
        let at_once = max_concurrency()?;
        if self.hears_shutdown
            && let Err(error) = extension::register(&api).await
        {
            // Serving goes on; only its end will not be heard of.
            tracing::warn!(error = &*error, "Lambda will end this process without a signal");
        }
        let function = Function::new(server.clone(), self.config);
        let serving = async {
            if env::var(INITIALIZATION_TYPE).as_deref() == Ok("snap-start") {
                restore(&api, &server).await?;
            }
            let api = api.clone();
            Err(Invocations { api, function, after: self.after }.answer(at_once).await)
        };
        tokio::select! {
            ended = serving => ended,
            () = shutdown.cancelled() => Ok(()),
        }
    }
}

/// Tells Lambda why the program ends before it [serves](Transport::serve), such as a pack that cannot
/// connect: whoever invokes the function is told so, instead of only that its process has ended. Call it
/// once, and end the program. Outside of Lambda it does nothing.
pub async fn report_init_error(error: &(dyn std::error::Error + Send + Sync)) {
    if let Ok(api) = runtime_api() {
        tell_init_error(&api, error).await;
    }
}

fn runtime_api() -> Result<std::sync::Arc<RuntimeApi>, LambdaError> {
    let text =
        env::var(RUNTIME_API).map_err(|error| LambdaError::Environment(RUNTIME_API, error))?;
    RuntimeApi::parse(&text).ok_or(LambdaError::Variable(
        RUNTIME_API,
        text,
        "a host and a port, such as 127.0.0.1:9001",
    ))
}

fn max_concurrency() -> Result<usize, LambdaError> {
    match env::var(MAX_CONCURRENCY) {
        Err(VarError::NotPresent) => Ok(1),
        Err(error) => Err(LambdaError::Environment(MAX_CONCURRENCY, error)),
        Ok(text) => text
            .parse()
            .map_err(|_| LambdaError::Variable(MAX_CONCURRENCY, text, "a number of invocations")),
    }
}
