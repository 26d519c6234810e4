use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, GenericArgument, Ident, ItemFn, LitStr, Pat, PathArguments, Result, ReturnType,
    Type, ext::IdentExt as _, parse_quote,
};

use crate::{
    attributes::{ToolOptions, header},
    crate_path, derive_tool, docs,
};

/// What a parameter of the function is for.
enum Parameter {
    Argument(Ident),
    Context,
    State,
}

pub(crate) fn expand(options: TokenStream, mut function: ItemFn) -> Result<TokenStream> {
    let options = ToolOptions::from_tokens(options)?;
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(
            signature.fn_token,
            "a tool is an `async fn`; run blocking work in `tokio::task::spawn_blocking`",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a tool has one schema, so its function takes no type parameters",
        ));
    }

    let core = crate_path::core();
    let ident = signature.ident.clone();
    let mut parameters = Vec::new();
    let mut fields = Vec::new();
    let mut headers = Vec::new();
    let mut state: Type = parse_quote!(());
    let mut has_state = false;
    for input in &mut function.sig.inputs {
        let FnArg::Typed(input) = input else {
            return Err(Error::new_spanned(input, "a tool is a free function, without `self`"));
        };
        let (ty, attributes) = (&input.ty, std::mem::take(&mut input.attrs));
        if attributes.iter().any(|attribute| attribute.path().is_ident("state")) {
            let Type::Reference(reference) = &**ty else {
                return Err(Error::new_spanned(ty, "the state is a reference: `&State`"));
            };
            if has_state {
                return Err(Error::new_spanned(ty, "a tool has one state"));
            }
            has_state = true;
            state = (*reference.elem).clone();
            parameters.push(Parameter::State);
            continue;
        }
        if let Type::Reference(reference) = &**ty {
            if !is_named(&reference.elem, "ToolContext") {
                return Err(Error::new_spanned(
                    ty,
                    "an argument is owned, such as `String`; mark the pack's state with `#[state]`",
                ));
            }
            parameters.push(Parameter::Context);
            continue;
        }
        let Pat::Ident(pattern) = &*input.pat else {
            return Err(Error::new_spanned(&input.pat, "an argument needs a name, not a pattern"));
        };
        let mut name = pattern.ident.clone();
        // `_text` silences the compiler about an unused parameter; the argument is `text`.
        let wire = name.unraw().to_string();
        if let Some(plain) = wire.strip_prefix('_').filter(|plain| !plain.is_empty()) {
            name = Ident::new(plain, name.span());
        }
        if let Some(header) = header(&attributes, ty)? {
            headers.push((name.unraw().to_string(), header));
        }
        let kept = attributes.iter().filter(|attribute| !attribute.path().is_ident("tool"));
        fields.push(quote! {
            #(#kept)*
            pub #name: #ty
        });
        parameters.push(Parameter::Argument(name));
    }
    derive_tool::check_distinct(&headers)?;

    let implementation =
        derive_tool::implement(&core, &ident, &function.attrs, &options, &headers)?;
    let documentation = function.attrs.iter().filter(|attribute| docs::is_doc(attribute));
    let (serde, schemars) = (
        path_text(&quote!(#core::__private::serde)),
        path_text(&quote!(#core::__private::schemars)),
    );
    let arguments = parameters.iter().map(|parameter| match parameter {
        Parameter::Argument(name) => quote!(self.#name),
        Parameter::Context => quote!(cx),
        Parameter::State => quote!(state),
    });
    let call = quote!(#ident(#(#arguments),*).await);
    let (output, result) = match output(&function.sig.output)? {
        Output::Plain(ty) => (quote!(#ty), quote!(Ok(#call))),
        Output::Result(ty) => (quote!(#ty), quote!(Ok(#call?))),
    };
    let visibility = &function.vis;
    Ok(quote! {
        #function

        #(#documentation)*
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(
            Debug,
            #core::__private::serde::Serialize,
            #core::__private::serde::Deserialize,
            #core::__private::schemars::JsonSchema,
        )]
        #[serde(crate = #serde)]
        #[schemars(crate = #schemars)]
        #visibility struct #ident {
            #(#fields,)*
        }

        #implementation

        #[automatically_derived]
        impl #core::Call<#state> for #ident {
            type Output = #output;

            #[allow(unused_variables, clippy::unused_async)]
            async fn call(
                self,
                state: &#state,
                cx: &#core::ToolContext,
            ) -> #core::ToolResult<Self::Output> {
                #result
            }
        }
    })
}

enum Output {
    Plain(Type),
    Result(Type),
}

/// What the function returns: a value, or a `Result` (of any alias that ends in `Result`).
fn output(output: &ReturnType) -> Result<Output> {
    let ReturnType::Type(_, ty) = output else {
        return Ok(Output::Plain(parse_quote!(())));
    };
    let Type::Path(path) = &**ty else {
        return Ok(Output::Plain((**ty).clone()));
    };
    let Some(last) = path.path.segments.last().filter(|last| {
        let name = last.ident.to_string();
        name == "Result" || name == "ToolResult"
    }) else {
        return Ok(Output::Plain((**ty).clone()));
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(Error::new_spanned(ty, "expected `Result<T, E>` or `ToolResult<T>`"));
    };
    match arguments.args.first() {
        Some(GenericArgument::Type(ok)) => Ok(Output::Result(ok.clone())),
        _ => Err(Error::new_spanned(ty, "expected `Result<T, E>` or `ToolResult<T>`")),
    }
}

fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn path_text(path: &TokenStream) -> LitStr {
    LitStr::new(&path.to_string().replace(' ', ""), proc_macro2::Span::call_site())
}
