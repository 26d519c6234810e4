use std::{collections::HashMap, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use rmcp::{
    ClientHandler, RoleClient,
    model::{ClientCapabilities, ClientConfig, ErrorCode, Implementation, ProtocolVersion, Tool},
    service::{
        ClientInitializeError, ClientLifecycleMode, Peer, RunningService,
        serve_client_with_lifecycle,
    },
    transport::{
        IntoTransport, StreamableHttpClientTransport, common::client_side_sse::SseRetryPolicy,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use tokio::process::Command;

#[cfg(feature = "lambda")]
use crate::lambda::Function;
use crate::{
    error::{ConnectError, Reason},
    http::Http,
    inbox::Calls,
    stdio::Stdio,
};

/// How many calls may wait for their first byte at once over HTTP. The server that mounts has
/// limits of its own; this is not to be the one that calls run into.
const POSTS_IN_FLIGHT: usize = 4096;

/// Where another server is, and how to speak to it.
pub(crate) enum Endpoint {
    Http {
        url: Arc<str>,
        bearer: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    },
    Command(tokio::sync::Mutex<Command>),
    #[cfg(feature = "lambda")]
    Lambda(Function),
}

/// What a server can say about a call before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notes {
    /// Progress and log messages, on a stream of the call's own.
    All,
    /// Progress, which names its call; a log message does not.
    Progress,
    /// Nothing: there is only the answer.
    #[cfg(feature = "lambda")]
    Nothing,
}

impl Notes {
    pub(crate) fn have_progress(self) -> bool {
        matches!(self, Self::All | Self::Progress)
    }
}

/// When to ask a server for the rest of a stream that broke. `rmcp` would ask for ever, and a call
/// wait as long.
#[derive(Debug)]
struct Resumptions;

impl SseRetryPolicy for Resumptions {
    fn retry(&self, times: usize) -> Option<Duration> {
        let exponent = u32::try_from(times).ok().filter(|times| *times < 5)?;
        Some(Duration::from_millis(100) * 2_u32.pow(exponent))
    }
}

/// An established conversation with another server; many calls share it.
pub(crate) struct Connection {
    service: RunningService<RoleClient, Gateway>,
    pub(crate) calls: Arc<Calls>,
    /// What the server listed when the conversation began.
    pub(crate) tools: Vec<Tool>,
    pub(crate) notes: Notes,
}

/// A client that is only there to call tools.
pub(crate) struct Gateway;

impl ClientHandler for Gateway {
    fn get_info(&self) -> ClientConfig {
        ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
        )
    }
}

impl std::fmt::Display for Endpoint {
    /// Without what may be secret: a URL's user and query, a program's arguments.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { url, .. } => {
                let url = url.split(['?', '#']).next().unwrap_or_default();
                let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
                let (authority, path) = match rest.find('/') {
                    Some(slash) => rest.split_at(slash),
                    None => (rest, ""),
                };
                let host = authority.rsplit('@').next().unwrap_or_default();
                write!(f, "{scheme}://{host}{path}")
            }
            Self::Command(command) => match command.try_lock() {
                Ok(command) => write!(f, "{}", command.as_std().get_program().display()),
                Err(_) => f.write_str("a program"),
            },
            #[cfg(feature = "lambda")]
            Self::Lambda(function) => write!(f, "the Lambda function {}", function.name),
        }
    }
}

