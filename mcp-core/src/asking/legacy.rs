use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{ClientCapabilities, ClientResult, ServerRequest},
    service::{Peer, PeerRequestOptions, ServiceError},
};
use tokio::time::Instant;

/// The client of a legacy session, as one of its calls sees it.
#[derive(Debug)]
pub(crate) struct LegacyPeer {
    peer: Peer<RoleServer>,
    answer_within: Duration,
    /// How many questions have no answer yet.
    open: AtomicUsize,
    /// When the last one got its answer.
    answered: Mutex<Option<Instant>>,
}

impl LegacyPeer {
    pub(crate) fn new(peer: Peer<RoleServer>, answer_within: Duration) -> Self {
        Self { peer, answer_within, open: AtomicUsize::new(0), answered: Mutex::new(None) }
    }

    pub(super) fn capabilities(&self) -> ClientCapabilities {
        self.peer.peer_info().map(|info| info.capabilities.clone()).unwrap_or_default()
    }

    /// Asks, and waits for the answer. Dropping the future gives the answer up.
    pub(super) async fn ask(&self, request: ServerRequest) -> Result<ClientResult, ServiceError> {
        let _waiting = Waiting::begin(self);
        let options = PeerRequestOptions::with_timeout(self.answer_within);
        self.peer.send_request_with_option(request, options).await?.await_response().await
    }

    /// When a call that may take `timeout` has to end, if it has asked: not while its client is
    /// being asked, and after the full time once it has answered.
    pub(crate) fn deadline(&self, timeout: Duration) -> Option<Instant> {
        if self.open.load(Ordering::Acquire) > 0 {
            // Looked at once more by then; a question does not stay open for ever.
            return Some(Instant::now() + timeout);
        }
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at + timeout)
    }
}

struct Waiting<'a>(&'a LegacyPeer);

impl<'a> Waiting<'a> {
    fn begin(peer: &'a LegacyPeer) -> Self {
        peer.open.fetch_add(1, Ordering::AcqRel);
        Self(peer)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.0.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}
