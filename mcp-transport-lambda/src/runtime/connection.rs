use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use mcp_core::BoxError;
use tokio::net::TcpStream;

use super::{
    api::{Refused, RuntimeApi},
    body::Outgoing,
};

/// One connection to the Runtime API. A process asks for an event, answers it, and asks for the next,
/// so that one request is under way at a time.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) api: Arc<RuntimeApi>,
    sender: Option<http1::SendRequest<Outgoing>>,
}

impl Connection {
    pub(super) fn new(api: Arc<RuntimeApi>) -> Self {
        Self { api, sender: None }
    }

    /// Sends a request, and waits for the whole response.
    ///
    /// # Errors
    ///
    /// When there is no response, or one without success, which is a [`Refused`].
    pub(crate) async fn call(
        &mut self,
        request: Request<Outgoing>,
    ) -> Result<(HeaderMap, Bytes), BoxError> {
        let received = async {
            let (parts, body) = self.send(request).await?.into_parts();
            Ok::<_, BoxError>((parts, body.collect().await?.to_bytes()))
        };
        let (parts, body) = match received.await {
            Ok(received) => received,
            Err(error) => {
                self.sender = None;
                return Err(error);
            }
        };
        if !parts.status.is_success() {
            let text = String::from_utf8_lossy(&body).into_owned();
            return Err(Refused { status: parts.status, text }.into());
        }
        Ok((parts.headers, body))
    }

    async fn send(
        &mut self,
        mut request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, BoxError> {
        if let Some(sender) = &mut self.sender
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(response),
                // It was closed in the meantime, and nothing of the request was written.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let sender = self.sender.insert(self.api.open().await?);
        Ok(sender.send_request(request).await?)
    }
}

impl RuntimeApi {
    async fn open(&self) -> Result<http1::SendRequest<Outgoing>, BoxError> {
        let stream = TcpStream::connect(&*self.address).await?;
        // What is small and written later must not wait for an acknowledgement of what came before.
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with its sender, and its errors are those of the requests.
        tokio::spawn(connection);
        Ok(sender)
    }
}
