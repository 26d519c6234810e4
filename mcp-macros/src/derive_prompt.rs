use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, DeriveInput, Error, Ident, Path, Result};

use crate::{
    crate_path,
    texts::{Kind, Options, Text, description, fields},
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let texts = fields(Kind::Prompt, input)?;
    let options = Options::from_attributes(Kind::Prompt, &input.attrs)?;
    let undescribed = texts.iter().filter_map(|text| text.check_description().err()).reduce(
        |mut all: Error, error| {
            all.combine(error);
            all
        },
    );
    if let Some(errors) = undescribed {
        return Err(errors);
    }
    implement(&crate_path::core(), &input.ident, &input.attrs, &options, &texts)
}

/// `impl Prompt for` the type of the arguments.
pub(crate) fn implement(
    core: &Path,
    ident: &Ident,
    attributes: &[Attribute],
    options: &Options,
    texts: &[Text],
) -> Result<TokenStream> {
    let description = description(Kind::Prompt, ident, attributes)?;
    let name = options.name(Kind::Prompt, ident)?;
    let setters = options.setters(core);
    let arguments = texts.iter().map(|text| text.argument(core));
    let suggestions = texts.iter().map(Text::suggestions);
    let given = format_ident!("arguments");
    let reads = texts.iter().map(|text| text.read(&given));
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    Ok(quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #core::Prompt for #ident {
            const NAME: &'static str = #name;

            fn definition() -> #core::PromptDefinition {
                #core::PromptDefinition::new(Self::NAME, #description)
                    #setters
                    #(#arguments)*
                    #(#suggestions)*
            }

            #[allow(unused_variables, reason = "a prompt may have no arguments")]
            fn from_arguments(
                #given: &#core::TextArguments,
            ) -> ::core::result::Result<Self, #core::RpcError> {
                ::core::result::Result::Ok(Self { #(#reads,)* })
            }
        }
    })
}