impl Connection {
    /// Connects, speaks the newest protocol that the server knows, and lists its tools.
    pub(crate) async fn open(endpoint: &Endpoint, limit: Duration) -> Result<Self, ConnectError> {
        // Said before the program is started, which holds the lock that its name is behind.
        let name = endpoint.to_string();
        match tokio::time::timeout(limit, Self::try_open(endpoint, limit)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(reason)) => Err(ConnectError::new(name, reason)),
            Err(_) => Err(ConnectError::new(name, Reason::TimedOut(limit))),
        }
    }

    async fn try_open(endpoint: &Endpoint, limit: Duration) -> Result<Self, Reason> {
        let calls = Arc::<Calls>::default();
        match endpoint {
            Endpoint::Http { url, bearer, headers } => {
                check_url(url).map_err(Reason::Url)?;
                // A redirect would carry the bearer token to wherever it leads.
                let client = reqwest::Client::builder()
                    .connect_timeout(limit)
                    .redirect(reqwest::redirect::Policy::none())
                    .build()?;
                let mut config = StreamableHttpClientTransportConfig::with_uri(Arc::clone(url))
                    .max_concurrent_requests(POSTS_IN_FLIGHT);
                config.retry_config = Arc::new(Resumptions);
                config.auth_header.clone_from(bearer);
                config.custom_headers.clone_from(headers);
                let client = Http::new(client, Arc::clone(&calls));
                let transport = StreamableHttpClientTransport::with_client(client, config);
                Self::begin(transport, calls, Notes::All).await
            }
            Endpoint::Command(command) => {
                let mut command = command.lock().await;
                let transport = Stdio::spawn(&mut command, Arc::clone(&calls))?;
                match Self::begin(transport, Arc::clone(&calls), Notes::Progress).await {
                    // It was slow to start, and had understood the first question.
                    Err(reason) if is_modern(&reason) => {
                        let transport = Stdio::spawn(&mut command, Arc::clone(&calls))?;
                        let modern = ClientLifecycleMode::Discover {
                            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                        };
                        Self::begin_as(modern, transport, calls, Notes::Progress).await
                    }
                    begun => begun,
                }
            }
            #[cfg(feature = "lambda")]
            Endpoint::Lambda(function) => {
                let transport = function.connect(Arc::clone(&calls), limit).await;
                Self::begin(transport, calls, Notes::Nothing).await
            }
        }
    }

    async fn begin<T, E, A>(transport: T, calls: Arc<Calls>, notes: Notes) -> Result<Self, Reason>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let lifecycle = ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        };
        Self::begin_as(lifecycle, transport, calls, notes).await
    }

    async fn begin_as<T, E, A>(
        lifecycle: ClientLifecycleMode,
        transport: T,
        calls: Arc<Calls>,
        notes: Notes,
    ) -> Result<Self, Reason>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let service = serve_client_with_lifecycle(Gateway, transport, lifecycle).await?;
        // Also what tells the client over HTTP which arguments are mirrored into headers.
        let tools = service.list_all_tools().await?;
        Ok(Self { service, calls, tools, notes })
    }

    pub(crate) fn peer(&self) -> &Peer<RoleClient> {
        self.service.peer()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.service.peer().is_transport_closed()
    }
}

/// Whether a server has refused the legacy beginning, since it does not know the revision.
fn is_modern(reason: &Reason) -> bool {
    let Reason::Other(error) = reason else { return false };
    matches!(
        error.downcast_ref(),
        Some(ClientInitializeError::JsonRpcError(error))
            if error.code == ErrorCode::UNSUPPORTED_PROTOCOL_VERSION
    )
}

fn check_url(url: &str) -> Result<(), &'static str> {
    let starts_with = |scheme: &str| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if starts_with("http://") || (cfg!(feature = "tls") && starts_with("https://")) {
        Ok(())
    } else if starts_with("https://") {
        Err("`https:` needs the feature `tls` of the crate `mcp-remote`")
    } else {
        Err("the URL must start with http:// or https://")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        let endpoint = |url: &str| Endpoint::Http {
            url: url.into(),
            bearer: Some("secret".into()),
            headers: HashMap::new(),
        };
        for url in [
            "https://user:secret@host:8443/mcp?key=secret",
            "https://user:se@cret@host:8443/mcp#secret",
        ] {
            assert_eq!(endpoint(url).to_string(), "https://host:8443/mcp");
        }
        assert_eq!(endpoint("http://host").to_string(), "http://host");
        let mut command = Command::new("server");
        command.arg("--password=secret");
        assert_eq!(Endpoint::Command(command.into()).to_string(), "server");
    }

    #[test]
    fn only_http_is_spoken() {
        assert_eq!(check_url("HTTP://host/mcp"), Ok(()));
        assert_eq!(check_url("https://host/mcp").is_ok(), cfg!(feature = "tls"));
        for url in ["", "host:80", "ftp://host", "é"] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
