use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

/// Finds out whether a silent client is still there.
///
/// One timer for a connection that is never reset by a message: that would cost every message a
/// look at the clock.
pub(crate) struct KeepAlive {
    interval: Duration,
    timer: Pin<Box<Sleep>>,
    heard: bool,
    asked: bool,
}

/// What a silence leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Ask the client.
    Ask,
    /// It has been asked, and has not answered.
    Dead,
}

impl KeepAlive {
    pub(crate) fn new(interval: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(interval));
        Self { interval, timer, heard: true, asked: false }
    }

    /// Notes that the client has sent something, whatever it is.
    pub(crate) fn heard(&mut self) {
        self.heard = true;
    }

    /// Ready when the client has been silent. Only to be called when there is nothing to read:
    /// a client that is not listened to is not silent.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Silence> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            self.timer.as_mut().reset(Instant::now() + self.interval);
            if std::mem::take(&mut self.heard) {
                self.asked = false;
            } else if std::mem::replace(&mut self.asked, true) {
                return Poll::Ready(Silence::Dead);
            } else {
                return Poll::Ready(Silence::Ask);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_asked_and_then_given_up() {
        let mut keep_alive = KeepAlive::new(Duration::from_secs(20));
        let begin = Instant::now();
        assert_eq!(poll_fn(|cx| keep_alive.poll(cx)).await, Silence::Ask);
        assert_eq!(begin.elapsed().as_secs(), 40);
        assert_eq!(poll_fn(|cx| keep_alive.poll(cx)).await, Silence::Dead);
        assert_eq!(begin.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_is_asked_again() {
        let mut keep_alive = KeepAlive::new(Duration::from_secs(20));
        for _ in 0..5 {
            assert_eq!(poll_fn(|cx| keep_alive.poll(cx)).await, Silence::Ask);
            keep_alive.heard();
        }
    }
}
