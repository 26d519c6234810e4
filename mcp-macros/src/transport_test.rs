use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Error, Expr, Ident, ItemFn, Result, Token,
    parse::{Parse, ParseStream},
};

use crate::crate_path;

/// Where each test runs: the name of its module's function, and the harness that it gets.
const PLACES: [&str; 9] = [
    "in_memory_modern",
    "in_memory_legacy",
    "stdio_modern",
    "stdio_legacy",
    "http_modern",
    "http_legacy",
    "web_socket_modern",
    "web_socket_legacy",
    "http_sse_legacy",
];

/// Where a test runs besides, if it asks for AWS Lambda: the test's name, and the door.
const DOORS: [(&str, &str); 8] = [
    ("function_url", "FunctionUrl"),
    ("function_url_stream", "FunctionUrlStream"),
    ("rest_api", "RestApi"),
    ("rest_api_stream", "RestApiStream"),
    ("http_api", "HttpApi"),
    ("alb", "Alb"),
    ("alb_multi_value", "AlbMultiValue"),
    ("invoke", "Invoke"),
];

/// The door that is asked for by itself, as it needs more than a function.
const WEB_SOCKET_API: (&str, &str) = ("web_socket_api", "WebSocketApi");

struct Options {
    server: Expr,
    lambda: bool,
    web_socket_api: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let server = input.parse()?;
        let mut options = Self { server, lambda: false, web_socket_api: false };
        while input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
            let place: Ident = input.parse()?;
            let wanted = match place.to_string().as_str() {
                "lambda" => &mut options.lambda,
                "web_socket_api" => &mut options.web_socket_api,
                _ => {
                    let message = "the only other places are `lambda` and `web_socket_api`";
                    return Err(Error::new_spanned(place, message));
                }
            };
            *wanted = true;
        }
        Ok(options)
    }
}

pub(crate) fn expand(options: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    if options.is_empty() {
        return Err(Error::new(
            proc_macro2::Span::call_site(),
            "which server? write `#[mcp_testing::test(server())]`",
        ));
    }
    let Options { server, lambda, web_socket_api } = syn::parse2(options)?;
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
    let doors: Vec<_> = DOORS
        .into_iter()
        .filter(|_| lambda)
        .chain(web_socket_api.then_some(WEB_SOCKET_API))
        .collect();
    let doors = (!doors.is_empty()).then(|| behind_doors(&doors, &testing, &server, name));
    Ok(quote! {
        #[cfg(test)]
        #function

        #[cfg(test)]
        mod #name {
            #[allow(unused_imports, reason = "the server may be a path")]
            use super::*;

            #(#tests)*
            #doors
        }
    })
}

/// The function is this very test binary, run anew with a test of which Lambda makes a server.
fn behind_doors(
    doors: &[(&str, &str)],
    testing: &syn::Path,
    server: &Expr,
    name: &Ident,
) -> TokenStream {
    let tests = doors.iter().flat_map(|(place, door)| {
        let door = format_ident!("{door}");
        [("modern", quote!()), ("legacy", quote!(.legacy()))].map(|(era, choose)| {
            let test = format_ident!("{place}_{era}");
            quote! {
                #[::core::prelude::v1::test]
                fn #test() {
                    #testing::__private::block_on(async {
                        let function = #testing::__private::lambda::this_binary(FUNCTION);
                        let connect =
                            #testing::Harness::behind(#testing::lambda::Door::#door, function);
                        super::#name(connect #choose .await).await;
                    });
                }
            }
        })
    });
    quote! {
        const FUNCTION: &str = concat!(module_path!(), "::lambda_function");

        #[::core::prelude::v1::test]
        fn lambda_function() {
            #testing::__private::lambda::serve(async || #server);
        }

        #(#tests)*
    }
}
