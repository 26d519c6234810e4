//! Who is let in, and how the others are told what to bring (2026-07-28, Authorization; RFC 6750;
//! RFC 9728).

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header, request::Parts};
use mcp_core::{
    Credentials, Denied, DeniedKind, ErrorKind, Principal, RpcError, Server, TokenVerifier,
    Verification,
};
use serde_json::json;

use crate::{Body, ConfigError, reply};

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";
const ANY: HeaderValue = HeaderValue::from_static("*");

/// How an [`HttpService`](crate::HttpService) finds out who is calling.
///
/// Each request is judged by itself, before its body is read. A request whose extensions hold a
/// [`Principal`] already, from an outer layer, is taken as that caller's; it needs the scopes of
/// [`Self::scope`], too.
///
/// ```
/// # use std::sync::Arc;
/// # use mcp_core::TokenVerifier;
/// # fn configure(verifier: Arc<dyn TokenVerifier>) -> Result<(), mcp_http::ConfigError> {
/// use mcp_http::{Authentication, HttpConfig, ProtectedResource};
///
/// let resource = ProtectedResource::new("https://mcp.example.com/mcp")?
///     .authorization_server("https://auth.example.com");
/// let authentication = Authentication::new(verifier).resource(resource);
/// let config = HttpConfig::new().authentication(authentication);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Authentication {
    verifier: Arc<dyn TokenVerifier>,
    scopes: Vec<Box<str>>,
    resource: Option<ProtectedResource>,
}

/// What a client has to know to get a token for the server: the protected resource metadata of
/// RFC 9728.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    resource: Box<str>,
    /// `scheme://host`, without a slash.
    origin: Box<str>,
    /// Empty, or begins with a slash.
    path: Box<str>,
    authorization_servers: Vec<Box<str>>,
    name: Option<Box<str>>,
}

impl Authentication {
    /// Lets in whom the verifier knows.
    pub fn new(verifier: Arc<dyn TokenVerifier>) -> Self {
        Self { verifier, scopes: Vec::new(), resource: None }
    }

    /// Adds a scope that every caller needs, whatever it calls.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<Box<str>>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Tells clients where to get a token: at `/.well-known/oauth-protected-resource`, with and
    /// without the path of the resource behind it.
    #[must_use]
    pub fn resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }
}

impl ProtectedResource {
    /// The server as its clients know it: `https://mcp.example.com/mcp`.
    ///
    /// # Errors
    ///
    /// When it is no `http` or `https` URL with a host, or has a query or a fragment.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::Resource(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| invalid())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(invalid());
        };
        if !matches!(scheme, "http" | "https") || uri.query().is_some() || url.contains('#') {
            return Err(invalid());
        }
        Ok(Self {
            resource: url.into(),
            origin: format!("{scheme}://{authority}").into(),
            path: uri.path().trim_end_matches('/').into(),
            authorization_servers: Vec::new(),
            name: None,
        })
    }

    /// Adds an authorization server that issues tokens for the resource: its issuer identifier.
    #[must_use]
    pub fn authorization_server(mut self, issuer: impl Into<Box<str>>) -> Self {
        self.authorization_servers.push(issuer.into());
        self
    }

    /// Whether some authorization server issues tokens for it.
    pub fn has_authorization_server(&self) -> bool {
        !self.authorization_servers.is_empty()
    }

    /// Sets the resource's name for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<Box<str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// [`Authentication`] of one server, with what does not change written down.
#[derive(Debug)]
pub(crate) struct Door {
    verifier: Arc<dyn TokenVerifier>,
    scopes: Vec<Box<str>>,
    metadata: Option<Metadata>,
}

#[derive(Debug)]
struct Metadata {
    url: Box<str>,
    /// The path behind the well-known one.
    path: Box<str>,
    document: Bytes,
}

impl Door {
    pub(crate) fn new(authentication: &Authentication, server: &Server) -> Self {
        let Authentication { verifier, scopes, resource } = authentication.clone();
        let metadata = resource.map(|resource| {
            let all: BTreeSet<&str> =
                scopes.iter().map(|scope| &**scope).chain(server.scopes()).collect();
            let mut document = json!({
                "resource": resource.resource,
                "authorization_servers": resource.authorization_servers,
                "bearer_methods_supported": ["header"],
            });
            if !all.is_empty() {
                document["scopes_supported"] = json!(all);
            }
            let name = resource.name.as_deref();
            if let Some(name) = name.or(server.identity().title.as_deref()) {
                document["resource_name"] = name.into();
            }
            Metadata {
                url: format!("{}{WELL_KNOWN}{}", resource.origin, resource.path).into(),
                document: document.to_string().into(),
                path: resource.path,
            }
        });
        Self { verifier, scopes, metadata }
    }

