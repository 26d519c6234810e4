//! A legacy session: `rmcp`'s engine, fed with the messages of the stream.

use std::{
    collections::HashMap,
    future::Future,
    task::{Context, Poll},
};

use http::Extensions;
use mcp_core::{ErrorKind, Method, Request, RequestId, RpcError, Server};
use rmcp::{
    RoleServer,
    model::{
        CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage,
        ClientNotification, ClientRequest, ErrorData, GetExtensions as _, JsonRpcMessage,
        NumberOrString, ServerJsonRpcMessage, ServerNotification, ServerResult,
    },
    service::{ServerInitializeError, serve_server_with_ct},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard, PollSender};

/// How many messages may be on their way to the engine, or from it.
const MESSAGES: usize = 64;

/// A legacy session.
///
/// The engine gets requests under numbers of our own, so that it can neither confuse two requests
/// with one identifier, one of them cancelled, nor fail to write an identifier that its types
/// cannot hold.
pub(crate) struct Session {
    to_engine: PollSender<ClientJsonRpcMessage>,
    from_engine: mpsc::Receiver<ServerJsonRpcMessage>,
    pending: HashMap<i64, RequestId>,
    next_number: i64,
    /// What the engine has asked the client, without an answer yet.
    asked: Vec<NumberOrString>,
    /// Which of that the client will not answer any more, which the engine has yet to be told.
    unanswerable: Vec<NumberOrString>,
    /// Whether the client can still answer.
    hung_up: bool,
    /// Ends the engine, and all that runs in it, with the session.
    _end: DropGuard,
}

/// What the engine has to say.
pub(crate) enum FromEngine {
    Response(RequestId, Result<ServerResult, ErrorData>),
    Other(ServerJsonRpcMessage),
    /// It has ended, with these requests unanswered.
    End(Vec<RequestId>),
}

/// The engine's end of the channels.
struct EngineTransport {
    from_client: mpsc::Receiver<ClientJsonRpcMessage>,
    to_client: mpsc::Sender<ServerJsonRpcMessage>,
}

impl rmcp::transport::Transport<RoleServer> for EngineTransport {
    type Error = mpsc::error::SendError<ServerJsonRpcMessage>;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let to_client = self.to_client.clone();
        async move { to_client.send(message).await }
    }

    fn receive(&mut self) -> impl Future<Output = Option<ClientJsonRpcMessage>> + Send {
        self.from_client.recv()
    }

    fn close(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send {
        self.from_client.close();
        std::future::ready(Ok(()))
    }
}

impl Session {
    /// Starts an engine with an `initialize` request, which is number 0.
    pub(crate) fn open(server: &Server, id: RequestId, initialize: ClientRequest) -> Self {
        let (to_engine, from_client) = mpsc::channel(MESSAGES);
        let (to_client, from_engine) = mpsc::channel(MESSAGES);
        // The channel is empty, and its other end is here.
        let _ = to_engine.try_send(JsonRpcMessage::request(initialize, NumberOrString::Number(0)));
        let end = CancellationToken::new();
        let engine = serve_server_with_ct(
            server.legacy_session(),
            EngineTransport { from_client, to_client },
            end.clone(),
        );
        tokio::spawn(async move {
            match engine.await {
                Ok(running) => drop(running.waiting().await),
                Err(ServerInitializeError::Cancelled) => {}
                Err(error) => tracing::warn!(%error, "a legacy session could not be opened"),
            }
        });
        Self {
            to_engine: PollSender::new(to_engine),
            from_engine,
            pending: HashMap::from([(0, id)]),
            next_number: 1,
            asked: Vec::new(),
            unanswerable: Vec::new(),
            hung_up: false,
            _end: end.drop_guard(),
        }
    }

