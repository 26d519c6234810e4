//! The same tool on rmcp's own services: its macros and router, its streamable HTTP service and
//! its stdio transport, each in the configuration that is fastest.
//!
//! The router is built once and shared (`#[tool_handler]` without an argument builds it anew for
//! each call), answers are JSON where rmcp can do that, pipes are non-blocking, `TCP_NODELAY` is
//! set, and no log is written.

use std::{net::SocketAddr, sync::Arc};

use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use mcp_bench::Listen;
use rmcp::{
    Json, Peer, RoleServer, ServerHandler, ServiceExt as _,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{
        Implementation, ProgressNotificationParam, RequestMetaObject, ServerCapabilities,
        ServerConfig,
    },
    schemars::{self, JsonSchema},
    tool, tool_handler, tool_router,
    transport::{
        stdio_pipes,
        streamable_http_server::{
            StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
        },
    },
};
use serde::Deserialize;
use tokio::net::TcpListener;

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The first addend.
    a: i64,
    /// The second addend.
    b: i64,
}

#[derive(Deserialize, JsonSchema)]
struct Echo {
    /// The text to repeat.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Steps {
    /// How many steps to report.
    n: u32,
}

#[derive(Clone)]
struct Bench {
    router: Arc<ToolRouter<Self>>,
}

#[tool_router]
impl Bench {
    fn new() -> Self {
        Self { router: Arc::new(Self::tool_router()) }
    }

    /// Adds two integers.
    #[tool]
    async fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> Json<i64> {
        Json(a.saturating_add(b))
    }

    /// Repeats a text exactly.
    #[tool]
    async fn echo(&self, Parameters(Echo { text }): Parameters<Echo>) -> String {
        text
    }

    /// Reports n steps as progress, one event each.
    #[tool]
    async fn stream(
        &self,
        peer: Peer<RoleServer>,
        meta: RequestMetaObject,
        Parameters(Steps { n }): Parameters<Steps>,
    ) -> String {
        if let Some(token) = meta.get_progress_token() {
            for step in 1..=n {
                let progress = ProgressNotificationParam::new(token.clone(), step.into())
                    .with_total(n.into())
                    .with_message(format!("step {step}"));
                // Whoever does not listen any more is not told.
                let _ = peer.notify_progress(progress).await;
            }
        }
        format!("streamed {n}")
    }
}

#[tool_handler(router = self.router)]
impl ServerHandler for Bench {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("bench", env!("CARGO_PKG_VERSION")))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Listen::from_args() {
        Listen::Stdio => {
            Bench::new().serve(stdio_pipes()).await?.waiting().await?;
            Ok(())
        }
        Listen::Http { listen } => http(listen).await,
        Listen::Ws { .. } => anyhow::bail!("rmcp has no WebSockets"),
    }
}

async fn http(listen: SocketAddr) -> anyhow::Result<()> {
    // JSON answers to legacy requests exclude sessions, and the other way round.
    let sessions = std::env::var_os("BENCH_SESSIONS").is_some();
    // Nor can JSON carry events.
    let events = std::env::var_os("BENCH_EVENTS").is_some();
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(sessions)
        .with_json_response(!events);
    let server = Bench::new();
    let service = StreamableHttpService::new(
        move || Ok(server.clone()),
        Arc::new(LocalSessionManager::default()),
        config,
    );
    let service = TowerToHyperService::new(service);
    let listener = TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection =
            http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
        tokio::spawn(connection);
    }
}
