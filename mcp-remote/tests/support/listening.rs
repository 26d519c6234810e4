//! A server that listens.

use std::net::SocketAddr;

use mcp_core::{Server, Transport as _};
use mcp_transport_sse::HttpTransport;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A server on a port of loopback, until it is dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    stop: DropGuard,
    served: tokio::task::JoinHandle<()>,
}

impl Listening {
    pub(crate) async fn start(server: Server) -> Self {
        Self::start_at(server, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn start_at(server: Server, address: SocketAddr) -> Self {
        let transport = HttpTransport::bind(address).await.unwrap();
        let address = transport.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = transport.serve(server, stop.clone());
        let served = tokio::spawn(async move { serving.await.unwrap() });
        Self { address, stop: stop.drop_guard(), served }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Ends the server, and every connection to it.
    pub(crate) async fn kill(self) {
        self.served.abort();
        let _ = self.served.await;
        drop(self.stop);
    }
}