    /// Whether one more message can be handed to the engine.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // An engine that has ended takes everything; its end is told by `poll_next`.
        self.to_engine.poll_reserve(cx).map(drop)
    }

    /// Reads a request as the engine has it.
    pub(crate) fn read(request: &Request) -> Result<ClientRequest, RpcError> {
        let read = if *request.method() == Method::Initialize {
            // As one of many kinds of request it would be taken for one of an unknown kind.
            serde_json::from_slice(request.text()).map(ClientRequest::InitializeRequest)
        } else {
            serde_json::from_slice(request.text())
        };
        read.map_err(|error| {
            RpcError::new(
                ErrorKind::MalformedParams,
                format!("the parameters of {} are malformed: {error}", request.method().as_str()),
            )
        })
    }

    /// Hands a request to the engine, which must be ready. Returns the number to cancel it by.
    pub(crate) fn request(
        &mut self,
        id: RequestId,
        mut request: ClientRequest,
        extensions: &Extensions,
    ) -> i64 {
        request.extensions_mut().insert(id.clone());
        if !extensions.is_empty() {
            request.extensions_mut().insert(extensions.clone());
        }
        let number = self.next_number;
        self.next_number += 1;
        self.pending.insert(number, id);
        self.send(JsonRpcMessage::request(request, NumberOrString::Number(number)));
        number
    }

    /// Hands a notification or a response to the engine, which must be ready.
    pub(crate) fn forward(&mut self, text: &[u8]) {
        match serde_json::from_slice(text) {
            Ok(message @ JsonRpcMessage::Request(_)) => drop::<ClientJsonRpcMessage>(message),
            Ok(message) => {
                match &message {
                    JsonRpcMessage::Response(response) => {
                        self.asked.retain(|id| *id != response.id);
                    }
                    JsonRpcMessage::Error(error) => {
                        self.asked.retain(|id| Some(id) != error.id.as_ref());
                    }
                    _ => {}
                }
                self.send(message);
            }
            // There is nobody to answer.
            Err(error) => tracing::debug!(%error, "a message of the client cannot be read"),
        }
    }

    /// Notes that the client can answer nothing any more: what it has been asked fails, and so
    /// does what it would be asked from now on. Returns whether that is news.
    pub(crate) fn hang_up(&mut self) -> bool {
        self.unanswerable.append(&mut self.asked);
        !std::mem::replace(&mut self.hung_up, true)
    }

    /// Tells the engine what the client will not answer, as far as it is ready to hear it.
    fn poll_refuse(&mut self, cx: &mut Context<'_>) {
        while let Some(id) = self.unanswerable.pop() {
            if self.poll_ready(cx).is_pending() {
                self.unanswerable.push(id);
                return;
            }
            let error = ErrorData::internal_error("the client has closed its output", None);
            self.send(JsonRpcMessage::error(error, Some(id)));
        }
    }

    /// Has the engine, which must be ready, give up a request. It is not answered.
    pub(crate) fn cancel(&mut self, number: i64) {
        self.pending.remove(&number);
        let params = CancelledNotificationParam::new(Some(NumberOrString::Number(number)), None);
        self.send(JsonRpcMessage::notification(ClientNotification::CancelledNotification(
            CancelledNotification::new(params),
        )));
    }

    fn send(&mut self, message: ClientJsonRpcMessage) {
        // An engine that has ended answers nothing: `poll_next` tells what is left.
        let _ = self.to_engine.send_item(message);
    }

    /// What the engine says next.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<FromEngine> {
        loop {
            self.poll_refuse(cx);
            let Some(message) = std::task::ready!(self.from_engine.poll_recv(cx)) else {
                return Poll::Ready(FromEngine::End(
                    self.pending.drain().map(|(_, id)| id).collect(),
                ));
            };
            let (number, response) = match message {
                JsonRpcMessage::Response(response) => (response.id, Ok(response.result)),
                JsonRpcMessage::Error(error) if error.id.is_some() => match error.id {
                    Some(id) => (id, Err(error.error)),
                    None => continue,
                },
                JsonRpcMessage::Request(request) if self.hung_up => {
                    self.unanswerable.push(request.id);
                    continue;
                }
                other => {
                    match &other {
                        JsonRpcMessage::Request(request) => self.asked.push(request.id.clone()),
                        JsonRpcMessage::Notification(message) => {
                            if let ServerNotification::CancelledNotification(cancelled) =
                                &message.notification
                                && let Some(given_up) = &cancelled.params.request_id
                            {
                                self.asked.retain(|id| id != given_up);
                            }
                        }
                        _ => {}
                    }
                    return Poll::Ready(FromEngine::Other(other));
                }
            };
            // What is no longer pending was cancelled, and must not be answered any more.
            if let NumberOrString::Number(number) = number
                && let Some(id) = self.pending.remove(&number)
            {
                return Poll::Ready(FromEngine::Response(id, response));
            }
        }
    }
}
