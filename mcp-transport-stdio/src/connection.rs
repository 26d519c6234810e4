//! One client: lines in, calls, lines out.

use std::{
    collections::{HashMap, VecDeque},
    future::{Future as _, poll_fn},
    io,
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use mcp_core::{
    Encoded, Era, ErrorKind, Message, Method, NotificationMessage, Request, RequestId, RpcError,
    Server,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    calls::{CallKey, Calls, Started},
    input::{Input, Line},
    output::Output,
    session::{FromEngine, Session},
    stream::StreamOptions,
};

/// How long a client may take to read what is left when the grace period is over.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many rounds of reading, working and writing are made before other tasks get a turn.
const ROUNDS: usize = 32;

pub(crate) struct Connection<R, W> {
    server: Server,
    reader: R,
    writer: W,
    options: StreamOptions,
    input: Input,
    output: Output,
    calls: Calls,
    session: Option<Session>,
    /// Every request that is neither answered nor cancelled.
    in_flight: HashMap<RequestId, InFlight>,
    /// Those of them that wait for others to end, first come, first served.
    waiting: VecDeque<Request>,
    /// The size of the texts of all that are in flight.
    bytes: usize,
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

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Connection<R, W> {
    pub(crate) fn new(server: Server, reader: R, writer: W, options: StreamOptions) -> Self {
        Self {
            server,
            reader,
            writer,
            input: Input::new(options.max_line),
            options,
            output: Output::default(),
            calls: Calls::new(),
            session: None,
            in_flight: HashMap::new(),
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) async fn serve(mut self, shutdown: CancellationToken) -> io::Result<()> {
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
                    self.input.stop();
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
        match timeout(LAST_WORDS, poll_fn(|cx| self.output.poll_write(&mut self.writer, cx))).await
        {
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
            if self.input.is_empty()
                && let Some(session) = &mut self.session
                && session.hang_up()
            {
                continue;
            }

            let had_room = self.output.has_room();
            let written = self.output.poll_write(&mut self.writer, cx)?;
            if !had_room {
                if self.output.has_room() {
                    continue;
                }
                return Poll::Pending;
            }
            if self.input.has_ended() {
                return match until {
                    Until::InputEnds => Poll::Ready(Ok(())),
                    Until::Idle if self.in_flight.is_empty() && self.input.is_empty() => {
                        written.map(Ok)
                    }
                    Until::Idle => Poll::Pending,
                };
            }
            if !may_read {
                return Poll::Pending;
            }
            match self.input.poll_read(&mut self.reader, cx) {
                Poll::Pending => return Poll::Pending,
                // It may still read its answers.
                Poll::Ready(Err(error)) if is_disconnect(&error) => self.input.stop(),
                Poll::Ready(result) => result?,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on with what is in flight.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        let Self { in_flight, bytes, output, .. } = self;
        self.calls.poll(output, |id| {
            *bytes -= in_flight.remove(id).map_or(0, |ended| ended.bytes);
        });
        while self.output.has_room()
            && let Some(session) = &mut self.session
            && let Poll::Ready(message) = session.poll_next(cx)
        {
            match message {
                FromEngine::Response(id, response) => {
                    self.remove(&id);
                    self.output.push_response(&id, &response);
                }
                FromEngine::Other(message) => self.output.push_legacy(&message),
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

    /// Takes in requests that waited, and lines. Whether more may be read: there is no line left.
    fn take_in(&mut self, cx: &mut Context<'_>) -> bool {
        while self.output.has_room() {
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
                || self.bytes >= self.options.max_line.saturating_mul(4)
            {
                return false;
            } else if let Some(line) = self.input.next() {
                self.take_line(line);
            } else {
                return true;
            }
        }
        false
    }

    fn has_free_place(&self) -> bool {
        self.in_flight.len() - self.waiting.len() < self.options.max_in_flight
    }

    fn take_line(&mut self, line: Line) {
        let Line::Text(text) = line else {
            let limit = self.options.max_line;
            let error = RpcError::new(
                ErrorKind::PayloadTooLarge,
                format!("the line is longer than {limit} bytes"),
            );
            return self.output.push(&Encoded::refusal(None, error).into_bytes());
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
            Err(malformed) => self.output.push(&self.server.refuse(malformed).into_bytes()),
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

    fn start(&mut self, request: Request) {
        if request.era() == Era::Legacy
            && (self.session.is_some() || *request.method() == Method::Initialize)
        {
            return self.start_in_session(&request);
        }
        let bytes = request.text().len();
        // Most calls end here, without an entry anywhere.
        if let Started::Waits(key, id) =
            self.calls.start(self.server.call(request), &mut self.output)
        {
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
            Some(session) => session.request(id.clone(), message),
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

    fn refuse(&mut self, id: &RequestId, error: RpcError) {
        self.output.push(&Encoded::refusal(Some(id), error).into_bytes());
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