    /// Whether the metadata stands at a path.
    pub(crate) fn is_well_known(&self, path: &str) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| {
            path.strip_prefix(WELL_KNOWN)
                .is_some_and(|rest| rest.is_empty() || rest == "/" || *rest == *metadata.path)
        })
    }

    /// The metadata, to any page of the web that asks: it is public, and clients that run in a
    /// browser need it.
    pub(crate) fn metadata(&self, parts: &Parts) -> Option<Response<Body>> {
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        if !is_read || !self.is_well_known(parts.uri.path()) {
            return None;
        }
        let document = self.metadata.as_ref()?.document.clone();
        let mut response = reply::json_with_status(StatusCode::OK, document);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
        Some(response)
    }

    /// Asks who is calling.
    pub(crate) fn verify(&self, headers: &HeaderMap) -> Verification {
        match Credentials::from_headers(headers) {
            Ok(credentials) => self.verifier.verify(&credentials),
            Err(denied) => Verification::ready(Err(denied)),
        }
    }

    /// Lets a caller in, or says why not.
    pub(crate) fn admit(
        &self,
        judgement: Result<Principal, Denied>,
    ) -> Result<Principal, Box<Response<Body>>> {
        let principal = judgement.map_err(|denied| Box::new(self.turn_away(&denied)))?;
        if self.scopes.iter().all(|scope| principal.has_scope(scope)) {
            return Ok(principal);
        }
        let message = "the caller lacks a scope that this server requires";
        let error = RpcError::new(ErrorKind::Forbidden, message)
            .with_data(json!({ "requiredScopes": self.scopes }));
        let challenge = self.insufficient_scope(&error);
        Err(challenged(error, &challenge).into())
    }

    fn turn_away(&self, denied: &Denied) -> Response<Body> {
        let (kind, code) = match denied.kind() {
            DeniedKind::Missing => (ErrorKind::Unauthorized, None),
            DeniedKind::Malformed => (ErrorKind::InvalidRequest, Some("invalid_request")),
            DeniedKind::Unavailable => {
                let error = RpcError::new(ErrorKind::Overloaded, denied.reason().to_owned())
                    .with_retry_after(std::time::Duration::from_secs(5));
                return reply::refusal(None, error);
            }
            _ => (ErrorKind::Unauthorized, Some("invalid_token")),
        };
        let mut challenge = Challenge::new();
        if let Some(code) = code {
            challenge.add("error", code);
            challenge.add("error_description", denied.reason());
        }
        self.describe(&mut challenge);
        if !self.scopes.is_empty() {
            challenge.add("scope", &self.scopes.join(" "));
        }
        challenged(RpcError::new(kind, denied.reason().to_owned()), &challenge)
    }

    fn describe(&self, challenge: &mut Challenge) {
        if let Some(metadata) = &self.metadata {
            challenge.add("resource_metadata", &metadata.url);
        }
    }

    fn insufficient_scope(&self, error: &RpcError) -> Challenge {
        let mut challenge = Challenge::insufficient_scope(error);
        self.describe(&mut challenge);
        challenge
    }
}

/// What an answer to a caller who lacks a scope says besides its body.
pub(crate) fn insufficient_scope(door: Option<&Door>, error: &RpcError) -> Option<HeaderValue> {
    match door {
        Some(door) => door.insufficient_scope(error),
        None => Challenge::insufficient_scope(error),
    }
    .value()
}

fn challenged(error: RpcError, challenge: &Challenge) -> Response<Body> {
    let mut response = reply::refusal(None, error);
    if let Some(value) = challenge.value() {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// The value of `WWW-Authenticate`.
struct Challenge(String);

impl Challenge {
    fn new() -> Self {
        Self("Bearer".to_owned())
    }

    fn insufficient_scope(error: &RpcError) -> Self {
        let mut challenge = Self::new();
        challenge.add("error", "insufficient_scope");
        let scopes: Vec<&str> = error.required_scopes().collect();
        challenge.add("scope", &scopes.join(" "));
        challenge.add("error_description", error.message());
        challenge
    }

    fn add(&mut self, name: &str, value: &str) {
        let comma = if self.0.len() == "Bearer".len() { "" } else { "," };
        // RFC 6750, section 3: printable ASCII without quotes and backslashes.
        let value: String = value
            .chars()
            .map(|character| match character {
                '"' | '\\' | '`' => '\'',
                ' '..='~' => character,
                _ => '?',
            })
            .collect();
        // Writing to a string does not fail.
        let _ = write!(self.0, "{comma} {name}=\"{value}\"");
    }

    fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}
