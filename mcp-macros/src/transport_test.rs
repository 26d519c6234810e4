use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, Expr, ItemFn, Result};

use crate::crate_path;

/// Where each test runs: the name of its module's function, and the harness that it gets.
const PLACES: [&str; 8] = [
    "in_memory_modern",
    "in_memory_legacy",
    "stdio_modern",
    "stdio_legacy",
    "http_modern",
    "http_legacy",
    "web_socket_modern",
    "web_socket_legacy",
];

pub(crate) fn expand(server: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    if server.is_empty() {
        return Err(Error::new(
            proc_macro2::Span::call_site(),
            "which server? write `#[mcp_testing::test(server())]`",
        ));
    }
    let server: Expr = syn::parse2(server)?;
    if function.sig.asyncness.is_none() || function.sig.inputs.len() != 1 {
        return Err(Error::new_spanned(&function.sig, "expected `async fn name(mcp: Harness)`"));
    }
    let testing = crate_path::testing();
    let name = &function.sig.ident;
    let tests = PLACES.iter().map(|place| {
        let place = format_ident!("{place}");
        quote! {
            #[::core::prelude::v1::test]
            fn #place() {
                #testing::__private::block_on(async {
                    let harness = #testing::Harness::#place(#server).await;
                    super::#name(harness).await;
                });
            }
        }
    });
    Ok(quote! {
        #[cfg(test)]
        #function

        #[cfg(test)]
        mod #name {
            #[allow(unused_imports)]
            use super::*;

            #(#tests)*
        }
    })
}
