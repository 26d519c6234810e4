//! A client's conversation with a server, over whichever transport its address names.

mod http_sse;
mod lambda;
mod program;
mod signed;
mod texts;
mod web_socket;

use std::collections::HashMap;

use http::{HeaderName, HeaderValue, header};
use rmcp::{
    RoleClient,
    model::ProtocolVersion,
    service::{
        ClientInitializeError, ClientLifecycleMode, RunningService, serve_client_with_lifecycle,
    },
    transport::{
        IntoTransport, StreamableHttpClientTransport,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};

use crate::{
    args::{EraChoice, Server},
    connect::{signed::Signed, texts::Heard},
    exit::Failure,
    target::Target,
    user::User,
};

pub(crate) use self::signed::Signer;

pub(crate) type Client = RunningService<RoleClient, User>;

/// Connects and agrees on a protocol.
pub(crate) async fn connect(server: &Server, user: User) -> Result<Client, Failure> {
    let limit = server.connect_timeout;
    let heard = Heard::default();
    let opened = tokio::time::timeout(limit, open(server, user, &heard)).await;
    let failure = match opened {
        Ok(Ok(client)) => return Ok(client),
        Ok(Err(failure)) => failure,
        Err(_) => Failure::unreachable(format!(
            "{} did not answer within {} s; --connect-timeout allows more",
            server.target,
            limit.as_secs_f64()
        )),
    };
    // What a server said that is no message explains more than that the right words were missing.
    Err(match heard.first() {
        Some(text) => Failure::unreachable(format!(
            "{} does not speak the Model Context Protocol; it said: {text}",
            server.target
        )),
        None => failure,
    })
}

async fn open(server: &Server, user: User, heard: &Heard) -> Result<Client, Failure> {
    let headers = headers(server)?;
    if server.sigv4.is_some() && !matches!(server.target, Target::Http(_)) {
        return Err(Failure::usage(
            "--sigv4 signs requests over Streamable HTTP: name a server with http:// or https://",
        ));
    }
    match &server.target {
        Target::Command(words) => begin(server, user, program::start(words, heard)?).await,
        Target::Http(url) => {
            let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str());
            config.custom_headers = headers;
            let client = http_client(server)?;
            match &server.sigv4 {
                None => {
                    let transport = StreamableHttpClientTransport::with_client(client, config);
                    begin(server, user, transport).await
                }
                Some(service) => {
                    let signer = Signer::new(service, url).await?;
                    let client = Signed { client, signer };
                    let transport = StreamableHttpClientTransport::with_client(client, config);
                    begin(server, user, transport).await
                }
            }
        }
        Target::HttpSse(url) => {
            let transport = http_sse::connect(http_client(server)?, url, headers, heard).await?;
            begin(server, user, transport).await
        }
        Target::Lambda(function) => {
            begin(server, user, lambda::connect(function, heard).await?).await
        }
        Target::WebSocket(url) => {
            let transport = web_socket::connect(url, headers, heard).await?;
            begin(server, user, transport).await
        }
    }
}

async fn begin<T, E, A>(server: &Server, user: User, transport: T) -> Result<Client, Failure>
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let modern = vec![ProtocolVersion::V_2026_07_28];
    let lifecycle = match server.era {
        EraChoice::Auto => ClientLifecycleMode::Auto {
            preferred_versions: modern,
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
        EraChoice::Modern => ClientLifecycleMode::Discover { preferred_versions: modern },
        EraChoice::Legacy => ClientLifecycleMode::Initialize,
    };
    serve_client_with_lifecycle(user, transport, lifecycle)
        .await
        .map_err(|error| refused(server, &error))
}

fn refused(server: &Server, error: &ClientInitializeError) -> Failure {
    let target = &server.target;
    let is_program = matches!(target, Target::Command(_));
    let cause = match error {
        // It names its Rust types.
        ClientInitializeError::TransportError { error, .. } => chain(&*error.error),
        error => chain(error),
    };
    let is_gone = matches!(error, ClientInitializeError::ConnectionClosed(_));
    Failure::unreachable(if cause.contains("Auth required") || cause.contains("401") {
        format!("{target} asks for credentials: pass --api-key, --bearer or --header")
    } else if is_program && (is_gone || cause.contains("Broken pipe")) {
        format!("{target} ended before it answered")
    } else if is_gone {
        format!("{target} closed the connection before it answered")
    } else if cause.contains("error sending request") {
        format!("nothing answers at {target}: is the server running?")
    } else {
        format!("{target} cannot be spoken to: {cause}")
    })
}

/// An error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

pub(crate) fn headers(server: &Server) -> Result<HashMap<HeaderName, HeaderValue>, Failure> {
    let secret = |text: String, what: &str| {
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| Failure::usage(format!("{what} cannot stand in a header")))?;
        value.set_sensitive(true);
        Ok::<_, Failure>(value)
    };
    let mut headers: HashMap<HeaderName, HeaderValue> = server.header.iter().cloned().collect();
    if let Some(key) = &server.api_key {
        let name = HeaderName::from_static("x-api-key");
        headers.insert(name, secret(key.clone(), "the API key")?);
    }
    if let Some(token) = &server.bearer {
        let value = secret(format!("Bearer {token}"), "the bearer token")?;
        headers.insert(header::AUTHORIZATION, value);
    }
    Ok(headers)
}

pub(crate) fn http_client(server: &Server) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .connect_timeout(server.connect_timeout)
        // A redirect would carry credentials to wherever it leads.
        .redirect(reqwest::redirect::Policy::none())
        // `mcp doctor` looks at the certificate.
        .tls_info(true)
        .build()
        .map_err(|error| Failure::local(format!("cannot speak HTTP here: {}", chain(&error))))
}
