use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{
    DeriveInput, Error, FnArg, Ident, ItemFn, Pat, PathArguments, Result, ReturnType, Type,
    parse_quote, spanned::Spanned,
};

use crate::{
    crate_path, derive_prompt, docs,
    texts::{Kind, Options, Text},
    tool_fn::{argument_name, is_lint, is_named},
};

/// The function as it was, and the prompt beside it.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = match syn::parse2::<DeriveInput>(item.clone()) {
                Ok(input) => Error::new_spanned(
                    input.ident,
                    "`#[prompt]` makes an `async fn` a prompt; on a type, put `#[derive(Prompt)]` \
                     above its `#[prompt(…)]`",
                ),
                Err(_) => error,
            }
            .into_compile_error();
            return quote!(#error #item);
        }
    };
    let prompt = prompt(options, &function);
    for input in &mut function.sig.inputs {
        match input {
            FnArg::Typed(input) => input.attrs.retain(is_lint),
            // Outside of an `impl`, `self` is an error of its own.
            FnArg::Receiver(_) => return prompt.unwrap_or_else(Error::into_compile_error),
        }
    }
    match prompt {
        Ok(prompt) => quote! {
            #[allow(
                clippy::unused_async,
                clippy::needless_pass_by_value,
                clippy::missing_errors_doc,
                reason = "a prompt is async, owns its arguments, and is documented for a model"
            )]
            #function
            #prompt
        },
        Err(error) => {
            let error = error.into_compile_error();
            quote! {
                #error
                #[allow(warnings, reason = "the macro has said already what is wrong")]
                #function
            }
        }
    }
}

fn prompt(options: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let options = Options::from_tokens(Kind::Prompt, options)?;
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(
            signature.fn_token,
            "a prompt is an `async fn`; run blocking work in `tokio::task::spawn_blocking`",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a prompt is one thing, so its function takes no generic parameters",
        ));
    }

    let core = crate_path::core();
    let (ident, visibility) = (&signature.ident, &function.vis);
    let mut texts: Vec<Text> = Vec::new();
    let mut arguments = Vec::new();
    let mut fields = Vec::new();
    let mut state: Option<Type> = None;
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else {
            return Err(Error::new_spanned(input, "a prompt is a free function, without `self`"));
        };
        let ty = &*input.ty;
        if input.attrs.iter().any(|attribute| attribute.path().is_ident("state")) {
            let Type::Reference(reference) = ty else {
                return Err(Error::new_spanned(ty, "the state is a reference: `&State`"));
            };
            if state.is_some() {
                return Err(Error::new_spanned(ty, "a prompt has one state, that of its pack"));
            }
            state = Some((*reference.elem).clone());
            arguments.push(quote!(state));
            continue;
        }
        if let Type::Reference(reference) = ty {
            if !is_named(&reference.elem, "ToolContext") {
                return Err(Error::new_spanned(
                    ty,
                    "an argument is owned, such as `String`; for the state of the prompt's pack, \
                     write `#[state]` before the parameter",
                ));
            }
            arguments.push(quote!(cx));
            continue;
        }
        let Pat::Ident(pattern) = &*input.pat else {
            return Err(Error::new_spanned(&input.pat, "an argument needs a name, not a pattern"));
        };
        let name: Ident = argument_name(&pattern.ident);
        let text = Text::new(Kind::Prompt, name.clone(), ty.clone(), &input.attrs)?;
        if let Some(complete) = text.complete() {
            return Err(Error::new(
                complete,
                "only `impl GetPrompt` has a method `complete`: list the `values`, or derive \
                 `Prompt` on a type",
            ));
        }
        arguments.push(quote!(self.#name));
        let kept = input
            .attrs
            .iter()
            .filter(|attribute| !attribute.path().is_ident("prompt") && !is_lint(attribute));
        let ty = &text.ty;
        fields.push(quote!(#(#kept)* #visibility #name: #ty));
        texts.push(text);
    }

    let ReturnType::Type(_, output) = &signature.output else {
        return Err(Error::new_spanned(
            ident,
            "a prompt returns its messages: a `String`, or `PromptMessages`",
        ));
    };
    let call = quote!(#ident(#(#arguments),*).await);
    // What is no message is complained about where it is named.
    let messages = if is_result(output) {
        quote_spanned!(output.span()=> Ok(::core::convert::Into::into(#call?)))
    } else {
        quote_spanned!(output.span()=> Ok(::core::convert::Into::into(#call)))
    };
    let implementation = derive_prompt::implement(&core, ident, &function.attrs, &options, &texts)?;
    let shared = function.attrs.iter().filter(|attribute| {
        docs::is_doc(attribute)
            || attribute.path().is_ident("allow")
            || attribute.path().is_ident("cfg")
    });
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let state = state.unwrap_or_else(|| parse_quote!(()));
    Ok(quote! {
        #(#shared)*
        #[allow(non_camel_case_types, missing_docs, reason = "it has a function's name and its docs")]
        #[derive(Debug)]
        #visibility struct #ident {
            #(#fields,)*
        }

        #implementation

        #(#conditions)*
        #[automatically_derived]
        impl #core::GetPrompt<#state> for #ident {
            #[allow(
                unused_variables,
                deprecated,
                clippy::unused_async,
                reason = "the function's author chooses what its body uses"
            )]
            async fn get(
                self,
                state: &#state,
                cx: &#core::ToolContext,
            ) -> #core::ToolResult<#core::PromptMessages> {
                #messages
            }
        }
    })
}

fn is_result(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| {
        (last.ident == "Result" || last.ident == "ToolResult")
            && matches!(last.arguments, PathArguments::AngleBracketed(_))
    })
}
