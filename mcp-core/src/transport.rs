use std::future::Future;

use tokio_util::sync::CancellationToken;

use crate::Server;

/// Carries messages between clients and a [`Server`] until told to stop.
pub trait Transport {
    /// Why serving failed: an address in use, a broken pipe.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Serves until the transport's natural end (stdin closed) or until `shutdown` is
    /// cancelled; then accepts nothing new, finishes what is in flight within the
    /// transport's grace period, and returns.
    ///
    /// Dropping the future cancels every call in flight.
    fn serve(
        self,
        server: Server,
        shutdown: CancellationToken,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
