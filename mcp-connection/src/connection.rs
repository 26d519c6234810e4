//! One client: messages in, calls, messages out.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{BufMut as _, Bytes};
use http::Extensions;
use mcp_core::{
    Encoded, Era, ErrorKind, Message, Method, NotificationMessage, Request, RequestId, RpcError,
    Server,
};
use rmcp::model::{ErrorData, ServerJsonRpcMessage, ServerResult};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    calls::{CallKey, Calls, Started},
    options::ConnectionOptions,
    session::{FromEngine, Session},
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
    session: Option<Session>,
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
    Session(i64),
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
            let had_session = self.session.is_some();
            let may_read = self.take_in(cx);
            if self.session.is_some() != had_session {
                // A new session has yet to be listened to.
                continue;
            }

            // No answer can come any more.
            if self.wire.is_drained()
                && let Some(session) = &mut self.session
                && session.hang_up()
            {
                continue;
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
            if !may_read {
                return Poll::Pending;
            }
            match self.wire.poll_read(cx) {
                Poll::Pending => return Poll::Pending,
                // It may still read its answers.
                Poll::Ready(Err(error)) if is_disconnect(&error) => self.wire.stop(),
                Poll::Ready(result) => result?,
            }
        }
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
            && let Some(session) = &mut self.session
            && let Poll::Ready(message) = session.poll_next(cx)
        {
            match message {
                FromEngine::Response(id, response) => {
                    self.remove(&id);
                    self.push_response(&id, &response);
                }
                FromEngine::Other(message) => self.push_legacy(&message),
                FromEngine::End(unanswered) => {
                    self.session = None;
                    for id in unanswered {
                        self.remove(&id);
                        self.refuse(&id, RpcError::new(ErrorKind::Internal, "the session ended"));
                    }
                }
            }
        }
    }

    /// Takes in requests that waited, and messages. Whether more may be read: there is none left.
    fn take_in(&mut self, cx: &mut Context<'_>) -> bool {
        while self.wire.has_room() {
            if let Some(session) = &mut self.session
                && session.poll_ready(cx).is_pending()
            {
                return false;
            }
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
                return self.wire.push(Encoded::refusal(None, error).into_bytes());
            }
        };
        let kept = self.session.is_some().then(|| text.clone());
        match Message::parse(text) {
            Ok(Message::Request(request)) => self.take_request(request),
            Ok(Message::Notification(notification)) => self.take_notification(&notification, kept),
            Ok(_) => {
                if let (Some(session), Some(text)) = (&mut self.session, kept) {
                    session.forward(&text);
                }
            }
            Err(malformed) => self.wire.push(self.server.refuse(malformed).into_bytes()),
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
        if request.era() == Era::Legacy
            && (self.session.is_some() || *request.method() == Method::Initialize)
        {
            return self.start_in_session(&request);
        }
        let bytes = request.text().len();
        // Most calls end here, without an entry anywhere.
        if let Started::Waits(key, id) = self.calls.start(self.server.call(request), self.wire) {
            self.insert(id, bytes, Place::Calls(key));
        }
    }

    fn start_in_session(&mut self, request: &Request) {
        let message = match Session::read(request) {
            Ok(message) => message,
            Err(error) => return self.refuse(request.id(), error),
        };
        let id = request.id().clone();
        let number = match &mut self.session {
            Some(session) => session.request(id.clone(), message, &self.extensions),
            None => {
                self.session = Some(Session::open(&self.server, id.clone(), message));
                0
            }
        };
        self.insert(id, request.text().len(), Place::Session(number));
    }

    fn take_notification(&mut self, notification: &NotificationMessage, text: Option<Bytes>) {
        if *notification.method() == Method::Cancelled {
            if let Some(id) = notification.cancelled_request() {
                self.cancel(id);
            }
        } else if let (Some(session), Some(text)) = (&mut self.session, text) {
            session.forward(&text);
        }
    }

    fn cancel(&mut self, id: &RequestId) {
        match self.remove(id) {
            Some(Place::Calls(key)) => self.calls.cancel(key),
            Some(Place::Waiting) => self.waiting.retain(|request| request.id() != id),
            Some(Place::Session(number)) => {
                if let Some(session) = &mut self.session {
                    session.cancel(number);
                }
            }
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

    /// Writes a response of the legacy engine, under the identifier that the client gave.
    fn push_response(&mut self, id: &RequestId, response: &Result<ServerResult, ErrorData>) {
        self.wire.push_with(|buffer| {
            use std::io::Write as _;
            let mut out = buffer.writer();
            // Writing to memory and serializing the protocol's types does not fail.
            let _ = write!(out, r#"{{"jsonrpc":"2.0","id":{id},"#);
            let _ = match response {
                Ok(result) => {
                    out.get_mut().put_slice(br#""result":"#);
                    serde_json::to_writer(&mut out, result)
                }
                Err(error) => {
                    out.get_mut().put_slice(br#""error":"#);
                    serde_json::to_writer(&mut out, error)
                }
            };
            out.get_mut().put_u8(b'}');
        });
    }

    /// Writes any other message of the legacy engine.
    fn push_legacy(&mut self, message: &ServerJsonRpcMessage) {
        self.wire.push_with(|buffer| {
            let _ = serde_json::to_writer(buffer.writer(), message);
        });
    }

    fn refuse(&mut self, id: &RequestId, error: RpcError) {
        self.wire.push(Encoded::refusal(Some(id), error).into_bytes());
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
