//! What only legacy clients ask for: `initialize`, and what their sessions agree on later.

use bytes::Bytes;
use rmcp::model::{Implementation, ServerCapabilities};
use serde::Deserialize;
use serde_json::json;

use super::{Response, ResponseFuture, Server, features::no_such_method};
use crate::{
    LogLevel, Method, Request, RpcError,
    session::{InitializeParams, LegacySession},
};

/// The result of `initialize` but for the version, written down when the server is built.
#[derive(Debug)]
pub(super) struct Handshake {
    /// Everything after `"protocolVersion":"…"`, for a session.
    session: Box<str>,
    /// The same for a client whose binding keeps no sessions.
    stateless: Box<str>,
}

impl Handshake {
    pub(super) fn new(
        capabilities: &ServerCapabilities,
        identity: &Implementation,
        instructions: Option<&str>,
    ) -> Self {
        let rest = |capabilities: &ServerCapabilities| {
            let mut result = json!({ "capabilities": capabilities, "serverInfo": identity });
            if let Some(instructions) = instructions {
                result["instructions"] = instructions.into();
            }
            result.to_string()[1..].into()
        };
        Self { session: rest(capabilities), stateless: rest(&stateless(capabilities.clone())) }
    }

    fn result(&self, params: &InitializeParams, session: Option<&LegacySession>) -> Bytes {
        let rest = if session.is_some() { &self.session } else { &self.stateless };
        let version = params.version();
        format!(r#"{{"protocolVersion":"{version}",{rest}"#).into()
    }
}

impl Server {
    /// Opens a legacy session for a client that has sent `initialize`. The session
    /// [answers](LegacySession::call) that request, too.
    ///
    /// # Errors
    ///
    /// When the parameters of `initialize` are malformed.
    pub fn open_session(&self, initialize: &Request) -> Result<LegacySession, RpcError> {
        LegacySession::open(self, initialize)
    }

    /// Answers a request that only legacy clients make. Without a session, `initialize` still says
    /// what the server is.
    pub(super) fn serve_legacy(&self, request: &Request) -> ResponseFuture {
        let session = request.client().map(|client| client.session());
        match (request.method(), session) {
            (Method::Initialize, session) => match InitializeParams::of(request) {
                Ok(params) => {
                    let result = self.inner.handshake.result(&params, session);
                    if let Some(session) = session {
                        session.introduce(params);
                    }
                    Response::prebuilt(result).into()
                }
                Err(error) => Response::error(error).into(),
            },
            (Method::Ping, _) => empty(),
            (Method::SetLogLevel, Some(session)) => match request.params::<SetLevelParams>() {
                Ok(params) => {
                    session.set_log_level(params.level);
                    empty()
                }
                Err(error) => Response::error(error).into(),
            },
            (Method::Subscribe, Some(session)) => self.subscribe(request, session),
            (Method::Unsubscribe, Some(session)) => self.unsubscribe(request, session),
            (method, _) => no_such_method(method),
        }
    }
}

/// What single requests can give a client: no changes of lists, no subscriptions, and no log level,
/// which would have to be remembered.
fn stateless(mut capabilities: ServerCapabilities) -> ServerCapabilities {
    capabilities.logging = None;
    if let Some(tools) = &mut capabilities.tools {
        tools.list_changed = None;
    }
    if let Some(prompts) = &mut capabilities.prompts {
        prompts.list_changed = None;
    }
    if let Some(resources) = &mut capabilities.resources {
        resources.list_changed = None;
        resources.subscribe = None;
    }
    capabilities
}

#[derive(Deserialize)]
struct SetLevelParams {
    level: LogLevel,
}

/// The result of what has none.
pub(super) fn empty() -> ResponseFuture {
    Response::prebuilt(Bytes::from_static(b"{}")).into()
}
