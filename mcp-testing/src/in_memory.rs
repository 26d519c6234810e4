use std::{collections::HashMap, convert::Infallible};

use mcp_core::{Message, ReplyPart, RequestId, Server};
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
    calls: HashMap<RequestId, AbortHandle>,
    to_client: mpsc::Sender<Vec<u8>>,
    from_server: mpsc::Receiver<Vec<u8>>,
}

impl InMemory {
    pub(crate) fn new(server: Server) -> Self {
        let (to_client, from_server) = mpsc::channel(MESSAGES_IN_FLIGHT);
        Self { server, calls: HashMap::new(), to_client, from_server }
    }

    fn accept(&mut self, text: Vec<u8>) {
        let to_client = self.to_client.clone();
        self.calls.retain(|_, call| !call.is_finished());
        match Message::parse(text) {
            Ok(Message::Request(request)) => {
                let id = request.id().clone();
                let mut reply = self.server.call(request);
                let call = tokio::spawn(async move {
                    while let Some(part) = reply.next().await {
                        let text = match part {
                            ReplyPart::Notification(notification) => notification.to_bytes(),
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
        let text = self.from_server.recv().await?;
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
