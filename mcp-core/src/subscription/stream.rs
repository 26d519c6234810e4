use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::Sleep;

use super::{Filter, Listener, Listening, SubscriptionNotification, notification::Event};
use crate::{
    Notification, RequestId, RpcError,
    server::{TaskWatch, Watching},
};

/// An open `subscriptions/listen` stream: the acknowledgement, then what changes.
pub(crate) struct Subscription {
    id: RequestId,
    /// Until it is acknowledged.
    filter: Option<Arc<Filter>>,
    listener: Listener,
    tasks: Vec<Watching>,
    limit: Option<Pin<Box<Sleep>>>,
    closing: bool,
    /// What it ends with.
    listening: Listening,
}

impl Subscription {
    /// # Errors
    ///
    /// When there are too many already.
    pub(crate) fn open(listening: Listening, id: RequestId) -> Result<Self, RpcError> {
        let listener = listening.hub.stream(listening.filter.changes())?;
        Ok(Self {
            id,
            filter: Some(Arc::clone(&listening.filter)),
            listener,
            tasks: listening.tasks.iter().map(TaskWatch::begin).collect(),
            limit: listening.limit.map(|limit| Box::pin(tokio::time::sleep_until(limit))),
            closing: false,
            listening,
        })
    }

    /// Ends it once what has changed by now is told.
    pub(crate) fn close(&mut self) {
        self.closing = true;
    }

    /// What it ends with.
    pub(crate) fn into_listening(self) -> Listening {
        self.listening
    }

    /// What is told next; `None` where the stream ends with its result.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notification>> {
        self.poll_event(cx).map(|event| {
            event.map(|event| {
                let subscription = self.id.clone();
                Notification::Subscription(SubscriptionNotification { subscription, event })
            })
        })
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Some(filter) = self.filter.take() {
            return Poll::Ready(Some(Event::Acknowledged(filter)));
        }
        if let Poll::Ready(change) = self.listener.poll_next(cx) {
            return Poll::Ready(Some(Event::Changed(change)));
        }
        let mut index = 0;
        while let Some(task) = self.tasks.get_mut(index) {
            match task.poll_next(cx) {
                Poll::Ready(Some(record)) => return Poll::Ready(Some(Event::Task(record))),
                Poll::Ready(None) => drop(self.tasks.remove(index)),
                Poll::Pending => index += 1,
            }
        }
        let is_over = match &mut self.limit {
            Some(limit) => limit.as_mut().poll(cx).is_ready(),
            None => false,
        };
        if is_over || self.closing { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}
