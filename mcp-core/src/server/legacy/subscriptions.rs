use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use rmcp::{
    RoleServer,
    model::ResourceUpdatedNotificationParam,
    service::{Peer, ServiceError},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Server;
use crate::{
    RpcError, SessionStream,
    subscription::{Change, Listener},
};

/// What one session hears of: lists that change, and the resources that it subscribes to. It ends
/// with the session.
#[derive(Debug)]
pub(super) struct SessionSubscriptions {
    listener: Arc<Listener>,
    /// Where the client hears only at times.
    stream: OnceLock<SessionStream>,
    has_begun: AtomicBool,
    end: CancellationToken,
    _end: DropGuard,
}

impl SessionSubscriptions {
    pub(super) fn new(server: &Server) -> Self {
        let listener = server.inner.hub.listener();
        for change in server.changing_lists() {
            if listener.add(change).is_err() {
                tracing::warn!("a session will not hear of changes: there are too many");
            }
        }
        let end = CancellationToken::new();
        let guard = end.clone().drop_guard();
        Self {
            listener: Arc::new(listener),
            stream: OnceLock::new(),
            has_begun: AtomicBool::new(false),
            end,
            _end: guard,
        }
    }

    /// Waits with telling the client until it has a stream open.
    pub(super) fn wait_for(&self, stream: &SessionStream) {
        let _ = self.stream.set(stream.clone());
    }

    /// Begins to tell the client.
    pub(super) fn begin(&self, client: Peer<RoleServer>) {
        if self.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let (listener, end) = (Arc::clone(&self.listener), self.end.clone());
        let stream = self.stream.get().cloned();
        // Neither does the engine poll anything of ours between two requests, nor can the one who
        // makes a change wait for all who hear of it.
        tokio::spawn(async move {
            end.run_until_cancelled(tell(&listener, &client, stream.as_ref())).await
        });
    }

    /// # Errors
    ///
    /// When the session subscribes to too many resources.
    pub(super) fn add(&self, uri: &str) -> Result<(), RpcError> {
        self.listener.add(Change::Resource(uri.into()))
    }

    pub(super) fn remove(&self, uri: &str) {
        self.listener.remove(&Change::Resource(uri.into()));
    }
}

/// Tells a client of one change after the other, as fast as it reads.
async fn tell(listener: &Listener, client: &Peer<RoleServer>, stream: Option<&SessionStream>) {
    loop {
        // What has changed stays noted down until it can be told.
        poll_fn(|cx| listener.poll_ready(cx)).await;
        if let Some(stream) = stream {
            stream.opened().await;
        }
        let told = match poll_fn(|cx| listener.poll_next(cx)).await {
            Change::Tools => client.notify_tool_list_changed().await,
            Change::Prompts => client.notify_prompt_list_changed().await,
            Change::Resources => client.notify_resource_list_changed().await,
            Change::Resource(uri) => {
                let params = ResourceUpdatedNotificationParam::new(&*uri);
                client.notify_resource_updated(params).await
            }
        };
        if matches!(told, Err(ServiceError::TransportClosed)) {
            return;
        }
    }
}
