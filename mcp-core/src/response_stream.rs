use tokio_util::sync::CancellationToken;

/// The stream on which a client waits for the answer to one request, where it can come back for
/// the rest after the stream has ended.
///
/// A binding whose clients can do so puts it into the request's extensions (HTTP sessions since
/// 2025-11-25: the client comes back with `Last-Event-ID`) and ends the stream when it
/// [is closed](Self::closed); the call goes on.
#[derive(Clone, Debug, Default)]
pub struct ResponseStream(CancellationToken);

impl ResponseStream {
    /// A stream that is open.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has the binding end the stream.
    pub(crate) fn close(&self) {
        self.0.cancel();
    }

    /// Waits until the call wants the stream to end.
    pub async fn closed(self) {
        self.0.cancelled_owned().await;
    }
}
