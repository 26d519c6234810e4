use std::{
    future::{Future, IntoFuture},
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    process::Stdio,
    sync::Arc,
};

use mcp_core::{Era, Server, Transport as _};
use mcp_transport_sse::HttpTransport;
use mcp_transport_ws::{WebSocketConfig, WebSocketService};
use rmcp::{
    model::{ClientCapabilities, ClientConfig, Implementation, ProtocolVersion},
    service::{ClientLifecycleMode, RoleClient, serve_client_with_lifecycle},
    transport::{IntoTransport, StreamableHttpClientTransport, TokioChildProcess},
};
use tokio_util::sync::CancellationToken;

use crate::{
    Harness, http_sse,
    in_memory::InMemory,
    recorder::{Progress, Recorder, Recording},
    web_socket,
};

/// A connection that is about to be made: await it, or choose its era first.
///
/// ```
/// # use {mcp_core::Server, mcp_testing::Harness};
/// # mcp_testing::__private::block_on(async {
/// # let server = Server::builder("empty", "1.0").build();
/// let modern = Harness::in_memory(server.clone()).await;
/// let legacy = Harness::in_memory(server).legacy().await;
/// # });
/// ```
#[derive(Debug)]
#[must_use = "awaiting it connects"]
pub struct Connect {
    place: Place,
    era: Era,
    capabilities: ClientCapabilities,
}

#[derive(Debug)]
pub(crate) enum Place {
    /// Straight into the dispatch.
    Memory(Server),
    /// The stdio transport over real pipes of this process.
    Pipes(Server),
    /// The HTTP transport on a free port.
    Listener(Server),
    /// The WebSocket transport on a free port.
    WebSocket(Server),
    /// HTTP+SSE on a free port.
    Sse(Server),
    /// A program that speaks stdio.
    Command(tokio::process::Command),
    /// A server that listens somewhere for HTTP.
    Url(String),
    /// A server that listens somewhere for WebSockets.
    WebSocketUrl(String),
    /// A server that listens somewhere for HTTP+SSE.
    SseUrl(String),
    /// A function of AWS Lambda.
    #[cfg(feature = "lambda")]
    Lambda(crate::lambda::Door, Box<crate::lambda::Emulator>),
}

impl Connect {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, era: Era::Modern, capabilities: all_capabilities() }
    }

    /// Connects with the `initialize` handshake of 2025-11-25 instead of per-request metadata.
    pub fn legacy(mut self) -> Self {
        self.era = Era::Legacy;
        self
    }

    /// Declares what the client can be asked, instead of everything.
    pub fn capabilities(mut self, capabilities: ClientCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    async fn connect(self) -> Harness {
        let shutdown = CancellationToken::new();
        let (era, capabilities) = (self.era, self.capabilities);
        let opening = Opening { era, capabilities, shutdown: shutdown.clone() };
        match self.place {
            Place::Memory(server) => open(InMemory::new(server), opening).await,
            Place::Pipes(server) => {
                let (to_server, from_client) = pipe();
                let (to_client, from_server) = pipe();
                let stop = shutdown.clone();
                tokio::spawn(async move {
                    mcp_transport_stdio::serve_stream(
                        server,
                        from_client,
                        to_client,
                        mcp_transport_stdio::StreamOptions::default(),
                        stop,
                    )
                    .await
                    .expect("the pipes can be read and written");
                });
                open((from_server, to_server), opening).await
            }
            Place::Listener(server) => {
                let (transport, address) = listener().await;
                let url = format!("http://{address}/mcp");
                tokio::spawn(transport.serve(server, shutdown.clone()));
                open(StreamableHttpClientTransport::from_uri(url), opening).await
            }
            Place::WebSocket(server) => {
                let (transport, address) = listener().await;
                let sockets = WebSocketService::new(server.clone(), WebSocketConfig::new());
                let transport = transport.only_mounts().mount("/ws", sockets);
                tokio::spawn(transport.serve(server, shutdown.clone()));
                open(web_socket::connect(&format!("ws://{address}/ws")).await, opening).await
            }
            Place::Sse(server) => {
                let (transport, address) = listener().await;
                tokio::spawn(transport.legacy_sse(true).serve(server, shutdown.clone()));
                open(http_sse::connect(&format!("http://{address}/sse")).await, opening).await
            }
            Place::Command(command) => {
                let (child, _) = TokioChildProcess::builder(command)
                    .stderr(Stdio::inherit())
                    .spawn()
                    .expect("the program can be started");
                open(child, opening).await
            }
            Place::Url(url) => open(StreamableHttpClientTransport::from_uri(url), opening).await,
            Place::WebSocketUrl(url) => open(web_socket::connect(&url).await, opening).await,
            Place::SseUrl(url) => open(http_sse::connect(&url).await, opening).await,
            #[cfg(feature = "lambda")]
            Place::Lambda(door, emulator) => {
                use crate::lambda::{Door, harness::Invoking};
                let emulator = Arc::new(emulator.deployed_behind(door).await);
                if door == Door::Invoke {
                    return open(Invoking::new(emulator), opening).await;
                }
                let url = emulator.open(door).await.expect("loopback has a free port");
                tokio::spawn(async move {
                    // The function lives as long as the harness.
                    shutdown.cancelled().await;
                    drop(emulator);
                });
                if door == Door::WebSocketApi {
                    return open(web_socket::connect(&url).await, opening).await;
                }
                open(StreamableHttpClientTransport::from_uri(url), opening).await
            }
        }
    }
}

impl IntoFuture for Connect {
    type Output = Harness;
    type IntoFuture = Pin<Box<dyn Future<Output = Harness> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

async fn listener() -> (HttpTransport, SocketAddr) {
    let transport = HttpTransport::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let transport = transport.expect("loopback has a free port");
    let address = transport.local_addr().expect("a listener has an address");
    (transport, address)
}

fn pipe() -> (tokio::net::unix::pipe::Sender, tokio::net::unix::pipe::Receiver) {
    tokio::net::unix::pipe::pipe().expect("the system has a free pipe")
}

/// A client that can be asked everything, and shows apps.
fn all_capabilities() -> ClientCapabilities {
    let all = serde_json::json!({
        "elicitation": { "form": {}, "url": {} },
        "sampling": { "tools": {}, "context": {} },
        "roots": {},
        "extensions": {
            "io.modelcontextprotocol/ui": { "mimeTypes": ["text/html;profile=mcp-app"] },
        },
    });
    serde_json::from_value(all).expect("these are capabilities")
}

/// What a client says of itself.
struct Opening {
    era: Era,
    capabilities: ClientCapabilities,
    shutdown: CancellationToken,
}

async fn open<T, E, A>(transport: T, opening: Opening) -> Harness
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let Opening { era, capabilities, shutdown } = opening;
    let progress = Progress::default();
    let transport = Recording::new(transport.into_transport(), Arc::clone(&progress));
    let info = ClientConfig::new(
        capabilities,
        Implementation::new("mcp-testing", env!("CARGO_PKG_VERSION")),
    );
    let recorder = Recorder::new(info, progress);
    let lifecycle = match era {
        Era::Modern => ClientLifecycleMode::Discover {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        },
        Era::Legacy => ClientLifecycleMode::Initialize,
    };
    let client = serve_client_with_lifecycle(recorder, transport, lifecycle)
        .await
        .expect("the client can connect to the server");
    Harness::new(client, era, shutdown)
}
