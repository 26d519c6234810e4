//! What prompts and resource templates have in common: their options, and fields that are read
//! from texts.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, ExprLit, Fields, GenericArgument, Ident, Lit,
    LitStr, Path, PathArguments, Result, Type, ext::IdentExt as _, meta::ParseNestedMeta,
    parse::Parser as _,
};

use crate::{
    attributes::{check_icon, check_scope, is_tool_name, milliseconds, string, strings, title},
    derive_tool::snake_case,
    docs,
};

/// Whose options they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Prompt,
    Template,
}

impl Kind {
    /// The attribute that the options stand in.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Template => "resource",
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Template => "resource template",
        }
    }

    /// What a field is.
    fn field(self) -> &'static str {
        match self {
            Self::Prompt => "argument",
            Self::Template => "variable",
        }
    }

    fn options(self) -> &'static str {
        match self {
            Self::Prompt => "expected one of `name`, `title`, `icons`, `scopes`, `timeout`",
            Self::Template => {
                "expected one of `uri`, `name`, `title`, `mime_type`, `audience`, `priority`, \
                 `icons`, `scopes`, `timeout`"
            }
        }
    }
}

/// The options of a prompt or a template.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) uri: Option<LitStr>,
    name: Option<LitStr>,
    /// Calls on the definition.
    setters: Vec<Setter>,
    seen: Vec<Ident>,
}

enum Setter {
    Text(&'static str, LitStr),
    Icons(Vec<LitStr>),
    Scopes(Vec<LitStr>),
    Audience(Vec<Ident>),
    Priority(f32),
    Timeout(u64),
}

impl Options {
    pub(crate) fn from_attributes(kind: Kind, attributes: &[Attribute]) -> Result<Self> {
        let mut options = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident(kind.attribute()) {
                attribute.parse_nested_meta(|meta| options.parse(kind, &meta))?;
            }
        }
        Ok(options)
    }

    pub(crate) fn from_tokens(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        syn::meta::parser(|meta| options.parse(kind, &meta)).parse2(tokens)?;
        Ok(options)
    }

    fn parse(&mut self, kind: Kind, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let option = meta.path.require_ident().map_err(|_| meta.error(kind.options()))?.clone();
        if self.seen.contains(&option) {
            return Err(meta.error(format!("`{option}` is given twice")));
        }
        let is_template = kind == Kind::Template;
        match option.to_string().as_str() {
            "uri" if is_template => self.uri = Some(string(meta)?),
            "name" => {
                let name = string(meta)?;
                if kind == Kind::Prompt && !is_tool_name(&name.value()) {
                    return Err(Error::new(
                        name.span(),
                        "a prompt's name consists of 1 to 128 letters (A-Z, a-z), digits, `_`, \
                         `-` and `.`",
                    ));
                }
                self.name = Some(name);
            }
            "title" => self.setters.push(Setter::Text("title", title(string(meta)?)?)),
            "mime_type" if is_template => {
                let mime_type = string(meta)?;
                if !mime_type.value().contains('/') {
                    let text = "a MIME type is such as \"text/plain\"";
                    return Err(Error::new(mime_type.span(), text));
                }
                self.setters.push(Setter::Text("mime_type", mime_type));
            }
            "audience" if is_template => {
                let roles = strings(meta)?.into_iter().map(|role| match role.value().as_str() {
                    "user" => Ok(format_ident!("User")),
                    "assistant" => Ok(format_ident!("Assistant")),
                    _ => Err(Error::new(role.span(), "expected \"user\" or \"assistant\"")),
                });
                self.setters.push(Setter::Audience(roles.collect::<Result<_>>()?));
            }
            "priority" if is_template => {
                let value: Expr = meta.value()?.parse()?;
                let priority = match &value {
                    Expr::Lit(ExprLit { lit: Lit::Float(float), .. }) => float.base10_parse().ok(),
                    Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => int.base10_parse().ok(),
                    _ => None,
                };
                let priority = priority.filter(|priority| (0.0..=1.0).contains(priority));
                self.setters.push(Setter::Priority(priority.ok_or_else(|| {
                    Error::new_spanned(&value, "a priority is a number from 0.0 to 1.0")
                })?));
            }
            "timeout" => self.setters.push(Setter::Timeout(milliseconds(&string(meta)?)?)),
            "icons" => {
                let icons = strings(meta)?;
                icons.iter().try_for_each(check_icon)?;
                self.setters.push(Setter::Icons(icons));
            }
            "scopes" => {
                let scopes = strings(meta)?;
                scopes.iter().try_for_each(check_scope)?;
                self.setters.push(Setter::Scopes(scopes));
            }
            "values" | "complete" => {
                return Err(
                    meta.error(format!("`{option}` goes on the {} that it is for", kind.field()))
                );
            }
            _ => return Err(meta.error(format!("unknown option `{option}`: {}", kind.options()))),
        }
        self.seen.push(option);
        Ok(())
    }

