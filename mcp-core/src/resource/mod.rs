//! What clients can read: resources with a URI of their own, and templates of URIs.

mod contents;
mod definition;
mod erased;
mod template;
mod uri_template;

pub use self::{
    contents::Contents,
    definition::Resource,
    template::{ReadResource, ResourceTemplate, ResourceTemplateDefinition},
};
pub(crate) use self::{
    definition::{Read, boxed_read},
    erased::{ErasedResource, ErasedTemplate, InvalidTemplate},
    uri_template::UriTemplate,
};
