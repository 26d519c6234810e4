use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Args;
use mcp_core::{Request, ToolContext, ToolPack, Transport as _, tool};
use mcp_stage::Stage;
use mcp_state_redis::RedisSessionStore;
use mcp_transport_sse::{HttpConfig, HttpTransport};
use mcp_transport_ws::{WebSocketConfig, WebSocketService};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;

/// The limits of a server under test.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How long a session may be idle, in seconds.
    #[arg(long, hide = true, default_value_t = 300.0)]
    session_idle: f64,
    /// How long anything that a client does may take, in seconds.
    #[arg(long, hide = true, default_value_t = 60.0)]
    timeout: f64,
    /// Where sessions are kept.
    #[arg(long, hide = true)]
    session_store: Option<String>,
}

/// Takes so many milliseconds.
#[tool]
async fn nap(
    /// How many.
    milliseconds: u64,
) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    "rested".to_owned()
}

/// Reports progress in 4,000 pieces of 4 KiB: more than the operating system takes for a client, and
/// not without an end, as the call of a legacy session goes on when its client is given up.
#[tool]
async fn pour(cx: &ToolContext) -> String {
    let message = "more".repeat(1024);
    for step in 0..4_000 {
        cx.progress(f64::from(step), message.clone()).await;
    }
    "poured".into()
}

/// Serves everything on a free port, tells it on standard error, and drains on SIGTERM.
pub(crate) async fn serve(options: &Options) -> anyhow::Result<()> {
    let stage = Arc::<Stage>::default();
    let pack = ToolPack::new("soak", ()).tool::<nap>().tool::<pour>();
    let begun = Arc::<AtomicU64>::default();
    let count = Arc::clone(&begun);
    let counting = MapRequestLayer::new(move |request: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        request
    });
    let server = mcp_stage::builder(&stage).pack(pack).layer(counting).build();
    let timeout = Duration::from_secs_f64(options.timeout);
    let mut config = HttpConfig::new()
        .max_sessions(10_000)
        .session_idle(Duration::from_secs_f64(options.session_idle))
        .read_timeout(timeout);
    if let Some(url) = &options.session_store {
        config = config.session_store(Arc::new(RedisSessionStore::new(url)?));
    }
    let sockets = WebSocketService::new(server.clone(), WebSocketConfig::new());
    let transport = HttpTransport::bind("127.0.0.1:0")
        .await?
        .legacy_sse(true)
        .mount("/ws", sockets)
        .config(config)
        .header_timeout(timeout)
        .write_timeout(timeout);
    eprintln!("listening on {}", transport.local_addr()?);

    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    transport.serve(server, shutdown).await?;
    eprintln!("calls begun: {}", begun.load(Ordering::Relaxed));
    Ok(())
}
