//! Listens on the address that is its argument, 127.0.0.1:8000 by default, until it is interrupted.

use std::sync::Arc;

use mount_existing_axum_app::{Shop, app};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let listener = TcpListener::bind(&address).await?;
    eprintln!("listening on http://{}/mcp", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let app = app(Arc::new(Shop::default()), shutdown.clone());
    let interrupted = async move {
        // Without a handler the process ends at once, which is what an interrupt asks for.
        let _ = tokio::signal::ctrl_c().await;
        shutdown.cancel();
    };
    axum::serve(listener, app).with_graceful_shutdown(interrupted).await
}
