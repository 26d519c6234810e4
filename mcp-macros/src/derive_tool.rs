use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Path, Result, ext::IdentExt as _,
};

use crate::{
    attributes::{ToolOptions, header, is_tool_name},
    crate_path, docs,
};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unit => {
                return Err(Error::new_spanned(
                    &input.ident,
                    "a tool's arguments are an object: write `struct Name {}` for a tool without \
                     arguments",
                ));
            }
            Fields::Unnamed(fields) => {
                return Err(Error::new_spanned(
                    fields,
                    "a tool's arguments have names: write `struct Name { argument: Type }`",
                ));
            }
        },
        Data::Enum(data) => {
            return Err(Error::new_spanned(
                data.enum_token,
                "a tool is a struct; put an enum into one of its fields",
            ));
        }
        Data::Union(data) => {
            return Err(Error::new_spanned(
                data.union_token,
                "a tool is a struct: its arguments are all there at once",
            ));
        }
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "a tool has one schema, so its type takes no parameters",
        ));
    }

    let options = ToolOptions::from_attributes(&input.attrs)?;
    let rename_all = RenameRule::of(&input.attrs)?;
    let mut headers = Vec::new();
    let mut undescribed: Option<Error> = None;
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let serde = SerdeField::of(&field.attrs)?;
        let header = header(&field.attrs, &field.ty)?;
        if serde.hidden {
            if let Some(header) = header {
                return Err(Error::new(
                    header.span(),
                    "a field that is skipped or flattened is no argument, so it has no header",
                ));
            }
            continue;
        }
        if docs::text(&field.attrs).is_none() {
            let error = Error::new_spanned(
                ident,
                format!(
                    "the model needs a description of `{ident}`: add a doc comment that says what \
                     it means, its unit and its limits"
                ),
            );
            match &mut undescribed {
                Some(errors) => errors.combine(error),
                None => undescribed = Some(error),
            }
        }
        if let Some(header) = header {
            let name = serde.rename.unwrap_or_else(|| rename_all.apply(&ident.unraw().to_string()));
            headers.push((name, header));
        }
    }
    if let Some(errors) = undescribed {
        return Err(errors);
    }
    check_distinct(&headers)?;
    implement(&crate_path::core(), &input.ident, &input.attrs, &options, &headers)
}

/// `impl Tool for` the type of the arguments.
pub(crate) fn implement(
    core: &Path,
    ident: &Ident,
    attributes: &[Attribute],
    options: &ToolOptions,
    headers: &[(String, LitStr)],
) -> Result<TokenStream> {
    let description = docs::text(attributes).ok_or_else(|| {
        Error::new_spanned(
            ident,
            format!(
                "the model needs a description of `{ident}`: add a doc comment that says what the \
                 tool does and when to use it"
            ),
        )
    })?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => {
            let name = snake_case(&ident.unraw().to_string());
            if !is_tool_name(&name) {
                return Err(Error::new_spanned(
                    ident,
                    format!(
                        "`{name}` is no name that all clients take: add `#[tool(name = \"…\")]` \
                         with letters (A-Z, a-z), digits, `_`, `-` and `.`"
                    ),
                ));
            }
            LitStr::new(&name, ident.span())
        }
    };
    options.check_aliases(&name)?;
    // A function keeps its `#[cfg]`; what stands beside it must go where it goes.
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    let setters = options.setters(core);
    let headers = headers.iter().map(|(argument, header)| quote!(.header(#argument, #header)));
    Ok(quote! {
        #(#conditions)*
        #[automatically_derived]
        impl #core::Tool for #ident {
            const NAME: &'static str = #name;

            fn definition() -> #core::ToolDefinition {
                #core::ToolDefinition::new::<Self>(Self::NAME, #description)
                    #setters
                    #(#headers)*
            }
        }
    })
}

pub(crate) fn check_distinct(headers: &[(String, LitStr)]) -> Result<()> {
    for (index, (_, header)) in headers.iter().enumerate() {
        let taken = headers[..index]
            .iter()
            .any(|(_, other)| other.value().eq_ignore_ascii_case(&header.value()));
        if taken {
            return Err(Error::new(
                header.span(),
                "another argument has this header (upper and lower case are the same)",
            ));
        }
    }
    Ok(())
}

