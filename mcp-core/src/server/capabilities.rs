//! What a server says that it can do.

use rmcp::model::{
    JsonObject, PromptsCapability, ResourcesCapability, ServerCapabilities, ToolsCapability,
};

use super::features::Features;
use crate::{subscription::Change, tool::PackParts};

/// What comes and goes.
#[derive(Clone, Copy, Default)]
pub(super) struct DynamicKinds {
    pub(super) tools: bool,
    prompts: bool,
    resources: bool,
}

impl DynamicKinds {
    pub(super) fn of(packs: &[PackParts]) -> Self {
        let mut kinds = Self::default();
        for attachment in packs.iter().flat_map(|pack| &pack.dynamic) {
            match attachment.kind {
                Change::Tools => kinds.tools = true,
                Change::Prompts => kinds.prompts = true,
                Change::Resources => kinds.resources = true,
                Change::Resource(_) => {}
            }
        }
        kinds
    }
}

/// `lists_change` is whether a layer answers lists that change.
pub(super) fn capabilities(
    features: &Features,
    dynamic: DynamicKinds,
    lists_change: bool,
) -> ServerCapabilities {
    let changed = |is_dynamic: bool| (is_dynamic || lists_change).then_some(true);
    let mut capabilities = ServerCapabilities::default();
    capabilities.logging = Some(JsonObject::default());

    let mut tools = ToolsCapability::default();
    tools.list_changed = changed(dynamic.tools);
    capabilities.tools = Some(tools);
    if dynamic.resources || !features.resources.is_empty() {
        let mut resources = ResourcesCapability::default();
        resources.subscribe = Some(true);
        resources.list_changed = changed(dynamic.resources);
        capabilities.resources = Some(resources);
    }
    if dynamic.prompts || !features.prompts.is_empty() {
        let mut prompts = PromptsCapability::default();
        prompts.list_changed = changed(dynamic.prompts);
        capabilities.prompts = Some(prompts);
    }
    // A prompt that is added may have suggestions for its arguments.
    let can_complete = dynamic.prompts || features.can_complete();
    capabilities.completions = can_complete.then(JsonObject::default);
    capabilities
}
