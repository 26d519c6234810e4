use std::{
    io::{IsTerminal as _, stdin},
    net::SocketAddr,
    process::ExitCode,
};

use mcp_core::{Server, StateKeyError, Target, TargetError, Transport as _};
use mcp_transport_sse::{ConfigError, HttpConfig, HttpTransport};
use mcp_transport_stdio::StdioTransport;

use crate::{
    cli::{Cli, Command, HttpOptions, LogFormat},
    logging, signals, state_keys,
};

/// Serves until the client goes (stdio) or a signal comes (HTTP), and returns the program's exit
/// code: 0 after an orderly end, 1 when serving failed, 2 when the arguments or the environment
/// are wrong.
///
/// The arguments `stdio` and `http [--listen ADDR]` say how to serve; without them the
/// environment does, as [`Target::detect`] reads it. `--help` lists all options.
///
/// SIGTERM and Ctrl-C stop accepting, let calls in flight finish within the grace period (25 s
/// unless `--grace` says otherwise) and end the program; a second signal ends it at once.
///
/// `MCP_STATE_KEY` holds the keys that replicas share, 32 bytes in hexadecimal each, separated by
/// commas: the first seals what a call knows while its user is being asked, all of them open it.
/// See [`StateKeys`](crate::StateKeys).
///
/// Logs go to standard error, one line for each tool call. Arguments' values are never logged.
pub async fn run(server: Server) -> ExitCode {
    let identity = server.identity();
    let cli = match Cli::parse_for(&identity.name, &identity.version) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failures. An error in printing cannot be told to anyone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    logging::init(cli.log_format);
    match serve(server, cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    Target(#[from] TargetError),
    #[error(
        "AWS Lambda is not supported by this version: AWS_LAMBDA_RUNTIME_API is set; to serve HTTP \
         behind the Lambda Web Adapter, pass `http`"
    )]
    Lambda,
    #[error(
        "refusing to serve without authentication on {0}, which is not loopback: listen on \
         127.0.0.1, or pass --allow-anonymous if anyone who can reach the address may call the tools"
    )]
    Anonymous(SocketAddr),
    #[error("cannot listen on {listen}: {source}")]
    Listen { listen: SocketAddr, source: std::io::Error },
    #[error("{variable}: {0}", variable = state_keys::VARIABLE)]
    StateKeys(#[from] StateKeyError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    #[error("HTTP failed: {0}")]
    Http(<HttpTransport as mcp_core::Transport>::Error),
    #[error("stdio failed: {0}")]
    Stdio(<StdioTransport as mcp_core::Transport>::Error),
}

impl RunError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Target(_)
            | Self::Lambda
            | Self::Anonymous(_)
            | Self::StateKeys(_)
            | Self::Config(_) => 2,
            _ => 1,
        }
    }
}

async fn serve(server: Server, cli: Cli) -> Result<(), RunError> {
    state_keys::set(&server, |name| std::env::var(name).ok())?;
    let target = match cli.command {
        Some(Command::Stdio) => Target::Stdio,
        Some(Command::Http { listen }) => Target::Http { listen },
        #[cfg(feature = "ws")]
        Some(Command::Ws { listen }) => {
            return serve_http(server, listen, cli.http, cli.log_format, Endpoint::WebSocket).await;
        }
        None => Target::detect(|name| std::env::var(name).ok(), stdin().is_terminal())?,
    };
    match target {
        Target::Stdio => {
            let shutdown = signals::shutdown().map_err(RunError::Signals)?;
            StdioTransport::new()
                .grace(cli.http.grace)
                .serve(server, shutdown)
                .await
                .map_err(RunError::Stdio)
        }
        Target::Http { listen } => {
            serve_http(server, listen, cli.http, cli.log_format, Endpoint::Mcp).await
        }
        Target::Lambda { .. } => Err(RunError::Lambda),
    }
}

/// What a listener is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    /// Everything that there is.
    Mcp,
    #[cfg(feature = "ws")]
    WebSocket,
}

async fn serve_http(
    server: Server,
    listen: SocketAddr,
    options: HttpOptions,
    log_format: LogFormat,
    endpoint: Endpoint,
) -> Result<(), RunError> {
    if !listen.ip().is_loopback() && !options.allow_anonymous {
        return Err(RunError::Anonymous(listen));
    }
    let shutdown = signals::shutdown().map_err(RunError::Signals)?;
    let transport = HttpTransport::bind(listen)
        .await
        .map_err(|source| RunError::Listen { listen, source })?
        .grace(options.grace)
        .legacy_sse(options.legacy_sse)
        .config(http_config(&options)?);
    #[cfg(feature = "ws")]
    let transport = {
        let sockets = crate::ws::service(&server, http_config(&options)?, options.grace);
        let transport = transport.mount(crate::ws::PATH, sockets);
        if endpoint == Endpoint::WebSocket { transport.only_mounts() } else { transport }
    };
    let address = transport.local_addr().map_err(|source| RunError::Listen { listen, source })?;
    let url = match endpoint {
        Endpoint::Mcp => format!("http://{address}/mcp"),
        #[cfg(feature = "ws")]
        Endpoint::WebSocket => format!("ws://{address}{}", crate::ws::PATH),
    };
    tracing::info!(url, "listening");
    if log_format == LogFormat::Text && endpoint == Endpoint::Mcp {
        eprintln!(
            "\nTry it:\n  curl -s {url} -H 'Content-Type: application/json' \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'\n"
        );
    }
    transport.serve(server, shutdown).await.map_err(RunError::Http)
}

fn http_config(options: &HttpOptions) -> Result<HttpConfig, ConfigError> {
    let mut config = HttpConfig::new();
    for host in &options.allowed_host {
        config = if host == "*" { config.allow_any_host() } else { config.allow_host(host)? };
    }
    for origin in &options.allowed_origin {
        config =
            if origin == "*" { config.allow_any_origin() } else { config.allow_origin(origin)? };
    }
    Ok(config)
}
