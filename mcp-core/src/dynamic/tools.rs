use std::sync::Arc;

use super::Handle;
use crate::{
    BuildError, Call, DynTool,
    subscription::Change,
    tool::{ErasedTool, PackParts},
};

/// Tools that come and go while the server runs.
///
/// Of a pack, by [`ToolPack::dynamic_tools`](crate::ToolPack::dynamic_tools), or of a server as a
/// whole, by [`ServerBuilder::dynamic_tools`](crate::ServerBuilder::dynamic_tools). All clones are
/// one set, which goes into one server. Its tools are called as any others of the pack are: with
/// the pack's state and namespace, within its layers. They are listed behind all that are there
/// from the start. Calls under way go on when their tool is removed.
///
/// Clients are told of each change (`notifications/tools/list_changed`). The list is written down
/// anew then, which takes a time in proportion to all that the server lists; calls of tools that
/// are there from the start do not become slower.
///
/// ```
/// use mcp_core::{DynamicTools, Server, tool};
///
/// /// Deletes everything.
/// #[tool(destructive)]
/// async fn wipe() {}
///
/// let tools = DynamicTools::new();
/// let server = Server::builder("disk", "1.0").dynamic_tools(&tools).build();
/// assert!(server.tool_names().is_empty());
///
/// tools.add::<wipe>()?;
/// assert_eq!(server.tool_names(), ["wipe"]);
///
/// assert!(tools.remove("wipe"));
/// # Ok::<(), mcp_core::BuildError>(())
/// ```
pub struct DynamicTools<S = ()>(pub(crate) Handle<S>);

handle!(DynamicTools, Tools);

impl<S: Send + Sync + 'static> DynamicTools<S> {
    /// Adds a tool.
    ///
    /// # Errors
    ///
    /// When its name or its schema is invalid, or the server has a tool of that name already.
    /// Before the server is built, it is the building that fails.
    pub fn add<T: Call<S>>(&self) -> Result<(), BuildError> {
        self.0.add(
            T::NAME,
            Box::new(|place, state| {
                let (pack, namespace) = (Arc::clone(&place.pack), place.namespace.as_deref());
                let tool = ErasedTool::new::<T, S>(state, pack, namespace);
                PackParts { tools: vec![tool], ..PackParts::new(&place.pack) }
            }),
        )
    }

    /// Adds a tool that is described by data. It brings its own state.
    ///
    /// # Errors
    ///
    /// As [`Self::add`].
    pub fn add_dyn<T: DynTool>(&self, tool: T) -> Result<(), BuildError> {
        let name = tool.definition().model.name;
        self.0.add(
            &name,
            Box::new(|place, _| {
                let pack = Arc::clone(&place.pack);
                let tool = ErasedTool::dynamic(tool, pack, place.namespace.as_deref());
                PackParts { tools: vec![tool], ..PackParts::new(&place.pack) }
            }),
        )
    }

    /// Removes a tool by its own name, which is the one without the pack's namespace. Whether it
    /// was there.
    pub fn remove(&self, name: &str) -> bool {
        self.0.remove(name)
    }
}
