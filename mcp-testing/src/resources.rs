//! What a test does with resources.

use mcp_core::model::{
    CompletionInfo, ReadResourceRequestParams, ReadResourceResult, Reference, Resource,
    ResourceContents, ResourceTemplate,
};

use crate::{Failure, Harness};

impl Harness {
    /// All resources, from all pages.
    ///
    /// # Panics
    ///
    /// When the server does not list them.
    pub async fn list_resources(&self) -> Vec<Resource> {
        self.client.list_all_resources().await.expect("the server lists its resources")
    }

    /// All resource templates, from all pages.
    ///
    /// # Panics
    ///
    /// When the server does not list them.
    pub async fn list_resource_templates(&self) -> Vec<ResourceTemplate> {
        let templates = self.client.list_all_resource_templates().await;
        templates.expect("the server lists its resource templates")
    }

    /// Reads a resource.
    ///
    /// # Panics
    ///
    /// When the server does not serve it.
    pub async fn read_resource(&self, uri: &str) -> Vec<ResourceContents> {
        match self.try_read_resource(uri).await {
            Ok(result) => result.contents,
            Err(failure) => panic!("{uri} was not served: {failure:?}"),
        }
    }

    /// Reads a resource.
    ///
    /// # Errors
    ///
    /// When the server does not serve it.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub async fn try_read_resource(&self, uri: &str) -> Result<ReadResourceResult, Failure> {
        let read = self.client.read_resource(ReadResourceRequestParams::new(uri)).await;
        read.map_err(Failure::from_service)
    }

    /// Asks for suggestions for a variable of a resource template, given the values of others.
    ///
    /// # Errors
    ///
    /// When the server does not serve the request.
    ///
    /// # Panics
    ///
    /// When the connection breaks.
    pub async fn complete_resource(
        &self,
        template: &str,
        variable: &str,
        value: &str,
        given: &[(&str, &str)],
    ) -> Result<CompletionInfo, Failure> {
        self.complete(Reference::for_resource(template), variable, value, given).await
    }
}
