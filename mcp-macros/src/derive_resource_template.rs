use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{DeriveInput, Error, LitStr, Result};

use crate::{
    crate_path,
    texts::{Kind, Options, Text, description, fields},
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let ident = &input.ident;
    let texts = fields(Kind::Template, input)?;
    let options = Options::from_attributes(Kind::Template, &input.attrs)?;
    let uri = options.uri.as_ref().ok_or_else(|| {
        Error::new_spanned(
            ident,
            "which URIs? add `#[resource(uri = \"docs://{id}\")]` with a variable for each field",
        )
    })?;
    check_variables(uri, &texts)?;

    let core = crate_path::core();
    let description = description(Kind::Template, ident, &input.attrs)?;
    let name = options.name(Kind::Template, ident)?;
    let setters = options.setters(&core);
    let suggestions = texts.iter().map(Text::suggestions);
    let given = format_ident!("variables");
    let reads = texts.iter().map(|text| text.read(&given));
    Ok(quote! {
        #[automatically_derived]
        impl #core::ResourceTemplate for #ident {
            const URI: &'static str = #uri;

            fn definition() -> #core::ResourceTemplateDefinition {
                #core::ResourceTemplateDefinition::new(Self::URI, #name, #description)
                    #setters
                    #(#suggestions)*
            }

            fn from_variables(
                #given: &#core::TextArguments,
            ) -> ::core::result::Result<Self, #core::RpcError> {
                ::core::result::Result::Ok(Self { #(#reads,)* })
            }
        }
    })
}

/// Every variable has a field, and every field a variable. The rest of what makes a template is
/// checked when the server is built.
fn check_variables(uri: &LitStr, texts: &[Text]) -> Result<()> {
    let text = uri.value();
    let variables = variables(&text).map_err(|reason| Error::new(uri.span(), reason))?;
    if variables.is_empty() {
        return Err(Error::new(
            uri.span(),
            "the template has no variable, such as `{id}`: what has one URI is a `Resource`",
        ));
    }
    let mut errors: Vec<(Span, String)> = Vec::new();
    for variable in &variables {
        if !texts.iter().any(|field| field.name.value() == *variable) {
            errors.push((uri.span(), format!("no field takes the variable `{variable}`")));
        }
    }
    for field in texts {
        let name = field.name.value();
        if !variables.iter().any(|variable| *variable == name) {
            errors.push((field.name.span(), format!("the template has no variable `{{{name}}}`")));
        } else if field.is_optional {
            let message = "a URI has all of its variables: this is never `None`".to_owned();
            errors.push((field.ident.span(), message));
        }
    }
    let errors = errors.into_iter().map(|(span, message)| Error::new(span, message));
    match errors.reduce(|mut all, error| {
        all.combine(error);
        all
    }) {
        Some(errors) => Err(errors),
        None => Ok(()),
    }
}

fn variables(template: &str) -> std::result::Result<Vec<&str>, String> {
    let mut variables = Vec::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let length = rest[open..].find('}').ok_or("a `{` is not closed")?;
        let name = &rest[open + 1..open + length];
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name {
            return Err(format!(
                "`{{{name}}}` is no variable: only simple ones, such as `{{id}}`, are supported"
            ));
        }
        if variables.contains(&name) {
            return Err(format!("the variable `{name}` stands twice"));
        }
        variables.push(name);
        rest = &rest[open + length + 1..];
        if rest.starts_with('{') {
            return Err("two variables need text between them".to_owned());
        }
    }
    Ok(variables)
}
