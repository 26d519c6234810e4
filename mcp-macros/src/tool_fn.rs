use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Attribute, DeriveInput, Error, FnArg, GenericArgument, Ident, ItemFn, LitStr, Pat, PatType,
    PathArguments, Result, ReturnType, Safety, Signature, Type, ext::IdentExt as _, parse_quote,
    spanned::Spanned,
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

/// The function as it was, and the tool beside it. After a mistake the function stays, so that
/// the mistake is all that the compiler complains about.
pub(crate) fn expand(options: TokenStream, item: &TokenStream) -> TokenStream {
    let mut function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let error = match syn::parse2::<DeriveInput>(item.clone()) {
                Ok(input) => Error::new_spanned(
                    input.ident,
                    "`#[tool]` makes an `async fn` a tool; on a type, put `#[derive(Tool)]` above \
                     its `#[tool(…)]`",
                ),
                Err(_) => error,
            }
            .into_compile_error();
            return quote!(#error #item);
        }
    };
    let tool = tool(options, &mut function);
    for input in &mut function.sig.inputs {
        match input {
            FnArg::Typed(input) => input.attrs.retain(is_lint),
            // Outside of an `impl`, `self` is an error of its own.
            FnArg::Receiver(_) => return tool.unwrap_or_else(Error::into_compile_error),
        }
    }
    let tool = match tool {
        Ok(tool) => tool,
        Err(error) => {
            let error = error.into_compile_error();
            return quote! {
                #error
                #[allow(warnings, reason = "the macro has said already what is wrong")]
                #function
            };
        }
    };
    quote! {
        #[allow(
            clippy::unused_async,
            clippy::needless_pass_by_value,
            clippy::missing_errors_doc,
            reason = "a tool is async, owns its arguments, and is documented for a model"
        )]
        #function
        #tool
    }
}

fn tool(options: TokenStream, function: &mut ItemFn) -> Result<TokenStream> {
    let options = ToolOptions::from_tokens(options)?;
    check_signature(&function.sig)?;

    let core = crate_path::core();
    let ident = &function.sig.ident;
    let visibility = &function.vis;
    let mut parameters = Vec::new();
    let mut fields = Vec::new();
    let mut headers = Vec::new();
    let mut state: Option<Type> = None;
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else {
            return Err(Error::new_spanned(input, "a tool is a free function, without `self`"));
        };
        let parameter = Parameter::of(input)?;
        let ty = &input.ty;
        match &parameter {
            Parameter::Context => {}
            Parameter::State => {
                let Type::Reference(reference) = &**ty else {
                    return Err(Error::new_spanned(ty, "the state is a reference: `&State`"));
                };
                if let Some(mutable) = &reference.mutability {
                    return Err(Error::new_spanned(
                        mutable,
                        "calls run at the same time and share the state: take `&State`, and put \
                         what changes into a `Mutex` or an atomic",
                    ));
                }
                if state.is_some() {
                    return Err(Error::new_spanned(ty, "a tool has one state, that of its pack"));
                }
                state = Some((*reference.elem).clone());
            }
            Parameter::Argument(name) => {
                if let Some(header) = header(&input.attrs, ty)? {
                    headers.push((name.unraw().to_string(), header));
                }
                let kept = input
                    .attrs
                    .iter()
                    .filter(|attribute| !attribute.path().is_ident("tool") && !is_lint(attribute));
                fields.push(quote! {
                    #(#kept)*
                    #visibility #name: #ty
                });
            }
        }
        parameters.push(parameter);
    }
    derive_tool::check_distinct(&headers)?;

    let implementation = derive_tool::implement(&core, ident, &function.attrs, &options, &headers)?;
    let shared = function.attrs.iter().filter(|attribute| {
        docs::is_doc(attribute)
            || attribute.path().is_ident("allow")
            || attribute.path().is_ident("cfg")
    });
    let conditions = function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg"));
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
        // An error that does not convert is shown where it is named.
        Output::Result(ty, error) => (quote!(#ty), quote_spanned!(error=> Ok(#call?))),
    };
    let state = state.unwrap_or_else(|| parse_quote!(()));
    Ok(quote! {
        #(#shared)*
        #[allow(non_camel_case_types, missing_docs, reason = "it has a function's name and its docs")]
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

        #(#conditions)*
        #[automatically_derived]
        impl #core::Call<#state> for #ident {
            type Output = #output;

            #[allow(
                unused_variables,
                deprecated,
                clippy::unused_async,
                reason = "the function's author chooses what its body uses"
            )]
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

fn check_signature(signature: &Signature) -> Result<()> {
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(
            signature.fn_token,
            "a tool is an `async fn`; run blocking work in `tokio::task::spawn_blocking`",
        ));
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        return Err(Error::new_spanned(
            unsafety,
            "a model cannot promise what `unsafe` asks for: a tool is a safe function",
        ));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a tool has one schema, so its function takes no generic parameters",
        ));
    }
    Ok(())
}

