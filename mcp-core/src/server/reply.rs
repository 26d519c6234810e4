use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use super::{Encoded, Response, ResponseFuture, ResultBody, response::Encoding};
use crate::{
    Era, Notification, RequestId, ResponseLimit, session::SessionClient, subscription::Subscription,
};

/// How many notifications a call may be ahead of its client before it has to wait.
pub(super) const NOTIFICATIONS_IN_FLIGHT: usize = 16;

/// The answer to one request: any number of notifications, then one response.
///
/// A [`Stream`] that does the call's work as it is polled, on the task that polls it. Dropping it
/// cancels the call, or the subscription.
#[derive(Debug)]
pub struct Reply {
    future: Option<ResponseFuture>,
    notifications: Option<mpsc::Receiver<Notification>>,
    /// Whom the call may ask, in a legacy session.
    client: Option<Arc<SessionClient>>,
    response: Option<Response>,
    subscribes: bool,
    /// Once the subscription is granted, until it ends.
    subscription: Option<Box<Subscription>>,
    closing: bool,
    id: RequestId,
    era: Era,
    /// The legacy revision that a request outside of sessions names.
    revision: Option<&'static str>,
    encoding: Arc<Encoding>,
    limit: Option<ResponseLimit>,
}

/// A part of a [`Reply`].
#[derive(Clone, Debug)]
pub enum ReplyPart {
    /// Said before the response.
    Notification(Notification),
    /// A request of the server to its client, or the notification that it no longer wants an answer
    /// to one, as JSON. Only in replies of [`LegacySession::call`](crate::LegacySession::call); the
    /// client's answer goes to [`LegacySession::accept`](crate::LegacySession::accept).
    Request(Bytes),
    /// The stream that carries the reply is to end, if the client can come back for the rest: a long
    /// call then holds no connection open. The call goes on. Only in replies of
    /// [`LegacySession::call`](crate::LegacySession::call); a binding without resumable streams
    /// passes over it.
    CloseStream,
    /// The last part.
    Response(Encoded),
}

impl Reply {
    pub(super) fn new(
        future: ResponseFuture,
        notifications: Option<mpsc::Receiver<Notification>>,
        client: Option<Arc<SessionClient>>,
        id: RequestId,
        era: Era,
        encoding: Arc<Encoding>,
        limit: Option<ResponseLimit>,
    ) -> Self {
        Self {
            future: Some(future),
            notifications,
            client,
            response: None,
            revision: None,
            subscribes: false,
            subscription: None,
            closing: false,
            id,
            era,
            encoding,
            limit,
        }
    }

    /// The same for a request that names a legacy revision by itself.
    pub(super) fn in_revision(mut self, revision: Option<&'static str>) -> Self {
        self.revision = revision;
        self
    }

    /// The same for a request that asks for a subscription.
    pub(super) fn subscribing(mut self) -> Self {
        self.subscribes = true;
        self
    }

    /// The identifier of the request that this answers.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// Whether there can be anything before the response. If not, a binding need not prepare for
    /// a stream.
    pub fn may_notify(&self) -> bool {
        self.notifications.is_some() || self.client.is_some() || self.subscribes
    }

    /// Whether it answers `subscriptions/listen`: it ends only when it is [closed](Self::close),
    /// or at its [limit](crate::SubscriptionLimit), and cannot do without notifications.
    pub fn is_subscription(&self) -> bool {
        self.subscribes
    }

    /// Ends a subscription with its result, once what has changed by now is told; for a binding
    /// that shuts down. Nothing wakes the task that polls the reply. A call goes on.
    pub fn close(&mut self) {
        self.closing = true;
        if let Some(subscription) = &mut self.subscription {
            subscription.close();
        }
    }

    /// The response that the future came to, unless a subscription begins with it.
    fn begin(&mut self, response: Response) -> Option<Response> {
        let listening = match response.into_result() {
            Ok(ResultBody::Listening(listening)) if self.subscribes => listening,
            result => return Some(result.map_or_else(Response::error, Response::ok)),
        };
        match Subscription::open(listening, self.id.clone()) {
            Ok(mut subscription) => {
                if self.closing {
                    subscription.close();
                }
                self.subscription = Some(Box::new(subscription));
                None
            }
            Err(error) => Some(Response::error(error)),
        }
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
        if let Some(part) = self.client.as_ref().and_then(|client| client.next_part()) {
            return Some(part);
        }
        let response = self.response.take()?;
        self.notifications = None;
        Some(ReplyPart::Response(self.encode(response)))
    }

    /// Waits for the response and drops what comes before it.
    pub async fn response(mut self) -> Encoded {
        // A reply that is its own response has nobody to notify.
        loop {
            match self.next().await {
                Some(ReplyPart::Response(response)) => return response,
                Some(_) => {}
                None => unreachable!("a reply ends with its response"),
            }
        }
    }

    /// The next part; `None` after the response.
    pub async fn next(&mut self) -> Option<ReplyPart> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    fn encode(&self, response: Response) -> Encoded {
        let session = self.client.as_ref().map(|client| client.session().version());
        let response = match session.or(self.revision) {
            Some(version) => response.known_in(version),
            None => response,
        };
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

    /// The next thing that the call has said, if there is any.
    fn poll_said(&mut self, cx: &mut Context<'_>) -> Option<ReplyPart> {
        if let Some(notifications) = &mut self.notifications {
            // What the call has sent is here by the time it ends, and comes before the response.
            // `poll_recv` must not be asked then: it may be pending because the task has used up
            // its share of the runtime, and what waits would be lost.
            let notification = if self.response.is_some() {
                notifications.try_recv().ok()
            } else {
                match notifications.poll_recv(cx) {
                    Poll::Ready(notification) => notification,
                    Poll::Pending => None,
                }
            };
            if let Some(notification) = notification {
                return Some(ReplyPart::Notification(notification));
            }
        }
        match self.client.as_ref()? {
            client if self.response.is_some() => client.next_part(),
            client => match client.poll_part(cx) {
                Poll::Ready(part) => Some(part),
                Poll::Pending => None,
            },
        }
    }
}

impl Stream for Reply {
    type Item = ReplyPart;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReplyPart>> {
        // The call goes on once all is taken that it has said, not after each part of it.
        if let Some(notifications) = &mut self.notifications
            && let Ok(notification) = notifications.try_recv()
        {
            return Poll::Ready(Some(ReplyPart::Notification(notification)));
        }
        if let Some(future) = &mut self.future
            && let Poll::Ready(response) = future.poll_response(cx)
        {
            self.future = None;
            self.response = if self.subscribes { self.begin(response) } else { Some(response) };
        }
        if let Some(subscription) = &mut self.subscription {
            if let Some(notification) = std::task::ready!(subscription.poll_next(cx)) {
                return Poll::Ready(Some(ReplyPart::Notification(notification)));
            }
            self.response = self
                .subscription
                .take()
                .map(|ended| Response::ok(ResultBody::Listening(ended.into_listening())));
        }
        if let Some(said) = self.poll_said(cx) {
            return Poll::Ready(Some(said));
        }
        match self.response.take() {
            Some(response) => {
                self.notifications = None;
                Poll::Ready(Some(ReplyPart::Response(self.encode(response))))
            }
            None if self.future.is_none() => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