    /// Calls on a definition that set the options.
    pub(crate) fn setters(&self, core: &Path) -> TokenStream {
        let setters = self.setters.iter().map(|setter| match setter {
            Setter::Text(name, text) => {
                let name = Ident::new(name, Span::call_site());
                quote!(.#name(#text))
            }
            Setter::Icons(icons) => quote!(.icons(&[#(#icons),*])),
            Setter::Scopes(scopes) => quote!(.scopes(&[#(#scopes),*])),
            Setter::Audience(roles) => quote!(.audience(&[#(#core::model::Role::#roles),*])),
            Setter::Priority(priority) => quote!(.priority(#priority)),
            Setter::Timeout(milliseconds) => {
                quote!(.timeout(::core::time::Duration::from_millis(#milliseconds)))
            }
        });
        quote!(#(#setters)*)
    }

    /// The name, given or made of the type's.
    pub(crate) fn name(&self, kind: Kind, ident: &Ident) -> Result<LitStr> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let name = snake_case(&ident.unraw().to_string());
        if kind == Kind::Prompt && !is_tool_name(&name) {
            return Err(Error::new_spanned(
                ident,
                format!(
                    "`{name}` is no name that all clients take: add `#[prompt(name = \"…\")]` \
                     with letters (A-Z, a-z), digits, `_`, `-` and `.`"
                ),
            ));
        }
        Ok(LitStr::new(&name, ident.span()))
    }
}

/// The doc comment of the whole.
pub(crate) fn description(kind: Kind, ident: &Ident, attributes: &[Attribute]) -> Result<String> {
    docs::text(attributes).ok_or_else(|| {
        Error::new_spanned(
            ident,
            format!(
                "clients need a description of `{ident}`: add a doc comment that says what the {} \
                 is for",
                kind.noun()
            ),
        )
    })
}

/// An argument of a prompt or a variable of a template.
pub(crate) struct Text {
    pub(crate) ident: Ident,
    pub(crate) name: LitStr,
    pub(crate) ty: Type,
    title: Option<LitStr>,
    description: Option<String>,
    pub(crate) is_optional: bool,
    values: Vec<LitStr>,
    complete: Option<Span>,
}

impl Text {
    pub(crate) fn new(
        kind: Kind,
        ident: Ident,
        ty: Type,
        attributes: &[Attribute],
    ) -> Result<Self> {
        let mut text = Self {
            name: LitStr::new(&ident.unraw().to_string(), ident.span()),
            is_optional: of_option(&ty).is_some(),
            ident,
            ty,
            title: None,
            description: docs::text(attributes),
            values: Vec::new(),
            complete: None,
        };
        for attribute in attributes {
            if attribute.path().is_ident(kind.attribute()) {
                attribute.parse_nested_meta(|meta| text.parse(kind, &meta))?;
            }
        }
        if let Some(span) = text.complete
            && !text.values.is_empty()
        {
            return Err(Error::new(
                span,
                "`values` are all that there are: remove them, or `complete`",
            ));
        }
        Ok(text)
    }

    fn parse(&mut self, kind: Kind, meta: &ParseNestedMeta<'_>) -> Result<()> {
        if meta.path.is_ident("name") {
            self.name = string(meta)?;
        } else if meta.path.is_ident("title") && kind == Kind::Prompt {
            self.title = Some(title(string(meta)?)?);
        } else if meta.path.is_ident("values") {
            self.values = strings(meta)?;
        } else if meta.path.is_ident("complete") {
            if meta.input.peek(syn::Token![=]) {
                return Err(meta.error("`complete` stands alone: the method `complete` answers"));
            }
            self.complete = meta.path.get_ident().map(Ident::span);
        } else {
            return Err(meta.error(match kind {
                Kind::Prompt => {
                    "an argument takes only `name`, `title`, `values` and `complete`; the other \
                     options go on the prompt"
                }
                Kind::Template => {
                    "a variable takes only `name`, `values` and `complete`; the other options go \
                     on the template"
                }
            }));
        }
        Ok(())
    }

    pub(crate) fn complete(&self) -> Option<Span> {
        self.complete
    }

    pub(crate) fn check_description(&self) -> Result<()> {
        if self.description.is_some() {
            return Ok(());
        }
        let ident = &self.ident;
        Err(Error::new_spanned(
            ident,
            format!(
                "people need a description of `{ident}`: add a doc comment that says what to fill in"
            ),
        ))
    }

    /// A call on the definition that adds the argument.
    pub(crate) fn argument(&self, core: &Path) -> TokenStream {
        let (name, required) = (&self.name, !self.is_optional);
        let title = self.title.as_ref().map(|title| quote!(.with_title(#title)));
        let description = self.description.as_ref().map(|text| quote!(.with_description(#text)));
        quote! {
            .argument(
                #core::model::PromptArgument::new(#name)
                    #title
                    #description
                    .with_required(#required)
            )
        }
    }

    /// A call on the definition that says where suggestions come from.
    pub(crate) fn suggestions(&self) -> TokenStream {
        let (name, values) = (&self.name, &self.values);
        if self.complete.is_some() {
            quote!(.complete(#name))
        } else if values.is_empty() {
            TokenStream::new()
        } else {
            quote!(.values(#name, &[#(#values),*]))
        }
    }

    /// The field, read from the texts in `texts`.
    pub(crate) fn read(&self, texts: &Ident) -> TokenStream {
        let (ident, name) = (&self.ident, &self.name);
        // A type that cannot be read is complained about where it is named.
        let read = match of_option(&self.ty) {
            Some(inner) => quote!(optional::<#inner>),
            None => {
                let ty = &self.ty;
                quote!(required::<#ty>)
            }
        };
        quote!(#ident: #texts.#read(#name)?)
    }
}

/// The fields of a struct.
pub(crate) fn fields(kind: Kind, input: &DeriveInput) -> Result<Vec<Text>> {
    let noun = kind.noun();
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            format!("a {noun} is one thing, so its type takes no parameters"),
        ));
    }
    let fields = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => &fields.named,
            Fields::Unit => return Ok(Vec::new()),
            Fields::Unnamed(fields) => {
                return Err(Error::new_spanned(
                    fields,
                    format!(
                        "a {noun}'s {}s have names: write `struct Name {{ {}: Type }}`",
                        kind.field(),
                        kind.field()
                    ),
                ));
            }
        },
        Data::Enum(data) => {
            return Err(Error::new_spanned(
                data.enum_token,
                format!("a {noun} is a struct; put an enum into one of its fields"),
            ));
        }
        Data::Union(data) => {
            return Err(Error::new_spanned(data.union_token, format!("a {noun} is a struct")));
        }
    };
    let mut texts: Vec<Text> = Vec::new();
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let text = Text::new(kind, ident.clone(), field.ty.clone(), &field.attrs)?;
        if let Some(other) = texts.iter().find(|other| other.name.value() == text.name.value()) {
            return Err(Error::new(
                text.name.span(),
                format!("`{}` has this name already", other.ident),
            ));
        }
        texts.push(text);
    }
    Ok(texts)
}

/// What an `Option` is of.
fn of_option(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == "Option")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => Some(inner),
            _ => None,
        },
        _ => None,
    }
}
