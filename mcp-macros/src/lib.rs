//! What clients see of tools, prompts and resource templates, from their Rust types:
//! `#[derive(Tool)]` and `#[tool]`, `#[derive(Prompt)]` and `#[prompt]`,
//! `#[derive(ResourceTemplate)]`.
//!
//! Use these through `mcp-core` or `mcp-serve`, which re-export them beside the traits that they
//! implement and document what they take.

use proc_macro::TokenStream;
use syn::parse_macro_input;

mod attributes;
mod crate_path;
mod derive_prompt;
mod derive_resource_template;
mod derive_tool;
mod docs;
mod prompt_fn;
mod texts;
mod tool_fn;
mod transport_test;

/// Makes a type the arguments of a tool. Documented at the trait `Tool`.
#[proc_macro_derive(Tool, attributes(tool))]
pub fn derive_tool(input: TokenStream) -> TokenStream {
    derive_tool::expand(&parse_macro_input!(input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an async function a tool.
///
/// The function stays as it is. Beside it stands a type of the same name that holds the
/// arguments and implements `Tool` and `Call`, so that `add` becomes a tool with
/// `.tool::<add>()`. The function's doc comment is the tool's description and required; doc
/// comments of parameters are the arguments' descriptions.
///
/// A parameter of type `&ToolContext` receives the context, and a parameter marked `#[state]` a
/// reference to the pack's state. Takes the same options as `#[derive(Tool)]`, and
/// `#[tool(header = "…")]` on a parameter.
#[proc_macro_attribute]
pub fn tool(options: TokenStream, item: TokenStream) -> TokenStream {
    tool_fn::expand(options.into(), &item.into()).into()
}

/// Makes a type the arguments of a prompt. Documented at the trait `Prompt`.
#[proc_macro_derive(Prompt, attributes(prompt))]
pub fn derive_prompt(input: TokenStream) -> TokenStream {
    derive_prompt::expand(&parse_macro_input!(input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an async function a prompt.
///
/// The function stays as it is. Beside it stands a type of the same name that holds the arguments
/// and implements `Prompt` and `GetPrompt`, so that `greet` becomes a prompt with
/// `.prompt::<greet>()`. The function's doc comment is the prompt's description and required; doc
/// comments of parameters are the arguments' descriptions. It returns a `String` (one message of
/// the user), `PromptMessages`, or a `ToolResult` of either.
///
/// A parameter of type `&ToolContext` receives the context, and a parameter marked `#[state]` a
/// reference to the pack's state. Takes the same options as `#[derive(Prompt)]`, and
/// `#[prompt(name = "…", title = "…", values = ["…"])]` on a parameter.
#[proc_macro_attribute]
pub fn prompt(options: TokenStream, item: TokenStream) -> TokenStream {
    prompt_fn::expand(options.into(), &item.into()).into()
}

/// Makes a type the variables of a resource template. Documented at the trait `ResourceTemplate`.
#[proc_macro_derive(ResourceTemplate, attributes(resource))]
pub fn derive_resource_template(input: TokenStream) -> TokenStream {
    derive_resource_template::expand(&parse_macro_input!(input))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Runs one test over every transport and both protocol eras. Documented at `mcp_testing::test`.
#[proc_macro_attribute]
pub fn transport_test(options: TokenStream, item: TokenStream) -> TokenStream {
    transport_test::expand(options.into(), &parse_macro_input!(item))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
