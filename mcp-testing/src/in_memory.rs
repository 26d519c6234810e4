use std::{collections::HashMap, convert::Infallible, future::poll_fn, task::Poll};

use mcp_core::{Era, LegacySession, Message, Method, ReplyPart, Request, RequestId, Server};
use rmcp::{
    RoleClient,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::Transport,
};
use tokio::{sync::mpsc, task::AbortHandle};

/// The messages of one call that the client may lag behind.
const MESSAGES_IN_FLIGHT: usize = 16;

/// A client's transport that leads straight into a server's dispatch: no framing, no bytes moved
/// but the messages' own.
pub(crate) struct InMemory {
    server: Server,
    /// Of a legacy client.
    session: Option<LegacySession>,
    calls: HashMap<RequestId, AbortHandle>,
    to_client: mpsc::Sender<Vec<u8>>,
    from_server: mpsc::Receiver<Vec<u8>>,
}

impl InMemory {
    pub(crate) fn new(server: Server) -> Self {
        let (to_client, from_server) = mpsc::channel(MESSAGES_IN_FLIGHT);
        Self { server, session: None, calls: HashMap::new(), to_client, from_server }
    }

    fn open_session(&mut self, request: &Request) {
        if request.era() == Era::Legacy && *request.method() == Method::Initialize {
            let session = self.server.open_session(request);
            self.session = Some(session.expect("a client's `initialize` is well formed"));
        }
    }

    fn accept(&mut self, text: Vec<u8>) {
        let to_client = self.to_client.clone();
        self.calls.retain(|_, call| !call.is_finished());
        match Message::parse(text) {
            Ok(Message::Request(request)) => {
                let id = request.id().clone();
                self.open_session(&request);
                let mut reply = match &self.session {
                    Some(session) => session.call(request),
                    None => self.server.call(request),
                };
                let call = tokio::spawn(async move {
                    while let Some(part) = reply.next().await {
                        let text = match part {
                            ReplyPart::Notification(notification) => notification.to_bytes(),
                            ReplyPart::Request(request) => request.to_vec(),
                            ReplyPart::CloseStream => continue,
                            ReplyPart::Response(response) => response.into_bytes().to_vec(),
                        };
                        if to_client.send(text).await.is_err() {
                            return;
                        }
                    }
                });
                self.calls.insert(id, call.abort_handle());
            }
            Ok(Message::Notification(notification)) => {
                if let Some(call) =
                    notification.cancelled_request().and_then(|id| self.calls.remove(id))
                {
                    call.abort();
                }
            }
            Ok(Message::Response(response)) => {
                if let Some(session) = &self.session {
                    session.accept(&response);
                }
            }
            Ok(_) => {}
            Err(malformed) => {
                let refusal = self.server.refuse(malformed).into_bytes().to_vec();
                tokio::spawn(async move { to_client.send(refusal).await });
            }
        }
    }
}

impl Transport<RoleClient> for InMemory {
    type Error = Infallible;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleClient>,
    ) -> impl Future<Output = Result<(), Infallible>> + Send + 'static {
        let text = serde_json::to_vec(&message).expect("a client's message can be written as JSON");
        self.accept(text);
        std::future::ready(Ok(()))
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleClient>> {
        let text = poll_fn(|cx| {
            if let Some(session) = &self.session
                && let Poll::Ready(notification) = session.poll_notification(cx)
            {
                return Poll::Ready(Some(notification.to_vec()));
            }
            self.from_server.poll_recv(cx)
        })
        .await?;
        let message = serde_json::from_slice(&text).unwrap_or_else(|error| {
            panic!(
                "the server said what is no message ({error}): {}",
                String::from_utf8_lossy(&text)
            )
        });
        Some(message)
    }

    async fn close(&mut self) -> Result<(), Infallible> {
        for (_, call) in self.calls.drain() {
            call.abort();
        }
        Ok(())
    }
}
