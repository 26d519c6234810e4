//! A server that is a function of AWS Lambda: one invocation for each request.

use std::{
    collections::HashMap,
    error::Error,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::BehaviorVersion;
use aws_sdk_lambda::{
    Client,
    config::{
        Builder as Override,
        interceptors::InterceptorContext,
        retry::{ClassifyRetry, RetryAction},
        timeout::TimeoutConfig,
    },
    error::{DisplayErrorContext, SdkError},
    operation::invoke::InvokeOutput,
    primitives::Blob,
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::DispatchFailure;
use rmcp::{
    RoleClient,
    model::{ClientNotification, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::sync::{OnceCell, mpsc};
use tokio_util::sync::CancellationToken;

use crate::inbox::{Calls, Inbox, Rest};

/// The status of a request that Lambda has not begun to serve because there are too many.
const THROTTLED: u16 = 429;
/// The longest that a function runs ("Lambda quotas": 15 minutes), and a little for the way.
const LONGEST_RUN: Duration = Duration::from_secs(15 * 60 + 10);

/// A function, and the client that invokes it: one pool of connections, made when it is first
/// needed.
pub(crate) struct Function {
    pub(crate) name: Arc<str>,
    client: OnceCell<Client>,
}

impl Function {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, client: OnceCell::new() }
    }

    pub(crate) fn set_client(&mut self, client: Client) {
        self.client = OnceCell::new_with(Some(client));
    }

    /// The client that was set, or else one that does what the environment says: region,
    /// credentials, `AWS_ENDPOINT_URL`.
    async fn client(&self) -> Client {
        let made = self.client.get_or_init(|| async {
            let http = aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https();
            let config =
                aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
            Client::new(&config)
        });
        made.await.clone()
    }

    pub(crate) async fn connect(&self, calls: Arc<Calls>, limit: Duration) -> Invoke {
        let (to_client, from_server) = mpsc::unbounded_channel();
        Invoke {
            client: self.client().await,
            function: Arc::clone(&self.name),
            limit,
            calls,
            running: Arc::default(),
            to_client,
            from_server,
        }
    }
}

/// Why an invocation has brought no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    /// It has not begun, for there are too many others.
    #[error("AWS Lambda throttles the invocations: {0}")]
    Throttled(String),
    /// Lambda has refused the request.
    #[error("AWS Lambda does not invoke the function: {0}")]
    Refused(String),
    /// Nobody knows what has become of it.
    #[error("the connection to AWS Lambda broke: {0}")]
    Broke(String),
    /// Lambda could not be reached.
    #[error("AWS Lambda cannot be reached: {0}")]
    Unreachable(String),
    /// The function has ended without an answer: it has crashed, or run into its timeout.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The function is there, but is no MCP server.
    #[error(
        "the function answered what is no JSON-RPC response; it must take MCP messages as its \
         events"
    )]
    NoResponse,
    /// Nobody waits for the answer any more.
    #[error("the call was abandoned")]
    Abandoned,
}

/// Requests as invocations.
///
/// Lambda carries nothing but answers: there is no progress, and a notification would be an
/// invocation that does nothing, so none is sent.
pub(crate) struct Invoke {
    client: Client,
    function: Arc<str>,
    limit: Duration,
    calls: Arc<Calls>,
    /// What ends the wait for an answer.
    running: Arc<Mutex<HashMap<RequestId, CancellationToken>>>,
    /// Holds what has arrived and is not read yet; the calls in flight limit it.
    to_client: mpsc::UnboundedSender<RxJsonRpcMessage<RoleClient>>,
    from_server: mpsc::UnboundedReceiver<RxJsonRpcMessage<RoleClient>>,
}

/// A call is not made twice: who has sent one and has no answer cannot know whether it has been
/// done. What was throttled has not begun.
#[derive(Debug)]
struct OnlyThrottled;

impl ClassifyRetry for OnlyThrottled {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        match context.response() {
            Some(response) if response.status().as_u16() == THROTTLED => {
                RetryAction::throttling_error()
            }
            _ => RetryAction::RetryForbidden,
        }
    }

    fn name(&self) -> &'static str {
        "only what was throttled"
    }
}