impl Parameter {
    fn of(input: &PatType) -> Result<Self> {
        let ty = &*input.ty;
        let attribute =
            |name: &str| input.attrs.iter().find(|attribute| attribute.path().is_ident(name));
        if let Some(condition) = attribute("cfg") {
            return Err(Error::new_spanned(
                condition,
                "an argument is there always or never: put `#[cfg]` on the function",
            ));
        }
        let is_state = attribute("state").is_some();
        if is_state || matches!(ty, Type::Reference(_)) {
            if let Some(options) = attribute("tool") {
                return Err(Error::new_spanned(options, "only an argument takes options"));
            }
            if is_state {
                return Ok(Self::State);
            }
        }
        match ty {
            Type::Reference(reference) if is_named(&reference.elem, "ToolContext") => {
                match &reference.mutability {
                    Some(mutable) => {
                        Err(Error::new_spanned(mutable, "the context is `&ToolContext`"))
                    }
                    None => Ok(Self::Context),
                }
            }
            Type::Reference(_) => Err(Error::new_spanned(
                ty,
                "an argument is owned, such as `String`; for the state of the tool's pack, write \
                 `#[state]` before the parameter",
            )),
            Type::ImplTrait(_) => {
                Err(Error::new_spanned(ty, "an argument has one schema: name its type"))
            }
            _ if is_named(ty, "ToolContext") => {
                Err(Error::new_spanned(ty, "the context is a reference: `&ToolContext`"))
            }
            _ => match &*input.pat {
                Pat::Ident(pattern) if pattern.subpat.is_none() && pattern.by_ref.is_none() => {
                    Ok(Self::Argument(argument_name(&pattern.ident)))
                }
                other => Err(Error::new_spanned(
                    other,
                    "an argument needs a name: take it whole and destructure it in the function's body",
                )),
            },
        }
    }
}

/// `_text` silences the compiler about an unused parameter; the argument is `text`.
pub(crate) fn argument_name(parameter: &Ident) -> Ident {
    let name = parameter.to_string();
    let plain = name.strip_prefix('_').and_then(|plain| {
        // A keyword becomes a raw identifier; what is neither, such as `1`, stays as it was.
        syn::parse_str::<Ident>(plain)
            .or_else(|_| syn::parse_str::<Ident>(&format!("r#{plain}")))
            .ok()
    });
    match plain {
        Some(mut plain) => {
            plain.set_span(parameter.span());
            plain
        }
        None => parameter.clone(),
    }
}

/// Lints are the only attributes that mean something to the parameter itself; the others are for
/// the argument.
pub(crate) fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"]
        .iter()
        .any(|level| attribute.path().is_ident(level))
}

enum Output {
    Plain(Type),
    /// And where the error is named.
    Result(Type, Span),
}

/// What the function returns: a value, or a type named `Result` or `ToolResult`, whose first
/// parameter is the value.
fn output(output: &ReturnType) -> Result<Output> {
    let ReturnType::Type(_, ty) = output else {
        return Ok(Output::Plain(parse_quote!(())));
    };
    let named = |ty: &Type| match ty {
        Type::ImplTrait(_) => {
            Err(Error::new_spanned(ty, "a tool's output has a schema: name its type"))
        }
        ty => Ok(ty.clone()),
    };
    let Type::Path(path) = &**ty else {
        return named(ty).map(Output::Plain);
    };
    let Some(last) = path
        .path
        .segments
        .last()
        .filter(|last| last.ident == "Result" || last.ident == "ToolResult")
    else {
        return Ok(Output::Plain((**ty).clone()));
    };
    if let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(ok)) = arguments.args.first()
    {
        let error = arguments.args.get(1).map_or(last.ident.span(), Spanned::span);
        return Ok(Output::Result(named(ok)?, error));
    }
    Err(Error::new_spanned(ty, "expected `ToolResult<T>` or `Result<T, E>`"))
}

pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(path)
        if path.path.segments.last().is_some_and(|last| last.ident == name))
}

fn path_text(path: &TokenStream) -> LitStr {
    LitStr::new(&path.to_string().replace(' ', ""), Span::call_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_underscore_is_no_part_of_the_name() {
        for (parameter, argument) in [
            ("text", "text"),
            ("_text", "text"),
            ("__text", "_text"),
            ("r#type", "r#type"),
            ("_type", "r#type"),
            ("_self", "_self"),
            ("_1", "_1"),
        ] {
            let parameter: Ident = syn::parse_str(parameter).unwrap();
            assert_eq!(argument_name(&parameter).to_string(), argument);
        }
    }
}
