//! The legacy handshake without a session behind it.

use rmcp::model::InitializeResult;
use serde::Deserialize;

use super::{Response, ResponseFuture, Server};
use crate::{Request, protocol::LEGACY_VERSIONS};

impl Server {
    /// Answers `initialize` of a legacy client whose binding keeps no sessions.
    ///
    /// It is offered what single requests can give it: no changes of lists, no subscriptions, and
    /// no log level, which would have to be remembered.
    pub(super) fn initialize(&self, request: &Request) -> ResponseFuture {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Params {
            protocol_version: String,
        }
        let asked = match request.params::<Params>() {
            Ok(params) => params.protocol_version,
            Err(error) => return Response::error(error).into(),
        };
        let version = LEGACY_VERSIONS.iter().find(|version| **version == asked);
        let version = version.or(LEGACY_VERSIONS.first()).copied().unwrap_or_default();

        let mut capabilities = self.inner.capabilities.clone();
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
        let mut info =
            InitializeResult::new(capabilities).with_server_info(self.inner.identity.clone());
        info.instructions.clone_from(&self.inner.instructions);
        let written = serde_json::to_value(info).and_then(|mut result| {
            result["protocolVersion"] = version.into();
            serde_json::to_vec(&result)
        });
        match written {
            Ok(result) => Response::prebuilt(result.into()).into(),
            Err(_) => Response::internal().into(),
        }
    }
}
