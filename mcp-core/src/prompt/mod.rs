//! Prompts: messages with blanks that people choose and fill in.

mod definition;
mod erased;
mod messages;

pub(crate) use self::erased::ErasedPrompt;
pub use self::{
    definition::{GetPrompt, Prompt, PromptDefinition},
    messages::{PromptContent, PromptMessages},
};
