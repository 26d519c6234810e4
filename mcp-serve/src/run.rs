use std::{
    io::{IsTerminal as _, stdin},
    net::SocketAddr,
    pin::Pin,
    process::ExitCode,
};

use mcp_core::{Server, StateKeyError, Target, TargetError, Transport as _};
#[cfg(feature = "lambda")]
use mcp_transport_lambda::{LambdaError, LambdaTransport};
use mcp_transport_sse::{Authentication, ConfigError, HttpConfig, HttpTransport};
use mcp_transport_stdio::StdioTransport;

use crate::{
    allocator,
    auth::{self, AuthError},
    cli::{Cli, Command, HttpOptions, LogFormat},
    health, logging, signals, state_keys,
};

/// Serves until the client goes (stdio) or a signal comes (HTTP, Lambda), and returns the program's exit
/// code: 0 after an orderly end, 1 when serving failed, 2 when the arguments or the environment
/// are wrong.
///
/// `health` serves nothing: it asks a server on the same machine for `/health`, for containers.
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
/// Inside AWS Lambda it answers invocations; `MCP_LAMBDA_RESPONSE` says whether replies are streamed,
/// `MCP_IAM_SCOPES` which scopes callers have whom IAM has let in, and, with the feature
/// `web-socket-api`, `MCP_CONNECTION_TABLE` in which table of DynamoDB the connections of a WebSocket
/// API are. `MCP_METRICS=emf` writes a line of
/// CloudWatch's embedded metrics for each call to standard output.
///
/// On an address that is not loopback callers have to show a credential: API keys
/// (`--api-keys-file`, `MCP_API_KEYS`) or, with the feature `auth-jwt`, tokens (`--jwt-issuer`,
/// `--alb-arn`). With the feature `tls`, `--tls-cert` and `--tls-key` serve over TLS; with
/// `telemetry`, `--metrics` answers Prometheus; with `otlp`,
/// `OTEL_EXPORTER_OTLP_ENDPOINT` has spans and metrics sent there.
///
/// Logs go to standard error, one line for each tool call. Arguments' values are never logged.
pub fn run(server: Server) -> Pin<Box<dyn Future<Output = ExitCode> + Send>> {
    // Boxed here, all of it is compiled with this crate, once, and not with each program that serves.
    Box::pin(run_here(server))
}

