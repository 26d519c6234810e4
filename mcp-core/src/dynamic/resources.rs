use std::{future::Future, sync::Arc};

use super::Handle;
use crate::{
    BuildError, Contents, Resource, ToolContext, ToolResult,
    resource::{ErasedResource, boxed_read},
    subscription::Change,
    tool::PackParts,
};

/// Resources that come and go while the server runs, as [`DynamicTools`](crate::DynamicTools) do.
///
/// Of a pack, by [`ToolPack::dynamic_resources`](crate::ToolPack::dynamic_resources), or of a
/// server as a whole, by
/// [`ServerBuilder::dynamic_resources`](crate::ServerBuilder::dynamic_resources). Where there is
/// one resource for each of many things, a template needs no changes:
/// [`ResourceTemplate`](crate::ResourceTemplate).
///
/// Replacing a resource is removing it and adding another; clients that have subscribed to it are
/// told with [`Notifier::resource_updated`](crate::Notifier::resource_updated).
pub struct DynamicResources<S = ()>(pub(crate) Handle<S>);

handle!(DynamicResources, Resources);

impl<S: Send + Sync + 'static> DynamicResources<S> {
    /// Adds a resource that does not change while it is there.
    ///
    /// # Errors
    ///
    /// When its URI is invalid, or the server has a resource of that URI already. Before the server
    /// is built, it is the building that fails.
    pub fn add(&self, resource: Resource) -> Result<(), BuildError> {
        let uri = resource.uri().to_owned();
        self.0.add(
            &uri,
            Box::new(|place, _| {
                let resource = ErasedResource::known(resource, Arc::clone(&place.pack));
                PackParts { resources: vec![resource], ..PackParts::new(&place.pack) }
            }),
        )
    }

    /// Adds a resource that a closure reads anew for each client that asks, as
    /// [`ToolPack::resource_fn`](crate::ToolPack::resource_fn) does.
    ///
    /// # Errors
    ///
    /// As [`Self::add`].
    pub fn add_fn<F, R, C>(&self, resource: Resource<()>, read: F) -> Result<(), BuildError>
    where
        F: Fn(Arc<S>, Arc<ToolContext>) -> R + Send + Sync + 'static,
        R: Future<Output = ToolResult<C>> + Send + 'static,
        C: Into<Contents>,
    {
        let uri = resource.uri().to_owned();
        self.0.add(
            &uri,
            Box::new(|place, state| {
                let (read, pack) = (boxed_read(read), Arc::clone(&place.pack));
                let resource = ErasedResource::read_with(resource, read, state, pack);
                PackParts { resources: vec![resource], ..PackParts::new(&place.pack) }
            }),
        )
    }

    /// Removes a resource. Whether it was there.
    pub fn remove(&self, uri: &str) -> bool {
        self.0.remove(uri)
    }
}
