//! Tools, prompts and resources that come and go while the server runs.

/// What all handles have in common, whatever their state.
macro_rules! handle {
    ($name:ident, $list:ident) => {
        impl<S> Clone for $name<S> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<S> std::fmt::Debug for $name<S> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl<S: Send + Sync + 'static> Default for $name<S> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<S: Send + Sync + 'static> $name<S> {
            /// None yet.
            pub fn new() -> Self {
                Self(Handle::new(Change::$list))
            }
        }
    };
}

mod handle;
mod prompts;
mod resources;
mod tools;

pub(crate) use self::handle::{Attachment, Handle};
pub use self::{prompts::DynamicPrompts, resources::DynamicResources, tools::DynamicTools};