async fn run_here(server: Server) -> ExitCode {
    allocator::keep_large_buffers();
    let identity = server.identity();
    let cli = match Cli::parse_for(&identity.name, &identity.version) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no failures. An error in printing cannot be told to anyone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Some(Command::Health { listen }) = cli.command {
        return health(listen, &cli);
    }
    let target = target(cli.command.as_ref());
    logging::init(&identity.name, log_format(&cli), matches!(target, Ok(Target::Stdio)));
    #[cfg(feature = "lambda")]
    let is_function = matches!(target, Ok(Target::Lambda { .. }));
    match serve(server, cli, target).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            // What ends serving itself is the transport's to tell.
            #[cfg(feature = "lambda")]
            if is_function && !matches!(error, RunError::Lambda(_)) {
                mcp_transport_lambda::report_init_error(&error).await;
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn health(
    listen: SocketAddr,
    #[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "nothing speaks TLS"))]
    cli: &Cli,
) -> ExitCode {
    #[cfg(feature = "tls")]
    let is_tls = cli.tls.is_asked_for();
    #[cfg(not(feature = "tls"))]
    let is_tls = false;
    match health::ask(listen, is_tls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error("{0}")]
    Target(#[from] TargetError),
    #[cfg(feature = "lambda")]
    #[error("{0}")]
    Lambda(#[from] mcp_transport_lambda::LambdaError),
    #[cfg(feature = "lambda")]
    #[error("{variable}: {0}", variable = crate::lambda::RESPONSE)]
    LambdaResponse(#[from] mcp_transport_lambda::ResponseModeError),
    #[cfg(not(feature = "lambda"))]
    #[error(
        "AWS_LAMBDA_RUNTIME_API is set, but this binary was built without the feature `lambda` of \
         mcp-serve; to serve HTTP behind the Lambda Web Adapter, pass `http`"
    )]
    Lambda,
    #[error(
        "refusing to serve without authentication on {0}, which is not loopback: listen on \
         127.0.0.1, ask for API keys with --api-keys-file, or pass --allow-anonymous if anyone who \
         can reach the address may call the tools"
    )]
    Anonymous(SocketAddr),
    #[error("cannot listen on {listen}: {source}")]
    Listen { listen: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Start(#[from] mcp_core::HookError),
    #[error("{variable}: {0}", variable = state_keys::VARIABLE)]
    StateKeys(#[from] StateKeyError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[cfg(any(feature = "redis", feature = "dynamodb"))]
    #[error("--session-store: {0}")]
    SessionStore(#[from] crate::session_store::SessionStoreUrlError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[cfg(feature = "tls")]
    #[error("TLS: {0}")]
    Tls(#[from] mcp_transport_sse::TlsError),
    #[cfg(feature = "telemetry")]
    #[error(transparent)]
    Telemetry(#[from] crate::telemetry::TelemetryError),
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
            | Self::Anonymous(_)
            | Self::StateKeys(_)
            | Self::Auth(_)
            | Self::Config(_) => 2,
            #[cfg(feature = "tls")]
            Self::Tls(_) => 2,
            #[cfg(feature = "telemetry")]
            Self::Telemetry(_) => 2,
            #[cfg(any(feature = "redis", feature = "dynamodb"))]
            Self::SessionStore(_) => 2,
            #[cfg(feature = "lambda")]
            Self::LambdaResponse(_) => 2,
            #[cfg(feature = "lambda")]
            Self::Lambda(LambdaError::Environment(..) | LambdaError::Variable(..)) => 2,
            #[cfg(not(feature = "lambda"))]
            Self::Lambda => 2,
            _ => 1,
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn target(command: Option<&Command>) -> Result<Target, TargetError> {
    match command {
        Some(Command::Stdio) => Ok(Target::Stdio),
        Some(Command::Http { listen } | Command::Health { listen }) => {
            Ok(Target::Http { listen: *listen })
        }
        #[cfg(feature = "ws")]
        Some(Command::Ws { listen }) => Ok(Target::Http { listen: *listen }),
        None => Target::detect(variable, stdin().is_terminal()),
    }
}

async fn serve(
    server: Server,
    cli: Cli,
    target: Result<Target, TargetError>,
) -> Result<(), RunError> {
    state_keys::set(&server, variable)?;
    let endpoint = match cli.command {
        #[cfg(feature = "ws")]
        Some(Command::Ws { .. }) => Endpoint::WebSocket,
        _ => Endpoint::Mcp,
    };
    let target = target?;
    #[cfg(feature = "telemetry")]
    let (server, telemetry) = {
        let is_http = matches!(target, Target::Http { .. });
        crate::telemetry::measure(server, &cli.telemetry, is_http)?
    };
    #[cfg(not(feature = "telemetry"))]
    let telemetry = NoTelemetry;
    server.start().await?;
    let served = match target {
        Target::Stdio => {
            let shutdown = signals::shutdown().map_err(RunError::Signals)?;
            StdioTransport::new()
                .grace(cli.http.grace)
                .serve(server, shutdown)
                .await
                .map_err(RunError::Stdio)
        }
        Target::Http { listen } => serve_http(server, listen, cli, endpoint, &telemetry).await,
        #[cfg(feature = "lambda")]
        Target::Lambda { .. } => serve_lambda(server, cli, &telemetry).await,
        #[cfg(not(feature = "lambda"))]
        Target::Lambda { .. } => Err(RunError::Lambda),
    };
    #[cfg(feature = "telemetry")]
    crate::telemetry::finish(telemetry).await;
    served
}

#[cfg(feature = "telemetry")]
type MaybeTelemetry = Option<mcp_telemetry::Telemetry>;
#[cfg(not(feature = "telemetry"))]
type MaybeTelemetry = NoTelemetry;

/// What measures in a program that cannot.
#[cfg(not(feature = "telemetry"))]
struct NoTelemetry;

#[cfg(all(feature = "lambda", not(feature = "telemetry")))]
impl NoTelemetry {
    fn is_some(&self) -> bool {
        false
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
    cli: Cli,
    endpoint: Endpoint,
    #[cfg_attr(not(feature = "telemetry"), expect(unused_variables, reason = "nothing measures"))]
    telemetry: &MaybeTelemetry,
) -> Result<(), RunError> {
    let log_format = log_format(&cli);
    let options = cli.http;
    let authentication = auth::authentication(cli.auth, variable).await?;
    let asks = authentication.is_some();
    #[cfg(feature = "tls")]
    let (knows_clients, tls) = (asks || cli.tls.asks_clients(), cli.tls.load()?);
    #[cfg(not(feature = "tls"))]
    let knows_clients = asks;
    if !listen.ip().is_loopback() && !knows_clients && !options.allow_anonymous {
        return Err(RunError::Anonymous(listen));
    }
    let config = http_config(Some(listen), &options, authentication)?;
    let shutdown = signals::shutdown().map_err(RunError::Signals)?;
    let transport = HttpTransport::bind(listen)
        .await
        .map_err(|source| RunError::Listen { listen, source })?
        .grace(options.grace)
        .drain_delay(options.drain_delay)
        .legacy_sse(options.legacy_sse)
        .config(config.clone());
    #[cfg(feature = "ws")]
    let transport = {
        let sockets = crate::ws::service(&server, config, options.grace);
        let transport = transport.mount(crate::ws::PATH, sockets);
        if endpoint == Endpoint::WebSocket { transport.only_mounts() } else { transport }
    };
    let address = transport.local_addr().map_err(|source| RunError::Listen { listen, source })?;
    #[cfg(feature = "telemetry")]
    let transport = match telemetry.clone().filter(|_| cli.telemetry.metrics) {
        Some(telemetry) => transport.metrics(move || telemetry.scrape()),
        None => transport,
    };
    #[cfg(feature = "tls")]
    let (transport, secure) = match tls {
        Some(tls) => (transport.tls(tls), "s"),
        None => (transport, ""),
    };
    #[cfg(not(feature = "tls"))]
    let secure = "";
    let url = match endpoint {
        Endpoint::Mcp => format!("http{secure}://{address}/mcp"),
        #[cfg(feature = "ws")]
        Endpoint::WebSocket => format!("ws{secure}://{address}{}", crate::ws::PATH),
    };
    tracing::info!(url, "listening");
    if log_format == LogFormat::Text && endpoint == Endpoint::Mcp {
        let credential = if asks { "-H \"Authorization: Bearer $TOKEN\" " } else { "" };
        eprintln!(
            "\nTry it:\n  curl -s {url} {credential}-H 'Content-Type: application/json' \
             -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}}'\n"
        );
    }
    transport.serve(server, shutdown).await.map_err(RunError::Http)
}

#[cfg(feature = "lambda")]
async fn serve_lambda(
    server: Server,
    cli: Cli,
    telemetry: &MaybeTelemetry,
) -> Result<(), RunError> {
    let mut options = cli.http;
    let authentication = auth::authentication(cli.auth, variable).await?;
    // Whom the event source does not know is asked by the server itself.
    options.allow_anonymous |= authentication.is_some();
    let config = http_config(None, &options, authentication)?;
    let config = crate::lambda::config(config, &options, variable)?;
    let shutdown = signals::shutdown().map_err(RunError::Signals)?;
    let transport = LambdaTransport::new().config(config).hear_shutdown(telemetry.is_some());
    #[cfg(feature = "otlp")]
    let transport = match telemetry.clone() {
        Some(telemetry) => transport.after_each(move || crate::telemetry::flush(telemetry.clone())),
        None => transport,
    };
    Ok(transport.serve(server, shutdown).await?)
}

/// What is asked for, or what the function's own setting says: Lambda puts its "Log format" into the
/// environment.
fn log_format(cli: &Cli) -> LogFormat {
    match cli.log_format {
        Some(format) => format,
        None if variable("AWS_LAMBDA_LOG_FORMAT").as_deref() == Some("JSON") => LogFormat::Json,
        None => LogFormat::Text,
    }
}

fn http_config(
    listen: Option<SocketAddr>,
    options: &HttpOptions,
    authentication: Option<Authentication>,
) -> Result<HttpConfig, RunError> {
    let mut config = HttpConfig::new();
    if let Some(authentication) = authentication {
        config = config.authentication(authentication);
        // A page that reaches the server through its visitor's browser has no credential.
        if options.allowed_host.is_empty()
            && listen.is_some_and(|listen| !listen.ip().is_loopback())
        {
            config = config.allow_any_host();
        }
    }
    #[cfg(any(feature = "redis", feature = "dynamodb"))]
    if let Some(url) = &options.session_store {
        #[cfg(feature = "redis-tls")]
        let ca = options.session_store_ca.as_deref();
        #[cfg(not(feature = "redis-tls"))]
        let ca = None;
        config = config.session_store(crate::session_store::open(url, ca)?);
    }
    for host in &options.allowed_host {
        config = if host == "*" { config.allow_any_host() } else { config.allow_host(host)? };
    }
    for origin in &options.allowed_origin {
        config =
            if origin == "*" { config.allow_any_origin() } else { config.allow_origin(origin)? };
    }
    Ok(config)
}
