use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::Span;
use syn::{Ident, Path, parse_quote};

/// The path of the vocabulary: `mcp-core` where the caller depends on it, else the facade.
pub(crate) fn core() -> Path {
    find("mcp-core").or_else(|| find("mcp-serve")).unwrap_or_else(|| parse_quote!(::mcp_core))
}

/// The path of the test harness.
pub(crate) fn testing() -> Path {
    find("mcp-testing").unwrap_or_else(|| parse_quote!(::mcp_testing))
}

fn find(package: &str) -> Option<Path> {
    let name = match crate_name(package).ok()? {
        // Both crates name themselves, so that the macros also work inside and in doctests.
        FoundCrate::Itself => package.replace('-', "_"),
        FoundCrate::Name(name) => name,
    };
    let name = Ident::new(&name, Span::call_site());
    Some(parse_quote!(::#name))
}
