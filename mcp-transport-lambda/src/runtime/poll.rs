use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use http::Method;
use lambda_runtime::Diagnostic;
use mcp_core::{BoxError, Server};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::{api::RuntimeApi, body::Outgoing, connection::Connection, invocation::Invocation};
use crate::{Function, LambdaError, after::After};

/// The invocations of a process, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Invocations {
    pub(crate) api: Arc<RuntimeApi>,
    pub(crate) function: Function,
    pub(crate) after: After,
}

impl Invocations {
    /// Answers so many at once, until that is not possible any more.
    pub(crate) async fn answer(self, at_once: usize) -> LambdaError {
        if at_once <= 1 {
            return LambdaError::RuntimeApi(self.one_by_one().await);
        }
        let mut workers = JoinSet::new();
        for _ in 0..at_once {
            workers.spawn(self.clone().one_by_one());
        }
        let mut last: Option<BoxError> = None;
        // What is left goes on without those that cannot.
        while let Some(ended) = workers.join_next().await {
            let error = ended.unwrap_or_else(Into::into);
            tracing::error!(
                error = &*error,
                left = workers.len(),
                "invocations are answered no more"
            );
            last = Some(error);
        }
        LambdaError::RuntimeApi(last.unwrap_or_else(|| "nobody answers invocations".into()))
    }

    async fn one_by_one(self) -> BoxError {
        let mut connection = self.api.connection();
        loop {
            if let Err(error) = self.one(&mut connection).await {
                return error;
            }
        }
    }

    /// An error is one of the Runtime API's, with which there are no more events.
    async fn one(&self, connection: &mut Connection) -> Result<(), BoxError> {
        let next = self.api.request(Method::GET, "/2018-06-01/runtime/invocation/next");
        let (headers, event) = connection.call(next.body(Outgoing::empty())?).await?;
        let invocation = Invocation::new(headers, event)?;
        let span = invocation.span();
        let answering = async {
            let answer = self.answer_to(&invocation).await;
            let request = invocation.answer(&self.api, answer, span.clone())?;
            // An answer that Lambda does not take has failed its invocation, and no other.
            if let Err(error) = connection.call(request).await {
                tracing::error!(
                    error = &*error,
                    "Lambda has not taken the answer of an invocation"
                );
            }
            Ok::<_, BoxError>(())
        };
        answering.instrument(span.clone()).await?;
        self.after.run().await;
        Ok(())
    }

    async fn answer_to(
        &self,
        invocation: &Invocation,
    ) -> Result<crate::function::Answer, Diagnostic> {
        let event = invocation.event()?;
        match AssertUnwindSafe(self.function.answer(event)).catch_unwind().await {
            Ok(answer) => answer,
            // What it says is in the log, where the panic hook has written it.
            Err(_) => Err(Diagnostic {
                error_type: "Runtime.Panic".to_owned(),
                error_message: "the function panicked".to_owned(),
            }),
        }
    }
}

/// Has a snapshot of the process taken, and goes on once it is restored: "Runtime hooks for Lambda
/// SnapStart".
pub(crate) async fn restore(api: &Arc<RuntimeApi>, server: &Server) -> Result<(), LambdaError> {
    let next = api.request(Method::GET, "/2018-06-01/runtime/restore/next");
    // A connection of its own, which does not outlive the snapshot.
    let waited = async { api.connection().call(next.body(Outgoing::empty())?).await };
    if let Err(error) = waited.await {
        tell_init_error(api, &*error).await;
        return Err(LambdaError::RuntimeApi(error));
    }
    if let Err(error) = server.restored().await {
        tell(api, "/2018-06-01/runtime/restore/error", "Runtime.RestoreError", &error).await;
        return Err(LambdaError::Restore(error.into()));
    }
    Ok(())
}

/// Tells Lambda why the function cannot start.
pub(crate) async fn tell_init_error(
    api: &Arc<RuntimeApi>,
    error: &(dyn std::error::Error + Send + Sync),
) {
    tell(api, "/2018-06-01/runtime/init/error", "Runtime.InitError", error).await;
}

/// Tells Lambda why the process ends.
async fn tell(
    api: &Arc<RuntimeApi>,
    path: &str,
    kind: &str,
    error: &(dyn std::error::Error + Send + Sync),
) {
    let told = async { api.connection().call(api.failure(path, kind, &error.to_string())?).await };
    if let Err(error) = told.await {
        tracing::error!(error = &*error, "Lambda could not be told why the function ends");
    }
}
