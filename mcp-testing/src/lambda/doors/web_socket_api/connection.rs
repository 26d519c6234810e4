use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use super::{
    FRAME,
    event::{self, SocketContext},
    invoke, token,
};
use crate::lambda::{emulator::Function, invocation::epoch_millis};

/// How long a client has to close, too.
const CLOSING: Duration = Duration::from_secs(30);

/// How many messages a client may lag behind, before the API takes no more for it.
const MESSAGES_IN_FLIGHT: usize = 256;

/// A connection, as others see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) context: SocketContext,
    /// Milliseconds since the Unix epoch.
    pub(super) last_active: AtomicU64,
    orders: mpsc::Sender<Order>,
}

/// What a connection is to do.
#[derive(Debug)]
enum Order {
    Send(Bytes),
    Close,
}

impl Connection {
    /// Sends the client a message; false if it does not keep up with them.
    pub(super) fn send(&self, message: Bytes) -> bool {
        !matches!(self.orders.try_send(Order::Send(message)), Err(TrySendError::Full(_)))
    }

    pub(super) fn close(&self) {
        let _ = self.orders.try_send(Order::Close);
    }

    fn is_active(&self) {
        let now = u64::try_from(epoch_millis(SystemTime::now())).unwrap_or_default();
        self.last_active.store(now, Ordering::Relaxed);
    }
}

/// Why a connection has ended: what `$disconnect` is told, and the client unless it was its doing.
struct End {
    code: u16,
    reason: String,
    tell: bool,
}

impl End {
    fn told(code: CloseCode, reason: &str) -> Self {
        Self { code: code.into(), reason: reason.to_owned(), tell: true }
    }

    fn by_client(close: Option<CloseFrame>) -> Self {
        let (code, reason) = match close {
            Some(CloseFrame { code, reason }) => (code.into(), reason.to_string()),
            None => (1005, "Client-side close frame status not set".to_owned()),
        };
        Self { code, reason, tell: false }
    }

    fn of(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::told(CloseCode::Size, "Message too long"),
            Error::Utf8(_) => Self::told(CloseCode::Invalid, "Invalid UTF-8"),
            _ => Self { code: 1006, reason: "Connection Closed Abnormally".into(), tell: false },
        }
    }
}

/// Holds a connection until either side ends it.
pub(super) async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    function: &Arc<Function>,
    mut socket: WebSocketStream<S>,
    context: SocketContext,
) {
    let (orders, mut ordered) = mpsc::channel(MESSAGES_IN_FLIGHT);
    let id = context.connection.clone();
    let connection = Arc::new(Connection { context, last_active: AtomicU64::default(), orders });
    connection.is_active();
    function.connections.lock().insert(id.clone(), Arc::clone(&connection));

    let end = hold(function, &mut socket, &connection, &mut ordered).await;
    function.connections.lock().remove(&id);
    if end.tell {
        let reason = end.reason.clone().into();
        let _ = socket.close(Some(CloseFrame { code: end.code.into(), reason })).await;
        // Until the client has closed, too: it may still be sending, and what it has not read yet would be
        // lost with the connection.
        let closed = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(CLOSING, closed).await;
    } else {
        let _ = socket.flush().await;
    }

    if function.settings.web_socket.loses_disconnects {
        return;
    }
    let authorizer = function.settings.authorizer.as_ref();
    let event = event::disconnect(&connection.context, end.code, &end.reason, authorizer);
    if let Some(Err(fault)) = invoke(function, event).await {
        function.fault(format!("$disconnect: {fault}"));
    }
}

async fn hold<S: AsyncRead + AsyncWrite + Unpin>(
    function: &Arc<Function>,
    socket: &mut WebSocketStream<S>,
    connection: &Arc<Connection>,
    ordered: &mut mpsc::Receiver<Order>,
) -> End {
    let settings = &function.settings.web_socket;
    let expires = Instant::now() + settings.lifetime;
    let mut idle = Instant::now() + settings.idle;
    loop {
        tokio::select! {
            order = ordered.recv() => match order {
                Some(Order::Send(message)) => {
                    if let Err(error) = send(socket, &message).await {
                        return End::of(&error);
                    }
                }
                _ => return End::told(CloseCode::Normal, "Connection Closed Normally"),
            },
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let (function, connection) = (Arc::clone(function), Arc::clone(connection));
                    tokio::spawn(async move { deliver(&function, &connection, &text).await });
                }
                // "Binary media types for WebSocket APIs": not taken as they come.
                Some(Ok(Message::Binary(_))) => {
                    return End::told(CloseCode::Unsupported, "Binary is not supported");
                }
                Some(Ok(Message::Close(close))) => return End::by_client(close),
                Some(Ok(_)) => {}
                Some(Err(error)) => return End::of(&error),
                None => return End::of(&Error::ConnectionClosed),
            },
            () = sleep_until(idle) => return End::told(CloseCode::Away, "Going away"),
            () = sleep_until(expires) => return End::told(CloseCode::Away, "Going away"),
        }
        connection.is_active();
        idle = Instant::now() + settings.idle;
    }
}

/// Sends a message in frames of the size that the API has.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    message: &Bytes,
) -> Result<(), Error> {
    let mut opcode = OpCode::Data(Data::Text);
    let mut rest = message.clone();
    loop {
        let piece = rest.split_to(rest.len().min(FRAME));
        let frame = Frame::message(piece, opcode, rest.is_empty());
        socket.feed(Message::Frame(frame)).await?;
        if rest.is_empty() {
            return socket.flush().await;
        }
        opcode = OpCode::Data(Data::Continue);
    }
}

/// Has the function work on a message. Whatever comes of it, the connection stays.
async fn deliver(function: &Arc<Function>, connection: &Connection, message: &str) {
    let context = &connection.context;
    let say = |message: &str| {
        let said = json!({
            "message": message,
            "connectionId": context.connection,
            "requestId": token(),
        });
        connection.send(said.to_string().into());
    };
    let routes = &function.settings.web_socket.routes;
    let Some(route) = routes.select(message) else { return say("Forbidden") };
    let authorizer = function.settings.authorizer.as_ref();
    let event = event::message(context, route, message, authorizer);
    match invoke(function, event).await {
        None => say("Endpoint request timed out"),
        Some(Err(fault)) => {
            function.fault(fault);
            say("Internal server error");
        }
        // "One-way": without a route response nobody gets it, whatever its status.
        Some(Ok(reply)) if routes.respond => {
            let body = reply.into_body().collect().await;
            let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            if !body.is_empty() {
                connection.send(body);
            }
        }
        Some(Ok(_)) => {}
    }
}
