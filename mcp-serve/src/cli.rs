use std::{net::SocketAddr, time::Duration};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::auth::AuthOptions;

/// The arguments of every server's binary.
#[derive(Debug, Parser)]
#[command(
    subcommand_required = false,
    after_help = "Without a command the environment decides: inside AWS Lambda it serves \
                  invocations, with MCP_LISTEN or PORT set it listens for HTTP, and when standard \
                  input is a pipe it speaks stdio.\n\nMCP_STATE_KEY holds the keys that replicas \
                  share, 64 hexadecimal digits each, separated by commas: the first seals what a \
                  call knows while its user is being asked, all of them open it.\n\nInside AWS Lambda, MCP_LAMBDA_RESPONSE says \
                  whether replies are streamed (`stream`, `buffered` or `auto`, the default), and \
                  MCP_IAM_SCOPES which scopes callers have whom IAM has let in. MCP_METRICS=emf \
                  writes metrics for CloudWatch to standard output.\n\nRUST_LOG sets what is logged to standard \
                  error, such as `info` (the default) or `warn,mcp_core=debug`."
)]
pub(crate) struct Cli {
    /// How log lines are written to standard error; text unless AWS Lambda is set to JSON.
    #[arg(long, global = true, value_name = "FORMAT", env = "MCP_LOG_FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    #[command(flatten)]
    pub(crate) http: HttpOptions,

    #[command(flatten)]
    pub(crate) auth: AuthOptions,

    #[cfg(feature = "telemetry")]
    #[command(flatten)]
    pub(crate) telemetry: crate::telemetry::TelemetryOptions,

    #[cfg(feature = "tls")]
    #[command(flatten)]
    pub(crate) tls: crate::tls::TlsOptions,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Speak over standard input and output, for a client that starts this program.
    Stdio,
    /// Listen for HTTP.
    Http {
        /// The address and port to listen on; port 0 takes any free one.
        #[arg(long, value_name = "ADDR", env = "MCP_LISTEN", default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
    /// Ask the server that listens on this machine whether it is well: the exit code is 0 if it is, 1 if
    /// not. For the health checks of containers, whose image holds nothing else to ask with.
    Health {
        /// The address and port that it listens on.
        #[arg(long, value_name = "ADDR", env = "MCP_LISTEN", default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
    /// Listen for WebSockets on /ws, and for nothing else. `http` serves them as well.
    #[cfg(feature = "ws")]
    Ws {
        /// The address and port to listen on; port 0 takes any free one.
        #[arg(long, value_name = "ADDR", env = "MCP_LISTEN", default_value = "127.0.0.1:8000")]
        listen: SocketAddr,
    },
}

/// What also applies when the environment, not a command, asks for HTTP.
#[derive(Clone, Debug, Args)]
pub(crate) struct HttpOptions {
    /// Serve anyone who can reach the address, without authentication. Needed for any address
    /// but loopback where no credentials are asked for.
    #[arg(long, global = true, env = "MCP_ALLOW_ANONYMOUS", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) allow_anonymous: bool,

    /// Accept requests for this host (the `Host` header) besides loopback names; `*` accepts any,
    /// which is the default off loopback where callers show credentials. May be repeated.
    #[arg(
        long,
        global = true,
        value_name = "HOST",
        env = "MCP_ALLOWED_HOSTS",
        value_delimiter = ','
    )]
    pub(crate) allowed_host: Vec<String>,

    /// Accept requests from web pages of this origin, such as https://app.example.com; `*` accepts
    /// any. May be repeated.
    #[arg(
        long,
        global = true,
        value_name = "ORIGIN",
        env = "MCP_ALLOWED_ORIGINS",
        value_delimiter = ','
    )]
    pub(crate) allowed_origin: Vec<String>,

    /// Also serve HTTP+SSE, the transport of 2024-11-05, on /sse and /messages. Deprecated: only for
    /// clients that know nothing else.
    #[arg(long, global = true, env = "MCP_LEGACY_SSE", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub(crate) legacy_sse: bool,

    /// Keep legacy sessions where all replicas find them, so that without affinity they can go on with
    /// each other's, on AWS Lambda too: in Redis or Valkey, such as redis://10.0.0.5:6379/0, or in a
    /// table of DynamoDB, such as dynamodb://mcp.
    #[cfg(any(feature = "redis", feature = "dynamodb"))]
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "MCP_SESSION_STORE",
        hide_env_values = true
    )]
    pub(crate) session_store: Option<String>,

    /// How many seconds calls in flight may take to finish when the server is told to stop.
    #[arg(long, global = true, value_name = "SECONDS", env = "MCP_GRACE", default_value = "25", value_parser = seconds)]
    pub(crate) grace: Duration,

    /// For how many seconds the server goes on as ever once it is told to stop, while /ready says
    /// that it is about to: the time that a load balancer needs to look elsewhere.
    #[arg(long, global = true, value_name = "SECONDS", env = "MCP_DRAIN_DELAY", default_value = "0", value_parser = seconds)]
    pub(crate) drain_delay: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One line for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Cli {
    /// Parses the process's arguments; `--help` and `--version` speak of the server.
    pub(crate) fn parse_for(name: &str, version: &str) -> Result<Self, clap::Error> {
        // clap wants names for the life of the program, which is what they have here.
        let matches = Self::command()
            .name(name.to_owned())
            .version(version.to_owned())
            .about(format!("{name} {version}: a Model Context Protocol server"))
            .try_get_matches()?;
        Self::from_arg_matches(&matches)
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