/// What serde makes of a field.
#[derive(Default)]
struct SerdeField {
    rename: Option<String>,
    /// Not an argument of its own: `skip` or `flatten`.
    hidden: bool,
}

impl SerdeField {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut field = Self::default();
        for_each_serde_option(attributes, |option, value| match (option, value) {
            ("rename", Some(name)) => field.rename = Some(name.value()),
            ("skip" | "skip_deserializing" | "flatten", None) => field.hidden = true,
            _ => {}
        })?;
        Ok(field)
    }
}

/// serde's `rename_all`, for the names of arguments.
#[derive(Clone, Copy)]
enum RenameRule {
    None,
    Camel,
    Kebab,
    Pascal,
    Upper,
    ScreamingSnake,
    ScreamingKebab,
}

impl RenameRule {
    fn of(attributes: &[Attribute]) -> Result<Self> {
        let mut rule = Self::None;
        for_each_serde_option(attributes, |option, value| {
            if let ("rename_all", Some(name)) = (option, value) {
                rule = match name.value().as_str() {
                    "camelCase" => Self::Camel,
                    "kebab-case" => Self::Kebab,
                    "PascalCase" => Self::Pascal,
                    "UPPERCASE" => Self::Upper,
                    "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
                    "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
                    // `snake_case` and `lowercase` leave a field's name as it is.
                    _ => Self::None,
                };
            }
        })?;
        Ok(rule)
    }

    fn apply(self, field: &str) -> String {
        let pascal = || {
            field
                .split('_')
                .map(|word| {
                    let mut letters = word.chars();
                    letters.next().map_or_else(String::new, |first| {
                        first.to_ascii_uppercase().to_string() + letters.as_str()
                    })
                })
                .collect::<String>()
        };
        match self {
            Self::None => field.to_owned(),
            Self::Camel => {
                let pascal = pascal();
                let mut letters = pascal.chars();
                letters.next().map_or_else(String::new, |first| {
                    first.to_ascii_lowercase().to_string() + letters.as_str()
                })
            }
            Self::Kebab => field.replace('_', "-"),
            Self::Pascal => pascal(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

/// Visits the options in `#[serde(…)]` that are a word or a word and a string; serde's own
/// derive complains about wrong ones.
fn for_each_serde_option(
    attributes: &[Attribute],
    mut visit: impl FnMut(&str, Option<&LitStr>),
) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            let option = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            if meta.input.peek(syn::Token![=]) {
                let value: syn::Expr = meta.value()?.parse()?;
                if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &value {
                    visit(&option, Some(text));
                }
            } else if meta.input.peek(syn::token::Paren) {
                // `rename_all(deserialize = "…")`: what counts is what clients send.
                meta.parse_nested_meta(|inner| {
                    let value: LitStr = inner.value()?.parse()?;
                    if inner.path.is_ident("deserialize") {
                        visit(&option, Some(&value));
                    }
                    Ok(())
                })?;
            } else {
                visit(&option, None);
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// `TopNProducts` as `top_n_products`.
pub(crate) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, letter) in letters.iter().enumerate() {
        if letter.is_uppercase() && index > 0 {
            let after_lower = !letters[index - 1].is_uppercase() && letters[index - 1] != '_';
            let before_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
            if after_lower || (before_lower && letters[index - 1] != '_') {
                snake.push('_');
            }
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snake_case() {
        for (name, snake) in [
            ("TopNProducts", "top_n_products"),
            ("SalesSummary", "sales_summary"),
            ("HTTPGet", "http_get"),
            ("GetURL", "get_url"),
            ("S3", "s3"),
            ("add", "add"),
            ("already_snake", "already_snake"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }

    #[test]
    fn rename_rules_are_serdes() {
        assert_eq!(RenameRule::Camel.apply("from_date"), "fromDate");
        assert_eq!(RenameRule::Pascal.apply("from_date"), "FromDate");
        assert_eq!(RenameRule::Kebab.apply("from_date"), "from-date");
        assert_eq!(RenameRule::ScreamingSnake.apply("from_date"), "FROM_DATE");
    }
}
