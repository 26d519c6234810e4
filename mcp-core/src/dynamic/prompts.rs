use std::sync::Arc;

use super::Handle;
use crate::{BuildError, GetPrompt, prompt::ErasedPrompt, subscription::Change, tool::PackParts};

/// Prompts that come and go while the server runs, as [`DynamicTools`](crate::DynamicTools) do.
///
/// Of a pack, by [`ToolPack::dynamic_prompts`](crate::ToolPack::dynamic_prompts), or of a server as
/// a whole, by [`ServerBuilder::dynamic_prompts`](crate::ServerBuilder::dynamic_prompts).
pub struct DynamicPrompts<S = ()>(pub(crate) Handle<S>);

handle!(DynamicPrompts, Prompts);

impl<S: Send + Sync + 'static> DynamicPrompts<S> {
    /// Adds a prompt.
    ///
    /// # Errors
    ///
    /// When its name is invalid, or the server has a prompt of that name already. Before the server
    /// is built, it is the building that fails.
    pub fn add<P: GetPrompt<S>>(&self) -> Result<(), BuildError> {
        self.0.add(
            P::NAME,
            Box::new(|place, state| {
                let (pack, name) = (Arc::clone(&place.pack), place.name(P::NAME));
                let prompt = ErasedPrompt::new::<P, S>(state, pack, name);
                PackParts { prompts: vec![prompt], ..PackParts::new(&place.pack) }
            }),
        )
    }

    /// Removes a prompt by its own name, which is the one without the pack's namespace. Whether it
    /// was there.
    pub fn remove(&self, name: &str) -> bool {
        self.0.remove(name)
    }
}
