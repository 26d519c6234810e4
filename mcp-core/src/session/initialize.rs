use rmcp::model::{ClientCapabilities, Implementation};
use serde::Deserialize;

use crate::{
    Request, RpcError,
    protocol::{LEGACY_VERSIONS, legacy_version},
};

/// What a client says in `initialize`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InitializeParams {
    protocol_version: String,
    pub(crate) capabilities: ClientCapabilities,
    pub(crate) client_info: Implementation,
}

impl InitializeParams {
    pub(crate) fn of(request: &Request) -> Result<Self, RpcError> {
        request.params()
    }

    /// The revision to go on with: what the client asks for, or else the newest that has sessions.
    pub(crate) fn version(&self) -> &'static str {
        legacy_version(&self.protocol_version).unwrap_or(LEGACY_VERSIONS[0])
    }
}
