use tokio::sync::watch;

/// The stream on which a legacy client hears what belongs to no request of its own, where it has
/// one only at times.
///
/// A binding whose clients open and close that stream (HTTP sessions: `GET`) puts it into the
/// extensions of the `http::request::Parts` of the `initialize` request. Changes are then kept for
/// the client until it can hear of them; without it, clients are taken to hear all the time.
#[derive(Clone, Debug, Default)]
pub struct SessionStream(watch::Sender<usize>);

/// Says that a stream is open, until it is dropped.
#[derive(Debug)]
pub struct OpenStream(SessionStream);

impl SessionStream {
    /// A client that hears nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that the client has opened a stream.
    pub fn open(&self) -> OpenStream {
        self.0.send_modify(|open| *open += 1);
        OpenStream(self.clone())
    }

    /// Waits until the client has a stream open.
    pub(crate) async fn opened(&self) {
        // The sender is here, so that it cannot be gone.
        let _ = self.0.subscribe().wait_for(|open| *open > 0).await;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open -= 1);
    }
}
