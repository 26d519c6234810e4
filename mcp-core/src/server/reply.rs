use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::sync::mpsc;

use super::{Encoded, Response, ResponseFuture, ResultBody, response::Encoding};
use crate::{Era, Notification, RequestId, ResponseLimit};

/// How many notifications a call may be ahead of its client before it has to wait.
pub(super) const NOTIFICATIONS_IN_FLIGHT: usize = 16;

/// The answer to one request: any number of notifications, then one response.
///
/// A [`Stream`] that does the call's work as it is polled, on the task that polls it. Dropping it
/// cancels the call.
#[derive(Debug)]
pub struct Reply {
    future: Option<ResponseFuture>,
    notifications: Option<mpsc::Receiver<Notification>>,
    response: Option<Response>,
    id: RequestId,
    era: Era,
    encoding: Arc<Encoding>,
    limit: Option<ResponseLimit>,
}

/// A part of a [`Reply`].
#[derive(Clone, Debug)]
pub enum ReplyPart {
    /// Said before the response.
    Notification(Notification),
    /// The last part.
    Response(Encoded),
}

pub(super) enum TypedPart {
    Notification(Notification),
    Response(Response),
}

impl Reply {
    pub(super) fn new(
        future: ResponseFuture,
        notifications: Option<mpsc::Receiver<Notification>>,
        id: RequestId,
        era: Era,
        encoding: Arc<Encoding>,
        limit: Option<ResponseLimit>,
    ) -> Self {
        Self { future: Some(future), notifications, response: None, id, era, encoding, limit }
    }

    /// The identifier of the request that this answers.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Whether there can be anything before the response. If not, a binding need not prepare for
    /// a stream.
    pub fn may_notify(&self) -> bool {
        self.notifications.is_some()
    }

    /// The next part if it is there already, without doing any of the call's work.
    ///
    /// A binding that has been handed one part can so send along what is ready, and does not
    /// hold the first back for what the call has yet to do.
    pub fn next_ready(&mut self) -> Option<ReplyPart> {
        if let Some(notifications) = &mut self.notifications
            && let Ok(notification) = notifications.try_recv()
        {
            return Some(ReplyPart::Notification(notification));
        }
        let response = self.response.take()?;
        self.notifications = None;
        Some(ReplyPart::Response(self.encode(response)))
    }

    /// Waits for the response and drops what comes before it.
    pub async fn response(mut self) -> Encoded {
        // A reply that is its own response has nobody to notify.
        loop {
            match std::future::poll_fn(|cx| self.poll_part(cx)).await {
                Some(TypedPart::Response(response)) => return self.encode(response),
                Some(TypedPart::Notification(_)) => {}
                None => unreachable!("a reply ends with its response"),
            }
        }
    }

    /// The next part; `None` after the response.
    pub async fn next(&mut self) -> Option<ReplyPart> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn encode(&self, response: Response) -> Encoded {
        let Some(limit) = self.limit else {
            return self.encoding.encode(&self.id, self.era, response);
        };
        let is_tool = matches!(response.as_result(), Ok(ResultBody::Tool(_)));
        let encoded = self.encoding.encode(&self.id, self.era, response);
        match limit.refuse(&encoded, is_tool) {
            None => encoded,
            Some(Ok(answer)) => self.encoding.encode(&self.id, self.era, Response::tool(answer)),
            Some(Err(error)) => Encoded::refusal(Some(&self.id), error),
        }
    }

    pub(super) fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<TypedPart>> {
        if let Some(future) = &mut self.future
            && let Poll::Ready(response) = future.poll_response(cx)
        {
            self.response = Some(response);
            self.future = None;
        }
        if let Some(notifications) = &mut self.notifications {
            // What the call has sent is here by the time it ends, and comes before the response.
            // `poll_recv` must not be asked then: it may be pending because the task has used up
            // its share of the runtime, and what waits would be lost.
            let notification = if self.response.is_some() {
                notifications.try_recv().ok()
            } else {
                match notifications.poll_recv(cx) {
                    Poll::Ready(notification) => notification,
                    Poll::Pending => return Poll::Pending,
                }
            };
            match notification {
                Some(notification) => {
                    return Poll::Ready(Some(TypedPart::Notification(notification)));
                }
                None => self.notifications = None,
            }
        }
        match self.response.take() {
            Some(response) => {
                self.notifications = None;
                Poll::Ready(Some(TypedPart::Response(response)))
            }
            None if self.future.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Stream for Reply {
    type Item = ReplyPart;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReplyPart>> {
        self.poll_part(cx).map(|part| {
            part.map(|part| match part {
                TypedPart::Notification(notification) => ReplyPart::Notification(notification),
                TypedPart::Response(response) => ReplyPart::Response(self.encode(response)),
            })
        })
    }
}