/// Has the function answer one event.
async fn invoke(
    client: &Client,
    function: &str,
    limit: Duration,
    event: Vec<u8>,
) -> Result<Blob, InvokeError> {
    let timeouts = TimeoutConfig::builder().connect_timeout(limit).read_timeout(LONGEST_RUN);
    let invoked = client
        .invoke()
        .function_name(function)
        .payload(Blob::new(event))
        .customize()
        .config_override(
            Override::new().retry_classifier(OnlyThrottled).timeout_config(timeouts.build()),
        )
        .send()
        .await;
    let InvokeOutput { payload, function_error, .. } = invoked.map_err(|error| {
        let text = DisplayErrorContext(&error).to_string();
        match (error.raw_response().map(|response| response.status().as_u16()), &error) {
            (Some(THROTTLED), _) => InvokeError::Throttled(text),
            (Some(_), _) | (None, SdkError::ConstructionFailure(_)) => InvokeError::Refused(text),
            (None, SdkError::DispatchFailure(failure)) if !was_sent(failure) => {
                InvokeError::Unreachable(text)
            }
            _ => InvokeError::Broke(text),
        }
    })?;
    let payload = payload.unwrap_or_else(|| Blob::new(Vec::new()));
    match function_error {
        None => Ok(payload),
        Some(_) => Err(InvokeError::Failed(String::from_utf8_lossy(payload.as_ref()).into_owned())),
    }
}

/// Whether Lambda may have seen the request that could not be dispatched.
fn was_sent(failure: &DispatchFailure) -> bool {
    let mut source = failure.as_connector_error().and_then(Error::source);
    while let Some(cause) = source {
        let refused = cause.downcast_ref().map(io::Error::kind);
        if refused == Some(io::ErrorKind::ConnectionRefused) {
            return false;
        }
        source = cause.source();
    }
    // Anything else of the kind "other" comes before the request: no credentials, no endpoint.
    failure.is_io() || failure.is_timeout() || failure.as_other().is_some()
}

/// An entry in the list of what is running, until it is dropped.
struct Running {
    all: Arc<Mutex<HashMap<RequestId, CancellationToken>>>,
    id: RequestId,
    abandoned: CancellationToken,
}

impl Running {
    fn new(all: &Arc<Mutex<HashMap<RequestId, CancellationToken>>>, id: RequestId) -> Self {
        let abandoned = CancellationToken::new();
        all.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), abandoned.clone());
        Self { all: Arc::clone(all), id, abandoned }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

impl Invoke {
    /// Ends the wait for what nobody wants to know any more. The function itself goes on: Lambda
    /// has no way to stop it.
    fn abandon(&self, notification: &ClientNotification) {
        if let ClientNotification::CancelledNotification(cancelled) = notification
            && let Some(id) = &cancelled.params.request_id
            && let Some(running) =
                self.running.lock().unwrap_or_else(PoisonError::into_inner).get(id)
        {
            running.cancel();
        }
    }
}

impl Transport<RoleClient> for Invoke {
    type Error = InvokeError;

    fn send(
        &mut self,
        mut message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), InvokeError>> + Send + 'static {
        let running = match &message {
            JsonRpcMessage::Request(request) => {
                Some(Running::new(&self.running, request.id.clone()))
            }
            JsonRpcMessage::Notification(notification) => {
                self.abandon(&notification.notification);
                None
            }
            _ => None,
        };
        // The inbox is in the message, which is gone once it is written; the call holds it, too.
        let inbox = Inbox::address(&mut message);
        let event = serde_json::to_vec(&message);
        let (client, function, limit) =
            (self.client.clone(), Arc::clone(&self.function), self.limit);
        let (calls, to_client) = (Arc::clone(&self.calls), self.to_client.clone());
        async move {
            let Some(running) = running else { return Ok(()) };
            let event = event.map_err(|_| InvokeError::NoResponse)?;
            let answer = tokio::select! {
                biased;
                () = running.abandoned.cancelled() => return Err(InvokeError::Abandoned),
                answer = invoke(&client, &function, limit, event) => answer?,
            };
            let text = std::str::from_utf8(answer.as_ref()).map_err(|_| InvokeError::NoResponse)?;
            let (rest, _) = calls.sort(text, inbox.as_ref());
            let text = match &rest {
                Rest::Whole(text) => text,
                Rest::Acknowledgement(text) => text.as_str(),
                Rest::Nothing => "",
            };
            match serde_json::from_str(text) {
                Ok(
                    message @ (RxJsonRpcMessage::<RoleClient>::Response(_)
                    | RxJsonRpcMessage::<RoleClient>::Error(_)),
                ) => {
                    // An error means that the connection is closed, and the call over.
                    let _ = to_client.send(message);
                    Ok(())
                }
                _ => Err(InvokeError::NoResponse),
            }
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        self.from_server.recv().await
    }

    async fn close(&mut self) -> Result<(), InvokeError> {
        self.from_server.close();
        Ok(())
    }
}
