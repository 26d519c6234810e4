//! One client: messages in, calls, messages out.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use http::Extensions;
use mcp_core::{
    Encoded, Era, ErrorKind, LegacySession, Message, Method, NotificationMessage, Request,
    RequestId, RpcError, Server,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    calls::{CallKey, Calls, Started},
    options::ConnectionOptions,
    wire::{Incoming, Wire},
};

/// How long a client may take to read what is left when the grace period is over.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many rounds of reading, working and writing are made before other tasks get a turn.
const ROUNDS: usize = 32;

struct Connection<'a, W> {
    server: Server,
    wire: &'a mut W,
    options: ConnectionOptions,
    /// What holds for every request, such as who is calling.
    extensions: Extensions,
    calls: Calls,
    session: Option<LegacySession>,
    /// Every request that is neither answered nor cancelled.
    in_flight: HashMap<RequestId, InFlight>,
    /// Those of them that wait for others to end, first come, first served.
    waiting: VecDeque<Request>,
    /// The size of the texts of all that are in flight.
    bytes: usize,
}

/// Serves one client until it is gone, or `shutdown` is cancelled.
///
/// In the first case of a wire whose client can still read, and in the second, calls in flight are
/// finished first (see [`ConnectionOptions::grace`]). `extensions` become those of every request: who
/// is calling, as a transport has established it. Dropping the future cancels the calls in flight.
/// Needs a `tokio` runtime with time enabled.
///
/// # Errors
///
/// When reading or writing fails for another reason than that the client is gone.
pub async fn serve_connection<W: Wire>(
    server: Server,
    wire: &mut W,
    options: ConnectionOptions,
    extensions: Extensions,
    shutdown: CancellationToken,
) -> io::Result<()> {
    Connection::new(server, wire, options, extensions).serve(shutdown).await
}

struct InFlight {
    bytes: usize,
    place: Place,
}

/// What [`Connection::poll`] waits for.
#[derive(Clone, Copy)]
enum Until {
    /// Nothing more will be read.
    InputEnds,
    /// Everything is answered, too.
    Idle,
}

/// Where a request is.
enum Place {
    Waiting,
    Calls(CallKey),
}

