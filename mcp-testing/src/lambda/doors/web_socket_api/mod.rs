//! A WebSocket API of API Gateway: it holds the connections, and invokes the function for what
//! happens to each.

mod connection;
mod event;
mod management;
mod routes;

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::server::create_response_with_body,
        protocol::{Role, WebSocketConfig},
    },
};

pub(super) use self::management::answer as manage;
pub(in crate::lambda) use self::routes::Routes;
use self::{connection::Connection, event::SocketContext};
use super::{
    Body, full,
    reply::{self, Form},
    text,
};
use crate::lambda::{
    Outcome,
    emulator::Function,
    invocation::{InvokeOptions, PAYLOAD, epoch_millis},
};

const DOMAIN: &str = "id.execute-api.us-east-1.amazonaws.com";
const STAGE: &str = "prod";
/// Where the management API is, below the URL at which functions find AWS.
pub(in crate::lambda) const MANAGEMENT: &str = "/prod/";
/// "Quotas for WebSocket APIs": WebSocket frame size.
const FRAME: usize = 32 * 1024;
/// "Quotas for WebSocket APIs": message payload size.
const MESSAGE: usize = 128 * 1024;
/// "Quotas for WebSocket APIs": length of the URL.
const URL: usize = 4096;
/// "Quotas for WebSocket APIs": integration timeout.
const TIMEOUT: Duration = Duration::from_secs(29);

/// The limits that a test does not wait for, and what the API is set up with.
#[derive(Clone, Debug)]
pub(in crate::lambda) struct WebSocketSettings {
    /// "Quotas for WebSocket APIs": idle connection timeout.
    pub(in crate::lambda) idle: Duration,
    /// "Quotas for WebSocket APIs": connection duration.
    pub(in crate::lambda) lifetime: Duration,
    pub(in crate::lambda) routes: Routes,
    pub(in crate::lambda) loses_disconnects: bool,
}

impl Default for WebSocketSettings {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10 * 60),
            lifetime: Duration::from_secs(2 * 60 * 60),
            routes: Routes::default(),
            loses_disconnects: false,
        }
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(in crate::lambda) struct Connections(Mutex<HashMap<String, Arc<Connection>>>);

impl Connections {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.lock().get(id).cloned()
    }

    /// How many there are.
    pub(in crate::lambda) fn len(&self) -> usize {
        self.lock().len()
    }
}

/// Serves the API until the future is dropped.
pub(super) async fn serve(function: Arc<Function>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let function = Arc::clone(&function);
        connections.spawn(async move {
            let (upgraded, mut upgrade) = tokio::sync::mpsc::channel(1);
            let service = service_fn(|request| {
                let (function, upgraded) = (Arc::clone(&function), upgraded.clone());
                async move { Ok::<_, Infallible>(answer(&function, request, &upgraded).await) }
            });
            // An error is the client's.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
            // It is served here, so that it ends with the door.
            if let Ok(connected) = upgrade.try_recv() {
                run(&function, connected).await;
            }
        });
    }
}

/// A client whose upgrade is granted.
struct Connected {
    context: SocketContext,
    upgrade: hyper::upgrade::OnUpgrade,
}

