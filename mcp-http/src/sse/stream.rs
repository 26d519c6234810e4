use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::Extensions;
use mcp_connection::{ConnectionOptions, serve_connection};
use mcp_core::Server;
use tokio::{
    sync::mpsc,
    time::{Instant, Sleep},
};

use super::{
    sessions::Place,
    wire::{Messages, Outbox},
};
use crate::HttpConfig;

/// A session's stream of events. It serves the session as it is polled, so a slow reader slows its
/// own calls down; dropping it ends the session and cancels them.
pub(crate) struct SessionStream {
    /// `None` once the session is over.
    serving: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    outbox: Outbox,
    interval: Duration,
    keep_alive: Pin<Box<Sleep>>,
    _place: Place,
}

impl SessionStream {
    pub(super) fn open(
        server: Server,
        config: &HttpConfig,
        endpoint: &str,
        messages: mpsc::Receiver<Bytes>,
        place: Place,
        extensions: Extensions,
    ) -> Self {
        let outbox = Outbox::default();
        outbox.push(&format!("event: endpoint\ndata: {endpoint}\n\n"));
        let mut wire = Messages::new(messages, outbox.clone(), config.session_idle);
        let options = ConnectionOptions::new().max_message(config.max_body);
        let shutdown = config.shutdown.clone();
        let serving = async move {
            let served = serve_connection(server, &mut wire, options, extensions, shutdown).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a session broke");
            }
        };
        Self {
            serving: Some(Box::pin(serving)),
            outbox,
            interval: config.keep_alive,
            keep_alive: Box::pin(tokio::time::sleep(config.keep_alive)),
            _place: place,
        }
    }

    pub(crate) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(serving) = &mut self.serving
            && serving.as_mut().poll(cx).is_ready()
        {
            self.serving = None;
        }
        if let Some(bytes) = self.outbox.take() {
            return Poll::Ready(Some(bytes));
        }
        if self.serving.is_none() {
            return Poll::Ready(None);
        }
        std::task::ready!(self.keep_alive.as_mut().poll(cx));
        self.keep_alive.as_mut().reset(Instant::now() + self.interval);
        Poll::Ready(Some(Bytes::from_static(b":\n\n")))
    }
}