impl<'a, W: Wire> Connection<'a, W> {
    fn new(
        server: Server,
        wire: &'a mut W,
        options: ConnectionOptions,
        extensions: Extensions,
    ) -> Self {
        Self {
            server,
            wire,
            options,
            extensions,
            calls: Calls::new(),
            session: None,
            in_flight: HashMap::new(),
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    async fn serve(mut self, shutdown: CancellationToken) -> io::Result<()> {
        match self.run(&shutdown).await {
            Err(error) if is_disconnect(&error) => {
                tracing::debug!(%error, "the client is gone");
                Ok(())
            }
            result => result,
        }
    }

    async fn run(&mut self, shutdown: &CancellationToken) -> io::Result<()> {
        {
            let mut stopped = pin!(shutdown.cancelled());
            poll_fn(|cx| {
                if stopped.as_mut().poll(cx).is_ready() {
                    self.wire.stop();
                    return Poll::Ready(Ok(()));
                }
                self.poll(cx, Until::InputEnds)
            })
            .await?;
        }
        // Nobody could take an interest any more, and they would never end.
        self.calls.close_subscriptions();
        let grace = self.options.grace;
        if let Ok(result) = timeout(grace, poll_fn(|cx| self.poll(cx, Until::Idle))).await {
            return result;
        }
        self.abandon();
        match timeout(LAST_WORDS, poll_fn(|cx| self.wire.poll_flush(cx))).await {
            Ok(result) => result,
            Err(_) => {
                tracing::warn!("the client did not read its last answers");
                Ok(())
            }
        }
    }

    /// Does all that can be done now. Ready when what is awaited has come.
    fn poll(&mut self, cx: &mut Context<'_>, until: Until) -> Poll<io::Result<()>> {
        self.calls.register(cx);
        for _ in 0..ROUNDS {
            self.go_on(cx);
            let may_read = self.take_in();

            // No answer can come any more.
            if self.wire.is_drained()
                && let Some(session) = &self.session
            {
                session.hang_up();
            }

            // What has come together is answered together.
            if may_read && !self.wire.has_ended() {
                match self.wire.poll_read(cx) {
                    Poll::Pending => {}
                    Poll::Ready(Ok(())) => continue,
                    // It may still read its answers.
                    Poll::Ready(Err(error)) if is_disconnect(&error) => {
                        self.wire.stop();
                        continue;
                    }
                    Poll::Ready(Err(error)) => {
                        // Of no use to whoever is told of the first error.
                        let _ = self.wire.poll_flush(cx);
                        return Poll::Ready(Err(error));
                    }
                }
            }

            let had_room = self.wire.has_room();
            let written = self.wire.poll_flush(cx)?;
            if !had_room {
                if self.wire.has_room() {
                    continue;
                }
                return Poll::Pending;
            }
            if self.wire.has_ended() {
                return match until {
                    Until::InputEnds => Poll::Ready(Ok(())),
                    Until::Idle if self.in_flight.is_empty() && self.wire.is_drained() => {
                        written.map(Ok)
                    }
                    Until::Idle => Poll::Pending,
                };
            }
            return Poll::Pending;
        }
        let _ = self.wire.poll_flush(cx)?;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on with what is in flight.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        let Self { in_flight, bytes, wire, .. } = self;
        self.calls.poll(*wire, |id| {
            *bytes -= in_flight.remove(id).map_or(0, |ended| ended.bytes);
        });
        while self.wire.has_room()
            && let Some(session) = &self.session
            && let Poll::Ready(notification) = session.poll_notification(cx)
        {
            self.wire.push(notification);
        }
    }

    /// Takes in requests that waited, and messages. Whether more may be read: there is none left.
    fn take_in(&mut self) -> bool {
        while self.wire.has_room() {
            if self.has_free_place()
                && let Some(request) = self.waiting.pop_front()
            {
                self.remove(request.id());
                self.start(request);
            } else if self.waiting.len() >= self.options.max_in_flight
                || self.bytes >= self.options.max_message.saturating_mul(4)
            {
                return false;
            } else if let Some(message) = self.wire.next_message() {
                self.take_message(message);
            } else {
                return true;
            }
        }
        false
    }

    fn has_free_place(&self) -> bool {
        self.in_flight.len() - self.waiting.len() < self.options.max_in_flight
    }

    fn take_message(&mut self, message: Incoming) {
        let text = match message {
            Incoming::Text(text) => text,
            Incoming::Refused(error) => {
                return self.wire.push(Encoded::refusal(None, error).into_vec());
            }
        };
        match Message::parse(text) {
            Ok(Message::Request(request)) => self.take_request(request),
            Ok(Message::Notification(notification)) => self.take_notification(&notification),
            Ok(Message::Response(response)) => {
                let is_awaited =
                    self.session.as_ref().is_some_and(|session| session.accept(&response));
                if !is_awaited {
                    tracing::debug!("the client has answered what nobody waits for");
                }
            }
            Ok(_) => {}
            Err(malformed) => self.wire.push(self.server.refuse(malformed).into_vec()),
        }
    }

    fn take_request(&mut self, request: Request) {
        if !self.in_flight.is_empty() && self.in_flight.contains_key(request.id()) {
            let error = RpcError::new(
                ErrorKind::InvalidRequest,
                "a request with this `id` is still in flight",
            );
            self.refuse(request.id(), error);
        } else if self.has_free_place() && self.waiting.is_empty() {
            self.start(request);
        } else {
            self.insert(request.id().clone(), request.text().len(), Place::Waiting);
            self.waiting.push_back(request);
        }
    }

    fn start(&mut self, mut request: Request) {
        if !self.extensions.is_empty() {
            request.extensions_mut().extend(self.extensions.clone());
        }
        let bytes = request.text().len();
        let reply = match self.session_of(&request) {
            Ok(Some(session)) => session.call(request),
            Ok(None) => self.server.call(request),
            Err(error) => return self.refuse(request.id(), error),
        };
        // Most calls end here, without an entry anywhere.
        if let Started::Waits(key, id) = self.calls.start(reply, self.wire) {
            self.insert(id, bytes, Place::Calls(key));
        }
    }

    /// The session that a request belongs to, which `initialize` opens.
    fn session_of(&mut self, request: &Request) -> Result<Option<&LegacySession>, RpcError> {
        if request.era() == Era::Modern {
            return Ok(None);
        }
        if self.session.is_none() && *request.method() == Method::Initialize {
            self.session = Some(self.server.open_session(request)?);
        }
        Ok(self.session.as_ref())
    }

    fn take_notification(&mut self, notification: &NotificationMessage) {
        if let Some(id) = notification.cancelled_request() {
            self.cancel(id);
        }
    }

    fn cancel(&mut self, id: &RequestId) {
        match self.remove(id) {
            Some(Place::Calls(key)) => self.calls.cancel(key),
            Some(Place::Waiting) => self.waiting.retain(|request| request.id() != id),
            // It has been answered already, or never was.
            None => {}
        }
    }

    /// Gives up all that is in flight, because there is no time left.
    fn abandon(&mut self) {
        self.waiting.clear();
        self.calls = Calls::new();
        self.session = None;
        for (id, _) in std::mem::take(&mut self.in_flight) {
            let error = RpcError::new(
                ErrorKind::DeadlineExceeded,
                "the server is stopping, and the call took too long to wait for",
            );
            self.refuse(&id, error);
        }
    }

    fn refuse(&mut self, id: &RequestId, error: RpcError) {
        self.wire.push(Encoded::refusal(Some(id), error).into_vec());
    }

    fn insert(&mut self, id: RequestId, bytes: usize, place: Place) {
        self.bytes += bytes;
        self.in_flight.insert(id, InFlight { bytes, place });
    }

    fn remove(&mut self, id: &RequestId) -> Option<Place> {
        let removed = self.in_flight.remove(id)?;
        self.bytes -= removed.bytes;
        Some(removed.place)
    }
}

/// Whether the error says no more than that the client is gone.
fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    )
}
