use rmcp::model::{ClientCapabilities, Implementation};
use serde::Deserialize;

use crate::{Request, RpcError, protocol::LEGACY_VERSIONS};

/// What a client says in `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitializeParams {
    protocol_version: String,
    pub(crate) capabilities: ClientCapabilities,
    /// Required, and of no use to a session.
    #[serde(rename = "clientInfo")]
    _client: Implementation,
}

impl InitializeParams {
    pub(crate) fn of(request: &Request) -> Result<Self, RpcError> {
        request.params()
    }

    /// The revision to go on with: what the client asks for, or else the newest that has sessions.
    pub(crate) fn version(&self) -> &'static str {
        let asked = LEGACY_VERSIONS.iter().find(|version| **version == self.protocol_version);
        asked.unwrap_or(&LEGACY_VERSIONS[0])
    }
}