async fn answer(
    function: &Arc<Function>,
    mut request: Request<Incoming>,
    upgraded: &tokio::sync::mpsc::Sender<Connected>,
) -> Response<Body> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    if request.uri().to_string().len() > URL {
        return text(StatusCode::URI_TOO_LONG, r#"{"message":"Request URI Too Long"}"#);
    }
    let in_stage = path.strip_prefix('/').and_then(|path| path.strip_prefix(STAGE));
    match in_stage {
        Some("") => {}
        Some(rest) if is_management(rest) => {
            let (parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, PAYLOAD).collect().await else {
                return text(StatusCode::PAYLOAD_TOO_LARGE, r#"{"message":"Message too long"}"#);
            };
            return manage(function, Request::from_parts(parts, body.to_bytes()));
        }
        _ => return text(StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#),
    }
    let Ok(mut response) = create_response_with_body(&request, || full("")) else {
        return text(StatusCode::FORBIDDEN, r#"{"message":"Forbidden"}"#);
    };
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    let context = SocketContext {
        connection: token(),
        connected_at: epoch_millis(SystemTime::now()),
        user_agent: agent.map(str::to_owned),
    };
    match connect(function, &context, &request).await {
        Ok(protocol) => {
            if let Some(protocol) = protocol {
                response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
            }
            let upgrade = hyper::upgrade::on(&mut request);
            let _ = upgraded.try_send(Connected { context, upgrade });
            response
        }
        Err(refusal) => *refusal,
    }
}

/// Asks the function whether a client may connect. The subprotocol that it chooses.
async fn connect(
    function: &Function,
    context: &SocketContext,
    request: &Request<Incoming>,
) -> Result<Option<HeaderValue>, Box<Response<Body>>> {
    let authorizer = function.settings.authorizer.as_ref();
    let event = event::connect(context, request, authorizer);
    let bad_gateway = |fault: String| {
        function.fault(fault);
        Box::new(text(StatusCode::BAD_GATEWAY, r#"{"message":"Internal server error"}"#))
    };
    let reply = match invoke(function, event).await {
        Some(reply) => reply.map_err(bad_gateway)?,
        None => {
            let message = r#"{"message":"Endpoint request timed out"}"#;
            return Err(text(StatusCode::GATEWAY_TIMEOUT, message).into());
        }
    };
    if !reply.status().is_success() {
        return Err(reply.into());
    }
    let chosen = reply.headers().get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
    let offers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let offers = offers.iter().filter_map(|offers| offers.to_str().ok());
    let mut offers = offers.flat_map(|offers| offers.split(',')).map(str::trim);
    match chosen {
        // No client goes on with what it has not asked for.
        Some(chosen) if !offers.any(|offer| offer.as_bytes() == chosen.as_bytes()) => {
            Err(bad_gateway(format!("the subprotocol {chosen:?} is none that the client offers")))
        }
        chosen => Ok(chosen),
    }
}

/// Has the function answer an event; `None` if it takes too long. It goes on all the same.
async fn invoke(
    function: &Function,
    event: serde_json::Value,
) -> Option<Result<Response<Body>, String>> {
    let event = Bytes::from(event.to_string());
    let invocation = function.invoke(event, InvokeOptions::default());
    let timeout = function.settings.integration_timeout.unwrap_or(TIMEOUT);
    let outcome = tokio::time::timeout(timeout, invocation).await.ok()?;
    Some(match outcome {
        Outcome::Failed(failure) => Err(format!("the function failed: {failure:?}")),
        Outcome::Streaming { .. } => Err("a stream, which WebSocket APIs do not take".into()),
        Outcome::Answered(reply) => reply::read(Form::Version1, &reply),
    })
}

/// Serves a connection to its end.
async fn run(function: &Arc<Function>, connected: Connected) {
    let Connected { context, upgrade } = connected;
    let Ok(stream) = upgrade.await else { return };
    let limits =
        WebSocketConfig::default().max_frame_size(Some(FRAME)).max_message_size(Some(MESSAGE));
    let stream = TokioIo::new(stream);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(limits)).await;
    connection::run(function, socket, context).await;
}

/// Whether a path below the stage is one of the management API, and not a client's.
fn is_management(path: &str) -> bool {
    path.starts_with("/@connections/") || path.starts_with("/%40connections/")
}

/// An identifier in the form of API Gateway's: eleven bytes in Base64.
fn token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 11];
    bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    bytes[4..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes()[1..]);
    BASE64_URL_SAFE.encode(bytes)
}

fn is_token(text: &str) -> bool {
    BASE64_URL_SAFE.decode(text).is_ok_and(|bytes| bytes.len() == 11)
}
